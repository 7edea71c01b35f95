"""B17: the engine's journal of one run, which has each step of it judged as it is taken, and answers questions about it.

Made by trust/b17_schedule.py for every run. Must not judge by itself.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.fakes.equipment import ListJournal
from trust.b17_model import RunState
from trust.b17_world import TICK

if TYPE_CHECKING:
    from trust.b17_schedule import Schedule

ENDS = frozenset({"finish", "not approved", "busy", "unknown", "escalate", "crashed"})
EXECUTE = re.compile(r"(execute|undo) (\d+)\.(\d+)")
MOST_ANSWERS = 3


class Journal(ListJournal):
    """The engine's journal of one run, which judges each step as it is taken."""

    def __init__(self, schedule: Schedule, run: RunState) -> None:
        super().__init__()
        self._schedule, self._run, self._answers = schedule, run, 0

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """A step that was finished before is not taken again, as with the engine."""
        if name in self.done:
            return self.done[name]
        schedule, run = self._schedule, self._run
        schedule.stage.now += TICK
        now = schedule.stage.now
        found = EXECUTE.fullmatch(name)
        if found is not None:
            result = await schedule.step(run, found, work)
        else:
            result = await work()
        if name == "lock" and not result:
            schedule.model.held[run.place] = run.id
        if name in ENDS or name.startswith("stop "):
            schedule.reached.update(schedule.model.ended(run, str(result), now))
            schedule.reached[f"run {result}"] += 1
            if name == "crashed":
                schedule.told.append(f"{run.id} failed inside")
        self.order.append(name)
        self.done[name] = result
        return result

    async def wait(self, topic: str, seconds: float) -> None:
        """A question about a run that stands still: nobody answers, or an operator does."""
        asked = self.order[-1].split()[1] if self.order[-1].startswith("ask ") else ""
        if not asked:
            return
        self._answers += 1
        schedule, dice = self._schedule, self._schedule.dice
        schedule.reached[f"run is {asked}"] += 1
        if dice.random() < 0.3:
            await schedule.move(timedelta(seconds=seconds + 1))
            return
        await schedule.move(schedule.some_time())
        answer = "retry" if dice.random() < 0.7 and self._answers < MOST_ANSWERS else "abort"
        cora = schedule.stage.people.by_id("cora")
        if cora is not None:
            await schedule.stage.requests.answer_unknown(topic, cora, answer)
            self._run.last = schedule.stage.now
        schedule.reached[f"{asked}: {answer}"] += 1
