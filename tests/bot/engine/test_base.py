"""The journal's protocol: the test double and the real one are interchangeable."""

from __future__ import annotations

import inspect

import pytest

from bot.engine.base import Journal
from bot.engine.durable import DurableJournal
from tests.fakes.equipment import ListJournal


@pytest.mark.parametrize("kind", [DurableJournal, ListJournal])
@pytest.mark.parametrize("name", ["step", "wait"])
def test_both_journals_are_called_alike(kind: type, name: str) -> None:
    wanted = list(inspect.signature(getattr(Journal, name)).parameters)
    assert list(inspect.signature(getattr(kind, name)).parameters) == wanted
    assert inspect.iscoroutinefunction(getattr(kind, name))


async def test_a_finished_step_is_not_repeated() -> None:
    journal, times = ListJournal(), 0

    async def work() -> int:
        nonlocal times
        times += 1
        return times

    assert [await journal.step("one", work), await journal.step("one", work)] == [1, 1]
    assert await journal.step("two", work) == 2
