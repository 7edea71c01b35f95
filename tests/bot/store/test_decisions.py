"""Decisions: what was decided is kept whole, and found by its number, run, incident and time (G12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.store import decisions
from bot.store.decisions import RecordedDecision
from bot.store.session import Store
from tests.bot.store.conftest import NOW


def decision(**changes: Any) -> RecordedDecision:
    values: dict[str, Any] = {
        "at": NOW, "incident_id": "inc_1", "run_id": "run_1", "step_id": "restart", "phase": "asked",
        "runbook": "restart-service", "service": "payments", "environment": "prod", "action": "supervisor.restart",
        "actor": "ada", "outcome": "ask", "policy_digest": "p" * 64, "looked_back": 600.0, "standing": "nightly",
        "context": {"action": "supervisor.restart", "tier": 1, "targets": ["ü/a"]},
        "findings": [{"rule": "matrix", "verdict": "ask", "reason": "Approve?", "inputs": {"tier": None}}],
    }  # fmt: skip
    return RecordedDecision(**{**values, **changes})


async def test_a_decision_comes_back_as_it_was_made(store: Store) -> None:
    made = decision()
    number = await store.write(lambda s: decisions.add(s, made))
    assert await store.read(lambda s: decisions.get(s, number)) == replace(made, id=number)
    assert await store.read(lambda s: decisions.get(s, number + 1)) is None


@pytest.mark.parametrize("phase", ["", "asking", "ACT"])
async def test_an_unknown_phase_is_refused(store: Store, phase: str) -> None:
    with pytest.raises(ValueError, match="phase"):
        await store.write(lambda s: decisions.add(s, decision(phase=phase)))
    assert await store.read(lambda s: decisions.page(s, NOW)) == []


async def test_numbers_are_never_given_twice(store: Store) -> None:
    first = await store.write(lambda s: decisions.add(s, decision()))
    await store.write(lambda s: s.connection().exec_driver_sql("delete from decision"))
    assert await store.write(lambda s: decisions.add(s, decision())) > first


async def fill(store: Store) -> list[int]:
    """Six decisions, a minute apart, of two runs and two incidents."""
    rows = [
        decision(at=NOW + timedelta(minutes=n), run_id=f"run_{n % 2}", incident_id=f"inc_{n // 3}") for n in range(6)
    ]
    return [await store.write(lambda s, row=row: decisions.add(s, row)) for row in rows]


async def test_they_are_found_by_run_oldest_first_and_by_incident_newest_first(store: Store) -> None:
    numbers = await fill(store)
    of_run = await store.read(lambda s: decisions.for_run(s, "run_1"))
    assert [found.id for found in of_run] == numbers[1::2]
    of_incident = await store.read(lambda s: decisions.for_incident(s, "inc_1", 2))
    assert [found.id for found in of_incident] == [numbers[5], numbers[4]]
    assert await store.read(lambda s: decisions.for_run(s, "run_none")) == []


PAGES = [(0, 0, 1000, [0, 1, 2, 3, 4, 5]), (2, 0, 2, [2, 3]), (2, 4, 2, [4, 5]), (6, 0, 10, [])]


@pytest.mark.parametrize(("minutes", "after", "limit", "wanted"), PAGES)
async def test_pages_go_on_where_the_last_one_ended(
    store: Store, minutes: int, after: int, limit: int, wanted: list[int]
) -> None:
    numbers = await fill(store)
    since, last = NOW + timedelta(minutes=minutes), numbers[after - 1] if after else 0
    found = await store.read(lambda s: decisions.page(s, since, last, limit))
    assert [row.id for row in found] == [numbers[n] for n in wanted]
