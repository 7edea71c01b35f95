"""Delay: what people agreed to was meant for that moment, not for a bot that comes back hours later."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.incident import IncidentStatus
from bot.plan import PlanStep
from bot.stages.delay import QUIET
from bot.stages.execute import Attempt, execute
from bot.store import attempts, leases, runs
from bot.store.runs import Run
from guards import Policy
from tests.fakes.equipment import POLICY, ListJournal
from tests.fakes.scene import Scene

TARGET = "supervisor_program:prod/payments"
ALONE = {**POLICY, "matrix": {**POLICY["matrix"], "prod": {**POLICY["matrix"]["prod"], "safe": "auto"}}}
LATER = timedelta(days=3)


@pytest.mark.parametrize(("waited", "outcome"), [(timedelta(minutes=14), "succeeded"), (LATER, "refused")])
async def test_T08_a_plan_that_nobody_had_to_approve_ends_too(trouble: Scene, waited: timedelta, outcome: str) -> None:
    """The bot was down when it was to begin: what somebody asked for three days ago is not done today."""
    trouble.change(policy=Policy.from_mapping(ALONE))
    assert (await trouble.ask()).ok
    trouble.clock.now += waited
    assert await trouble.carry_out() == outcome
    assert bool(trouble.world.acts) == (outcome == "succeeded")


async def lasting(scene: Scene, waits: timedelta) -> tuple[str, list[str]]:
    """A run whose bot was away for that long between its look and its change; what was asked meanwhile."""
    assert (await scene.ask()).ok
    assert (await scene.vote("ben")).ok
    asked: list[str] = []

    class Away(ListJournal):
        async def step(self, name: str, work: Any) -> Any:
            if name == "execute 1.1":
                scene.clock.now += waits
            return await super().step(name, work)

        async def wait(self, topic: str, seconds: float) -> None:
            if (question := await scene.approval()).kind == "paused":
                asked.append(question.message)
                assert (await scene.requests.answer_unknown(question.id, scene.person("cora"), "retry")).ok

    return await scene.carry_out(Away()), asked


async def test_a_run_that_goes_on_after_a_short_restart_asks_nobody(trouble: Scene) -> None:
    assert await lasting(trouble, QUIET) == ("succeeded", [])


async def test_a_run_that_lay_still_for_long_asks_before_it_goes_on(trouble: Scene) -> None:
    outcome, asked = await lasting(trouble, LATER)
    assert asked == ["Nothing happened in this run since 2026-11-21 03:00 UTC."]
    assert outcome == "succeeded"
    assert [name for name, _ in trouble.world.acts] == ["supervisor.tail_log", "supervisor.restart"]
    assert "paused" in await trouble.kinds()


async def cut_off(scene: Scene) -> tuple[Run, int, PlanStep]:
    """A run whose bot was killed in the middle of an act that could be repeated."""
    assert (await scene.ask(runbook="start-service")).ok
    assert (await scene.vote("ben")).ok
    run, now = await scene.run(), scene.clock()
    index = next(number for number, step in enumerate(run.plan.steps) if not step.read_only)
    step = run.plan.steps[index]
    await scene.write(lambda s: leases.acquire(s, [TARGET], run.id, now))
    await scene.write(lambda s: attempts.intend(s, run.id, step.id, 1, step.act, "w1", now))
    return run, index, step


async def stopped(scene: Scene, run: Run) -> str:
    assert (await scene.requests.stop(run.id, scene.person("ana"))).ok
    return "stopped by ana"


async def over(scene: Scene, run: Run) -> str:
    scene.world.live = IncidentStatus.RESOLVED
    return "The monitor says this incident is over."


async def long_ago(scene: Scene, run: Run) -> str:
    scene.clock.now += LATER
    return "Nothing happened in this run since 2026-11-21 03:00 UTC."


async def closed(scene: Scene, run: Run) -> str:
    now = scene.clock()
    assert await scene.write(lambda s: runs.close(s, run.id, "unknown", "the engine ended it", now))
    return "the run has ended"


@pytest.mark.parametrize("happened", [stopped, over, long_ago, closed])
async def test_T51_what_was_cut_off_is_not_repeated_when_nobody_wants_it_any_more(
    trouble: Scene, happened: Any
) -> None:
    run, index, _ = await cut_off(trouble)
    why = await happened(trouble, run)
    found = await execute(trouble.equipment, Attempt(run.id, index, 1))
    assert found == {
        "state": "unknown",
        "reason": f"the bot was stopped in it, and it may not be repeated: {why}",
    }
    assert trouble.world.acts == []


async def test_T51_what_was_cut_off_a_moment_ago_is_repeated(trouble: Scene) -> None:
    run, index, step = await cut_off(trouble)
    assert (await execute(trouble.equipment, Attempt(run.id, index, 1)))["state"] == "done"
    assert trouble.world.acts == [(step.act.operation, f"{run.id}/{step.id}/1")]


async def test_an_undo_long_after_the_act_is_left_to_people(trouble: Scene) -> None:
    """Three days later the world is another one, and what would be taken back may be what people rely on."""
    trouble.world.mends = False
    assert (await trouble.ask(runbook="roll-back-setting")).ok
    assert (await trouble.vote("ben")).ok

    class Away(ListJournal):
        async def step(self, name: str, work: Any) -> Any:
            if name.startswith("undo length"):
                trouble.clock.now += LATER
            return await super().step(name, work)

    assert await trouble.carry_out(Away()) == "failed"
    assert len(trouble.world.acts) == 1
    assert (await trouble.kinds()).count("rollback_failed") == 1
    assert list((await trouble.read(leases.holders)).values()) == [trouble.started[-1]]
