"""Runs: stored with their plan, and closed once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bot.errors import Permanent
from bot.plan import Plan
from bot.store import runs
from bot.store.runs import Run
from bot.store.session import Store

NewRun = Callable[..., Run]


async def test_a_run_keeps_its_plan_and_digest(store: Store, new_run: NewRun) -> None:
    made = new_run()
    await store.write(lambda s: runs.create(s, made))
    kept = await store.read(lambda s: runs.get(s, "run_1"))
    assert kept == made
    assert kept.plan.digest == made.digest
    with pytest.raises(Permanent, match="UNIQUE"):
        await store.write(lambda s: runs.create(s, made))
    with pytest.raises(ValueError, match="digest"):
        await store.write(lambda s: runs.create(s, new_run(2, digest="0" * 64)))


async def test_a_run_starts_goes_on_and_closes_once(store: Store, new_run: NewRun, now: datetime) -> None:
    await store.write(lambda s: runs.create(s, new_run()))
    later = now + timedelta(minutes=1)
    assert await store.write(lambda s: runs.set_running(s, "run_1", now))
    assert await store.write(lambda s: runs.set_running(s, "run_1", later)), "recovered after a crash"
    assert await store.write(lambda s: runs.set_note(s, "run_1", "2 of 4"))
    closes = [store.write(lambda s, o=o: runs.close(s, "run_1", o, "n", later)) for o in ("succeeded", "failed")]
    won = await asyncio.gather(*closes)
    assert won.count(True) == 1
    kept = await store.read(lambda s: runs.get(s, "run_1"))
    assert kept is not None
    assert (kept.state, kept.started_at, kept.finished_at, kept.note) == ("closed", now, later, "n")
    assert kept.outcome == ("succeeded" if won[0] else "failed")
    assert not await store.write(lambda s: runs.set_running(s, "run_1", later))
    assert not await store.write(lambda s: runs.set_note(s, "run_1", "late"))
    assert not await store.write(lambda s: runs.request_stop(s, "run_1", "ada"))
    with pytest.raises(ValueError, match="maybe"):
        await store.write(lambda s: runs.close(s, "run_1", "maybe", "", later))


async def test_the_first_who_asks_to_stop_is_noted(store: Store, new_run: NewRun) -> None:
    await store.write(lambda s: runs.create(s, new_run()))
    assert await store.write(lambda s: runs.request_stop(s, "run_1", "ada"))
    assert not await store.write(lambda s: runs.request_stop(s, "run_1", "bob"))
    kept = await store.read(lambda s: runs.get(s, "run_1"))
    assert kept is not None
    assert kept.stop_requested_by == "ada"
    asked = [await store.read(lambda s, run=run: runs.stop_requested_by(s, run)) for run in ("run_1", "run_0")]
    assert asked == ["ada", ""]


async def test_lists_of_runs(store: Store, new_run: NewRun, plan: Callable[..., Plan], now: datetime) -> None:
    other = plan(service="checkout", incident_id="inc_2")
    for made in (new_run(1), new_run(2), new_run(3, plan=other)):
        await store.write(lambda s, m=made: runs.create(s, m))
    await store.write(lambda s: runs.close(s, "run_1", "expired", "", now))
    assert [r.id for r in await store.read(runs.open_runs)] == ["run_2", "run_3"]
    assert [r.id for r in await store.read(lambda s: runs.for_incident(s, "inc_1"))] == ["run_1", "run_2"]
    assert [r.id for r in await store.read(runs.recent)] == ["run_3", "run_2", "run_1"]
    assert [r.id for r in await store.read(lambda s: runs.recent(s, "payments", 1))] == ["run_2"]
