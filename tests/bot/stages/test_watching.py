"""Watching: the emergency stop breaks off what is cancel-safe within a second, and nothing else (T55)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.base import ActResult, Progress
from bot.errors import Transient
from bot.plan import Act, Plan
from bot.stages.execute import Attempt, execute
from bot.stages.watching import WORDS, watched
from bot.stop_file import engage_file
from bot.store import kill_switch, leases
from tests.fakes.equipment import FakeAdapter
from tests.fakes.scene import Scene

DONE = ActResult(ok=True, summary="did it")


class Slow:
    """An act that takes long, and says how it ended."""

    def __init__(self, last_words: ActResult | Exception | None = None) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.ended = ""
        self._last_words = last_words

    async def act(self) -> ActResult:
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.ended = "broken off"
            if isinstance(self._last_words, Exception):
                raise self._last_words from None
            if self._last_words is not None:
                return self._last_words
            raise
        self.ended = "by itself"
        return DONE


class SlowAdapter(FakeAdapter):
    def __init__(self, slow: Slow, scene: Scene) -> None:
        super().__init__("supervisor", scene.world)
        self._slow = slow

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        return await self._slow.act()


@pytest.fixture
async def ready(trouble: Scene) -> Scene:
    """Approved, and the run holds its target."""
    assert (await trouble.ask()).ok
    assert (await trouble.vote("ben")).ok
    run, now = await trouble.run(), trouble.clock()
    await trouble.write(lambda s: leases.acquire(s, [run.plan.steps[1].act.target.key], run.id, now))
    return trouble


async def planned(scene: Scene, step: int, *, cancel_safe: bool = True) -> tuple[Plan, Act]:
    """The plan of the run, one act of which declares itself cancel-safe or not."""
    plan = (await scene.run()).plan
    act = plan.steps[step].act.model_copy(update={"cancel_safe": cancel_safe})
    steps = [one.model_copy(update={"act": act}) if n == step else one for n, one in enumerate(plan.steps)]
    return plan.model_copy(update={"steps": tuple(steps)}), act


async def engage(scene: Scene, where: str, level: str = "all") -> None:
    now = scene.clock()
    if where == "row":
        await scene.write(lambda s: kill_switch.engage(s, level, "", "storm", "ana", now))
    elif where == "signal":
        scene.equipment.kill_switch.signal()
    else:
        await scene.equipment.kill_switch.engage(level, "", "storm", "ana")


async def outcome(scene: Scene, slow: Slow, plan: Plan, act: Act, *, where: str = "", level: str = "all") -> Any:
    """The result or error of the act during which the switch is engaged; it must be there within a second."""
    task = asyncio.create_task(watched(scene.equipment, plan, act, slow.act()))
    await slow.begun.wait()
    if where:
        await engage(scene, where, level)
    (done, _) = await asyncio.wait({task}, timeout=1.0)
    if not done:
        slow.go_on.set()
    return (await asyncio.gather(task, return_exceptions=True))[0]


@pytest.mark.parametrize("where", ["row", "signal", "both"])
async def test_T55_a_cancel_safe_change_is_broken_off_and_its_outcome_is_unknown(ready: Scene, where: str) -> None:
    slow, (plan, act) = Slow(), await planned(ready, 1)
    found = await outcome(ready, slow, plan, act, where=where)
    assert (type(found).__name__, slow.ended) == ("Ambiguous", "broken off")
    assert WORDS in str(found)


async def test_T55_a_cancel_safe_read_has_failed(ready: Scene) -> None:
    slow, (plan, act) = Slow(), await planned(ready, 0)
    found = await outcome(ready, slow, plan, act, where="row")
    assert (type(found).__name__, str(found), slow.ended) == ("Permanent", WORDS, "broken off")


@pytest.mark.parametrize(
    ("step", "cancel_safe", "where", "level"),
    [(1, False, "row", "all"), (1, True, "", "all"), (0, True, "row", "monitor")],
    ids=["not declared", "nothing engaged", "a read while only watching"],
)
async def test_T55_everything_else_runs_to_its_end(
    ready: Scene, step: int, cancel_safe: bool, where: str, level: str
) -> None:
    slow, (plan, act) = Slow(), await planned(ready, step, cancel_safe=cancel_safe)
    assert await outcome(ready, slow, plan, act, where=where, level=level) == DONE
    assert slow.ended == "by itself"


@pytest.mark.parametrize("last_words", [DONE, Transient("never reached")])
async def test_T51_what_the_act_knows_of_itself_is_believed(ready: Scene, last_words: Any) -> None:
    slow, (plan, act) = Slow(last_words), await planned(ready, 1)
    assert await outcome(ready, slow, plan, act, where="row") == last_words


async def test_T62_a_database_that_does_not_answer_breaks_nothing_off(ready: Scene, tmp_path: Path) -> None:
    slow, (plan, act) = Slow(), await planned(ready, 1)
    await ready.equipment.store.close()
    assert await outcome(ready, slow, plan, act) == DONE
    other = Slow()
    engage_file(tmp_path / "kill_switch", "all", "", "storm", "cli")
    assert type(await outcome(ready, other, plan, act)).__name__ == "Ambiguous"


async def test_when_the_bot_stops_so_does_the_act(ready: Scene) -> None:
    slow, (plan, act) = Slow(), await planned(ready, 1)
    task = asyncio.create_task(watched(ready.equipment, plan, act, slow.act()))
    await slow.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slow.ended == "broken off"


async def test_T55_the_step_that_was_broken_off_is_in_the_record(ready: Scene) -> None:
    slow = Slow()
    ready.change(adapters={"supervisor": SlowAdapter(slow, ready)})
    task = asyncio.create_task(execute(ready.equipment, Attempt(ready.started[0], 0, 1)))
    await slow.begun.wait()
    await engage(ready, "both")
    told = await asyncio.wait_for(task, 2)
    assert (told["state"], told["reason"]) == ("failed", WORDS)
    last = (await ready.entries())[-1]
    assert (last.kind.value, last.data["state"], last.data["summary"]) == ("executed", "failed", WORDS)
