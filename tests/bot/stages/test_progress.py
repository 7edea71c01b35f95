"""Progress: one redacted line, at most once a second, by editing the card."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import CountersignError, Permanent, Transient
from bot.stages.progress import LONGEST, reporter
from bot.store import runs
from bot.store.runs import Run
from tests.fakes.scene import Scene


async def started(scene: Scene) -> Run:
    await scene.ask()
    return await scene.run()


async def test_the_latest_line_is_beside_the_run_and_the_card_is_shown_again(trouble: Scene) -> None:
    run = await started(trouble)
    await reporter(trouble.equipment, run, await trouble.incident())("  half done \n")
    assert (await trouble.run()).note == "half done"
    assert [row["subject"] for row in await trouble.outbox("slack", "card")] == [run.id]
    assert "half done" not in str([entry.data for entry in await trouble.entries()])


async def test_a_chatty_act_is_written_at_most_once_a_second(trouble: Scene) -> None:
    run = await started(trouble)
    report = reporter(trouble.equipment, run, await trouble.incident())
    for number in range(100):
        await report(f"line {number}")
    assert (await trouble.run()).note == "line 0"
    trouble.clock.now += timedelta(seconds=1)
    await report("later")
    assert (await trouble.run()).note == "later"
    assert len(await trouble.outbox("slack", "card")) == 1


async def test_T46_T47_a_line_is_redacted_and_cut(trouble: Scene) -> None:
    run = await started(trouble)
    report = reporter(trouble.equipment, run, await trouble.incident())
    await report("password=hunter2 " + "x" * 5000)
    note = (await trouble.run()).note
    assert "hunter2" not in note
    assert len(note) <= LONGEST


async def test_a_closed_run_keeps_its_last_note(trouble: Scene) -> None:
    run = await started(trouble)
    now = trouble.clock()
    await trouble.write(lambda s: runs.close(s, run.id, "stopped", "ended", now))
    await reporter(trouble.equipment, run, await trouble.incident())("late")
    assert (await trouble.run()).note == "ended"


@pytest.mark.parametrize("failure", [Transient("the database is locked"), Permanent("the disk is full")])
async def test_T62_a_store_that_takes_no_line_does_not_end_the_act(
    trouble: Scene, monkeypatch: pytest.MonkeyPatch, failure: CountersignError
) -> None:
    """An adapter that is interrupted in the middle would be told as failed, and would be undone."""
    run = await started(trouble)
    report = reporter(trouble.equipment, run, await trouble.incident())

    async def refuses(_work: Callable[[Any], Any]) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(trouble.equipment.store, "write", refuses)
        await report("half done")
    trouble.clock.now += timedelta(seconds=1)
    await report("nearly done")
    assert (await trouble.run()).note == "nearly done"
