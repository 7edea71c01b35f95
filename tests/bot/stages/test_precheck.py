"""Precheck: the fence is a read, and it says no for another boot, another holder or an engaged switch (T53, T55)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.stages.precheck import fence, look, refusal
from bot.stop_file import engage_file
from bot.store import leases, runs, workers
from guards import Deny
from tests.fakes.equipment import alert
from tests.fakes.scene import scene


@pytest.mark.parametrize("trouble", ["none", "boot", "holder", "switch"])
async def test_T53_T55_the_last_look_before_the_act(tmp_path: Path, trouble: str) -> None:
    async with scene(tmp_path) as made:
        await made.fold(alert())
        await made.ask()
        run = await made.run()
        act = run.plan.steps[-1].act
        holder = "run_other" if trouble == "holder" else run.id
        now = made.equipment.clock()
        await made.write(lambda s: leases.acquire(s, [act.target.key], holder, now))
        if trouble == "boot":
            await made.write(lambda s: workers.release(s, made.equipment.worker, made.equipment.boot))
        if trouble == "switch":
            await made.equipment.kill_switch.engage("service", "payments", "storm", "ana")
        seen = await made.read(look(made.equipment, act))
        for found in (
            await fence(made.equipment, run, run.plan, act),
            await fence(made.equipment, run, run.plan, act, seen),
        ):
            if trouble == "none":
                assert found is None
                assert await made.read(lambda s: runs.get(s, run.id)) is not None
                continue
            assert isinstance(found, Deny)
            assert found.code == ("kill_switch" if trouble == "switch" else "stale_worker")
            assert refusal(found)["state"] == "refused"


async def test_T55_the_file_is_looked_at_after_what_the_database_said(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        await made.fold(alert())
        await made.ask()
        run = await made.run()
        act, now = run.plan.steps[-1].act, made.equipment.clock()
        await made.write(lambda s: leases.acquire(s, [act.target.key], run.id, now))
        seen = await made.read(look(made.equipment, act))
        assert await fence(made.equipment, run, run.plan, act, seen) is None
        engage_file(tmp_path / "kill_switch", "all", "", "in the last moment", "cli")
        found = await fence(made.equipment, run, run.plan, act, seen)
        assert isinstance(found, Deny)
        assert found.code == "kill_switch"


async def test_T55_watch_only_lets_reads_run_and_no_change(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        await made.fold(alert())
        await made.ask()
        run = await made.run()
        reading, changing = run.plan.steps[0].act, run.plan.steps[-1].act
        now = made.equipment.clock()
        targets = [reading.target.key, changing.target.key]
        await made.write(lambda s: leases.acquire(s, targets, run.id, now))
        await made.equipment.kill_switch.engage("monitor", "", "new policy", "ana")
        assert run.plan.steps[0].risk == "read"
        assert await fence(made.equipment, run, run.plan, reading) is None
        found = await fence(made.equipment, run, run.plan, changing)
        assert isinstance(found, Deny)
        assert found.code == "monitor_only"
