"""B17: one schedule: a policy, calendars that change or break, and everything that happens in a few virtual days.

Used by trust/b17.py. Holds every step of every run against the model, and the stored breakers after every event.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from bot.errors import Ambiguous
from bot.incident import Incident
from bot.plan import Act as PlannedAct
from runbooks.load import Library
from trust.b2_world import Shop
from trust.b17_journal import Journal
from trust.b17_model import Place, RunState, name_of
from trust.b17_periods import BEGINNINGS, DAY, ZONES, draw_events
from trust.b17_policy import ENVIRONMENTS, drawn
from trust.b17_world import PLACES, TICK, Frozen, Killed, Server

EVENTS = 24
WEIGHTS = {"ask": 6, "answer": 8, "carry": 11, "clock": 6, "serve": 2, "refresh": 2, "restart": 1}
MOVES = tuple(timedelta(seconds=each) for each in (1, 30, 110, 600, 1800, 3600, 6 * 3600))


class Schedule:
    """told: what is wrong. reached: how often each thing happened. steps, in_a_freeze: how many were started."""

    def __init__(self, shop: Shop, books: Library, dice: Random, reached: Counter[str]) -> None:
        self.dice, self.reached = dice, reached
        self.told: list[str] = []
        self.begin = dice.choice(BEGINNINGS) + timedelta(minutes=dice.randrange(0, 600))
        self.model = drawn(dice, self.begin)
        servers = [Server(b"") for _ in self.model.sources]
        self.stage = Frozen(shop, self.model, books, servers)
        self.stage.now = self.begin
        self.stage.during = self._during
        self.runs: list[RunState] = []
        self.journals: dict[str, Journal] = {}
        self.incidents: dict[Place, Incident] = {}
        self.steps = self.in_a_freeze = 0
        self._acting: RunState | None = None
        self._place = PLACES[2]
        for number in range(len(servers)):
            self.stage.serve(number, draw_events(dice, self.begin), dice.choice(ZONES))

    # -- every step --------------------------------------------------------------------------------------------------
    async def step(self, run: RunState, found: re.Match[str], work: Callable[[], Awaitable[Any]]) -> Any:
        """One attempt: what may come of it is worked out before, and held against what did."""
        now, before = self.stage.now, len(self.stage.acts)
        undo, index = found[1] == "undo", int(found[2])
        name = f"{index}:undo-{found[3]}" if undo else f"{index}.{found[3]}"
        earlier = run.act(name)
        reasons: set[str] = set()
        act = None
        if index == 0:
            reasons = {"expired"} if run.expired(now) else set()
            run.used = not reasons
        elif earlier is None or undo:
            reasons = self.model.refused(run.place, run.incident, now, bot=run.bot, run=run) | run.still(now)
            if not reasons and earlier is None:
                self._follow(run, name, now, undo=undo)
            act = None if reasons else run.act(name)
        self._acting = run if index else None
        run.last = run.last if reasons else now
        result = await work()
        run.last = run.last if reasons else self.stage.now
        self._acting = None
        started = len(self.stage.acts) - before
        state, code = str(result["state"]), str(result.get("code", ""))
        if act is not None:
            act.state = state
            self.steps += 1
            self.reached[f"{'undone' if undo else 'started'} in {run.place[0]}"] += 1
        cut_off = earlier is not None and act is None  # to be repeated by nobody, or not now
        wrong = state == "refused" and not reasons
        if cut_off:
            wrong = state != "unknown"
        elif reasons:
            wrong = state != "refused" or code not in reasons
        if wrong or started != (not reasons and not cut_off):
            wanted = "unknown" if cut_off else " or ".join(sorted(reasons)) or "a start"
            self.told.append(f"{found[0]} of {run.id} at {run.place}: {state} {code}, should be {wanted}")
        if earlier is not None:
            self.reached["cut off, repeated" if act is not None else "cut off, not repeated"] += 1
            self.reached["cut off, not repeated in a freeze"] += bool(reasons)
            return result
        if reasons:
            self.reached[f"{'undo' if undo else 'step'} refused: {code}"] += 1
        return result

    def _follow(self, run: RunState, name: str, now: datetime, *, undo: bool) -> None:
        """The model starts it too, and says what that does to breakers."""
        key, model = name_of(run.place), self.model
        before = {each: (found.since, found.trial) for each, found in model.open.items()}
        model.started(run, name, now, undo=undo)
        for each, found in model.open.items():
            since, trial = before.get(each, (None, ""))
            if found.since != since:
                self.reached[f"{'another run of ' if key != each else ''}the breaker opened"] += 1
            elif found.trial != trial:
                self.reached["a trial began"] += 1

    async def _during(self, act: PlannedAct) -> None:
        """In the middle of an act: it must not be frozen; then time goes by, and it works or not."""
        world, run, dice = self.stage._shop.world, self._acting, self.dice  # noqa: SLF001  # reason: the stage's own world
        world.ok = True
        if run is None:
            return
        frozen = self.model.frozen(run.place, self.stage.now)
        if frozen:
            self.in_a_freeze += 1
            self.told.append(f"{act.operation} at {run.place} while it is {frozen}")
        await self.move(dice.choice((timedelta(0), TICK, self.some_time())))
        end = dice.random()
        if end < 0.06:
            raise Killed
        if end < 0.12:
            raise Ambiguous("the connection was cut")
        world.ok = end > 0.3

    # -- time --------------------------------------------------------------------------------------------------------
    def edges(self) -> Iterator[datetime]:
        """Moments at which something begins or ends."""
        now, model = self.stage.now, self.model
        for period in model.periods:
            for occurrence in period.around(now):
                yield from occurrence
        for source in model.sources:
            for event in source.events:
                yield from (event.start, event.end)
            if source.read_at is not None:
                yield source.read_at + source.max_age
        for key, found in model.open.items():
            breaker = model.of(key)
            if breaker is not None:
                yield found.since + breaker.cooldown
        if model.remediation is not None:
            yield from (act.at + model.remediation.window for act in model.acts[-3:])

    def some_time(self) -> timedelta:
        """A while, often exactly to where something changes."""
        now, dice = self.stage.now, self.dice
        soon = sorted(each - now for each in self.edges() if timedelta(0) < each - now < 2 * DAY)[:4]
        if soon and dice.random() < 0.55:
            nudge = dice.choice((-1, 0, 0, 1))
            return max(dice.choice(soon) + timedelta(microseconds=nudge), timedelta(0))
        return dice.choice(MOVES)

    async def move(self, span: timedelta) -> None:
        """Time goes by; the bot mostly keeps its calendars up to date."""
        self.stage.now += span
        if self.dice.random() < 0.85:
            await self.stage.refresh()

    # -- events ------------------------------------------------------------------------------------------------------
    async def play(self, events: int) -> None:
        """All of it, until something is wrong."""
        await self.stage.open()
        await self.stage.refresh()
        for _ in range(events):
            event = self._next()
            self.reached[event] += 1
            await getattr(self, event)()
            await self.compare()
            if self.told:
                self.told.append(f"after {event} at {self.stage.now.isoformat()}")
                return

    def _next(self) -> str:
        if self.ready() and self.dice.random() < 0.5:
            return "carry"
        if any(run.asked and not run.answered and not run.outcome for run in self.runs) and self.dice.random() < 0.4:
            return "answer"
        return self.dice.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]

    async def ask(self) -> None:
        """Somebody, or the bot itself, asks for a runbook."""
        dice, model, stage = self.dice, self.model, self.stage
        place = self._place = self._place if dice.random() < 0.5 else dice.choice((PLACES[0], *PLACES, PLACES[2]))
        found = self.incidents.get(place)
        busy = found is not None and any(run.incident == found.id and not run.outcome for run in self.runs)
        if found is None or busy or dice.random() < 0.5:
            found = self.incidents[place] = await stage.trouble(place)
        bot, runbook = dice.random() < 0.25, dice.choice(("once", "once", "twice"))
        reasons = model.refused(place, found.id, stage.now, bot=bot, run=None)
        asks = model.asks(place, found.id, stage.now)
        word, run_id = await stage.want(found, runbook, bot=bot)
        if bool(run_id) == bool(reasons) or (word not in reasons if reasons else word != "done"):
            self.told.append(f"asked for {runbook} at {place}: {word}, should be {reasons or 'done'}")
        if reasons:
            self.reached[f"ask refused: {word}{' (the bot)' if bot else ''}"] += 1
        if run_id:
            real, asked, _ = await stage.stored(run_id)
            until, ends = asked[0][0].expires_at if asked else None, real.plan.expires_at
            self.runs.append(RunState(run_id, place, found.id, bot, bool(asked), until, ends=ends, last=stage.now))
            self.journals[run_id] = Journal(self, self.runs[-1])
            if bool(asked) != asks:
                self.told.append(f"{run_id} at {place} asks {len(asked)} questions")
            if asked and place[0] != "prod":
                self.reached["a trial is asked for"] += 1

    async def answer(self) -> None:
        """Somebody answers a question for approval."""
        waiting = [run for run in self.runs if run.asked and not run.answered and not run.outcome]
        ben = self.stage.people.by_id("ben")
        if not waiting or ben is None:
            return
        run = self.dice.choice(waiting)
        _, asked, _ = await self.stage.stored(run.id)
        approve = self.dice.random() < 0.93
        await self.stage.requests.vote(asked[0][0].id, ben, approve, "because", "", "")
        run.answered, run.last = "yes" if approve else "no", self.stage.now

    def ready(self) -> list[RunState]:
        """The runs that the engine would go on with."""
        now, held = self.stage.now, self.model.held
        return [
            run
            for run in self.runs
            if not run.outcome
            and held.get(run.place, run.id) == run.id
            and (not run.asked or run.answered or (run.until is not None and now >= run.until))
        ]

    async def carry(self) -> None:
        """The engine goes on with a run. When the bot is killed in the middle of it, it is started again."""
        runs = self.ready()
        if not runs:
            return
        run = self.dice.choice(runs)
        try:
            await self.stage.carry(run.id, self.journals[run.id])
        except Killed:
            self._acting = None
            self.reached["killed in an act"] += 1
            self.reached["killed in a trial"] += any(found.trial == run.id for found in self.model.open.values())
            await self.restart()
            return
        if not await self.stage.is_closed(run.id):
            self.told.append(f"{run.id} was carried out and is open")
        await self.stage.let_go(run.id)  # an operator releases what an unknown outcome keeps
        self.model.held = {place: holder for place, holder in self.model.held.items() if holder != run.id}

    async def clock(self) -> None:
        """Time goes by."""
        await self.move(self.some_time())

    async def serve(self) -> None:
        """Somebody edits a calendar, or its server breaks or is mended."""
        if not self.stage.servers:
            return
        number = self.dice.randrange(len(self.stage.servers))
        state = self.dice.choice(("good", "good", "garbage", "missing", "down"))
        self.stage.servers[number].state = state
        if state == "good":
            self.stage.serve(number, draw_events(self.dice, self.stage.now), self.dice.choice(ZONES))
        self.reached[f"calendar {state}"] += 1

    async def refresh(self) -> None:
        """The bot looks after its calendars."""
        await self.stage.refresh()

    async def restart(self) -> None:
        """The bot is started again over the same database; its calendars are not read yet."""
        self.reached["restart with an open breaker"] += bool(self.model.open)
        await self.stage.restart()
        if self.dice.random() < 0.7:
            await self.stage.refresh()

    async def compare(self) -> None:
        """The stored breakers against those that should be open."""
        stored = {each.key: (each.opened_at, each.trial_run) for each in await self.stage.opened()}
        wanted = {key: (found.since, found.trial) for key, found in self.model.open.items()}
        if stored != wanted:
            self.told.append(f"open breakers are {stored}, should be {wanted}")


REFUSALS = ("frozen", "maintenance", "calendar_unreadable", "breaker_open")
# what must have happened at least once
WANTED = (
    *WEIGHTS,
    *(f"started in {environment}" for environment in ENVIRONMENTS),
    *(f"ask refused: {code}" for code in (*REFUSALS, "forbidden", "target_busy")),
    *(f"step refused: {code}" for code in (*REFUSALS, "expired")),
    "undone in prod", "undo refused: frozen", "ask refused: breaker_open (the bot)", "step refused: not_approved",
    "run is paused", "paused: retry", "paused: abort", "run is unknown",
    "the breaker opened", "the global breaker opened", "a trial is asked for", "a trial began",
    "a trial closed a breaker", "a trial opened it anew",
    "killed in an act", "killed in a trial", "cut off, repeated", "cut off, not repeated",
    "cut off, not repeated in a freeze", "restart with an open breaker",
    *(f"calendar {state}" for state in ("good", "garbage", "missing", "down")),
    *(f"run {outcome}" for outcome in ("succeeded", "failed", "rolled_back", "refused", "expired", "unknown")),
)  # fmt: skip
SOON = ("started in prod", "started in staging", "step refused: frozen", "ask refused: frozen", "the breaker opened")
