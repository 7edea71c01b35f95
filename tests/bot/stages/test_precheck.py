"""Precheck: the fence is a read, and it says no for another boot, another holder or an engaged switch (T53, T55)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.stages.precheck import fence, refusal
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
        found = await fence(made.equipment, run, run.plan, act)
        if trouble == "none":
            assert found is None
            assert await made.read(lambda s: runs.get(s, run.id)) is not None
            return
        assert isinstance(found, Deny)
        assert found.code == ("kill_switch" if trouble == "switch" else "stale_worker")
        assert refusal(found)["state"] == "refused"
