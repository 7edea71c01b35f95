"""Plays a scenario in a running workspace: its rounds, their scripts, and the marks at the end of each.

Called by bot/cli/gameday.py and the scenario tests. What happens is told as it happens, as in a story. Must not decide what
is right: score.py does, from what watch.py saw.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import CountersignError
from bot.sandbox.gameday.hands import Hands, Missed
from bot.sandbox.gameday.reading import contains
from bot.sandbox.gameday.scenario import Alert, Move, Round, Scenario, Until
from bot.sandbox.gameday.score import Mark, holds, score
from bot.sandbox.gameday.sight import Seen
from bot.sandbox.gameday.watch import Watcher
from bot.sandbox.gameday.world import Stage, titles
from bot.sandbox.people import CHECKOUT_ID, PAYMENTS_ID
from bot.sandbox.workspace import Workspace

LOOK_SECONDS = 0.15
SCORE_SECONDS = 0.4
PATIENCE = 120.0
AFTER_A_MISS = 5.0
PAGERDUTY = {"payments": PAYMENTS_ID, "checkout": CHECKOUT_ID}
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RoundResult:
    """The marks of one round. seconds: how long it took; picture: the thread at the end, when something is wrong."""

    name: str
    marks: tuple[Mark, ...]
    seconds: float
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A game day that was played. seconds: of all rounds, without the start of the sandbox."""

    scenario: Scenario
    rounds: tuple[RoundResult, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether everything was as it must be."""
        return all(holds(played.marks) for played in self.rounds)


async def play(
    scenario: Scenario, stage: Stage, workspace: Workspace, *, tell: Tell, now: Callable[[], float]
) -> Result:
    """Play all rounds; a round that fails ends it, because the next one would begin in another world.

    stage: whose settings the workspace was made with. tell: says what happens; now: monotonic seconds.
    """
    began = now()
    hands = Hands(workspace, now)
    known = titles(workspace)
    results: list[RoundResult] = []
    await stage.ready(workspace)
    for number, played in enumerate(scenario.rounds):
        tell(f"round {number + 1} of {len(scenario.rounds)}: {played.name}")
        last = number == len(scenario.rounds) - 1
        title = known.get(played.expect.step.runbook, played.expect.step.runbook)
        one = _Play(played, stage, workspace, hands, title, tell=tell, now=now, last=last)
        results.append(await one.play())
        if not holds(results[-1].marks):
            break
    return Result(scenario, tuple(results), now() - began)


class _Play:
    """One round."""

    def __init__(
        self,
        played: Round,
        stage: Stage,
        workspace: Workspace,
        hands: Hands,
        title: str,
        *,
        tell: Tell,
        now: Callable[[], float],
        last: bool,
    ) -> None:
        self.round = played
        self.stage = stage
        self.workspace = workspace
        self.hands = hands
        self.title = title
        self.tell = tell
        self.now = now
        self.last = last
        self.watcher = Watcher(workspace, now)

    async def play(self) -> RoundResult:
        """The script, then as long as it takes until everything holds, then a while longer for what must never happen."""
        began = self.now()
        await self.stage.begin(self.workspace)
        self.hands.begin()
        async with self._watching():
            await self._script()
            # What follows a line that could not be played will not come: only what was under way is waited for.
            deadline = self.now() + (AFTER_A_MISS if self.watcher.anything_missed else self.round.within)
            while not holds(score(self.round, await self._seen())):
                if self.now() > deadline:
                    break
                await asyncio.sleep(SCORE_SECONDS)
            await asyncio.sleep(self.round.quiet)
            audit = await self._audit() if self.last else ""
            marks = score(self.round, await self._seen(audit, fresh=True))
        for mark in marks:
            self.tell(f"{'✓' if mark.score else '✗'} {mark.name}: {'; '.join(mark.wrong) or mark.evidence}")
        picture = "" if holds(marks) else "\n---\n".join([self.watcher.picture(), *self.hands.told()])
        return RoundResult(self.round.name, marks, self.now() - began, picture)

    async def _script(self) -> None:
        """A line that cannot be played is noted, and ends the script: what follows would mean something else."""
        for move in self.round.script:
            try:
                await self._move(move)
            except (Missed, CountersignError, LookupError, TimeoutError) as error:
                self.watcher.missed(str(error) or type(error).__name__)
                self.tell(f"✗ {error}")
                return

    async def _move(self, move: Move) -> None:
        workspace, tell = self.workspace, self.tell
        if move.fault:
            self.watcher.begin()
            tell(await self.stage.strike(workspace, move.fault))
        elif move.alert:
            self.watcher.begin()
            await self._alert(move.alert)
        elif move.person:
            tell(f"{move.person.who} {move.person.text if move.person.does == 'type' else move.person.does}")
            await self.hands.do(move.person, self.watcher)
        elif move.wait is not None:
            tell(f"{move.wait:g} s pass")
            await asyncio.sleep(move.wait)
        elif move.wait_until:
            await self._until(move.wait_until)
        elif move.wait_for:
            await self._wait_for(move.wait_for)
        elif move.mend:
            tell(f"somebody at a terminal mends {move.mend}")
            await self.stage.mend(workspace, move.mend)
        elif move.monitor:
            tell("the monitor is content and resolves the incident")
            await workspace.pagerduty.resolve(self.watcher.incidents[0])
        elif move.deploy:
            tell(f"a new version of {move.deploy} is deployed")
            await workspace.deployed(move.deploy, minutes_ago=0, version=self.stage.next_version(move.deploy))
        elif move.bot:
            tell(f"the bot is {move.bot}")
            await (workspace.kill_bot() if move.bot == "killed" else workspace.start_bot())
        elif move.vendor:
            tell(f"{move.vendor.name}: {move.vendor.mode}")
            workspace.outage.set(move.vendor.name, move.vendor.mode)

    async def _alert(self, alert: Alert) -> None:
        """The monitor opens an incident; a storm opens many, each with a number of its own."""
        for number in range(alert.times):
            title = alert.title or f"{alert.name}: {alert.service} does not answer"
            if alert.times > 1:
                title += f" ({number + 1} of {alert.times})"
            details = {"alert_name": alert.name, **alert.details}
            incident = await self.workspace.pagerduty.trigger(PAGERDUTY[alert.service], title, details=details)
            self.watcher.opened(incident)
        many = f"{alert.times} incidents" if alert.times > 1 else f"incident {self.watcher.incidents[-1]}"
        self.tell(f"{alert.name}: PagerDuty opens {many} about {alert.service}")

    async def _until(self, until: Until) -> None:
        freeze = self.workspace.settings.freeze
        if freeze is None:
            raise LookupError("this scenario has no freeze")
        at = freeze.begins(self.workspace.configured_at)
        at += timedelta(seconds=(freeze.lasts if until.moment == "freeze_ends" else 0) + until.after - until.before)
        left = (at - self.workspace.clock()).total_seconds()
        if left < 0:
            raise LookupError(f"{until.moment.replace('_', ' ')}: {-left:.1f} s too late; the machine was too slow")
        self.tell(f"{left:.1f} s until the {until.moment.replace('_', ' ')}")
        await asyncio.sleep(left)

    async def _wait_for(self, pattern: str) -> None:
        deadline = self.now() + PATIENCE
        while not self._says(pattern):
            if self.now() > deadline:
                raise Missed(f"the thread never says /{pattern}/ within {PATIENCE:g} s")
            await asyncio.sleep(LOOK_SECONDS)
        self.tell(f"the thread says /{pattern}/")

    def _says(self, pattern: str) -> bool:
        seen = [s.text for s in self.watcher.sights if s.place in ("thread", "card", "summary")]
        return any(contains(pattern, text) for text in seen)

    async def _seen(self, audit: str = "", *, fresh: bool = False) -> Seen:
        world = await self.stage.look(self.workspace, self.round.expect.verify.world, fresh=fresh)
        return self.watcher.seen(world, self.title, audit)

    async def _audit(self) -> str:
        code, output = await self.workspace.command("audit", "verify")
        return "verified" if code == 0 else output.strip().splitlines()[-1][:200]

    @contextlib.asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Look several times a second, so that the seconds of each sight are right."""

        async def look() -> None:
            while True:
                self.watcher.look()
                await asyncio.sleep(LOOK_SECONDS)

        task = asyncio.create_task(look())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
