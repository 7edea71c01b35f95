"""B17: when a step may start, written down a second time: freezes, calendars that cannot be read, and circuit breakers.

Used by trust/b17_schedule.py, which holds it against the real functions at every step. Knows docs/policy.md (freeze,
circuit_breaker) and the cases T56 and T57, nothing of bot or guards; shares no code with what it judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trust.b17_periods import Event, Written

RESTART, START = "supervisor.restart", "supervisor.start"
APPROVING = ("prod", "staging")  # environments whose approvals are written; elsewhere nobody can let a trial through
LIES_STILL = timedelta(minutes=15, seconds=60)  # a quarter of an hour beside the time of an act
Place = tuple[str, str]
"""Environment and service."""


@dataclass(slots=True)
class Source:
    """One imported calendar, as far as the bot has read it. read_at: of the last good read; unreadable: since then."""

    kind: str
    environments: tuple[str, ...]
    max_age: timedelta
    events: tuple[Event, ...] = ()
    read_at: datetime | None = None
    unreadable: bool = False

    def known(self, now: datetime) -> bool:
        """Whether what was read may be believed now."""
        return not self.unreadable and self.read_at is not None and now - self.read_at <= self.max_age


@dataclass(frozen=True, slots=True)
class Breaker:
    """One breaker of the policy. window, cooldown: None for the one of an incident."""

    most: int
    window: timedelta = timedelta(0)
    cooldown: timedelta = timedelta(0)


@dataclass(slots=True)
class Act:
    """One act that was to change something. state: of the attempt. last: no other change of its run came after it."""

    run: RunState
    name: str
    action: str
    at: datetime
    state: str = "intended"
    undo: bool = False


@dataclass(slots=True)
class RunState:
    """One run. asked: it has a question for approval; until: when that ends. used: it was used up. outcome: when closed.

    ends: until when its plan may be begun; last: when something happened in it.
    """

    id: str
    place: Place
    incident: str
    bot: bool
    asked: bool
    until: datetime | None
    answered: str = ""
    used: bool = False
    outcome: str = ""
    acts: list[Act] = field(default_factory=list)
    ends: datetime | None = None
    last: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether its first step comes too late, for its question or for its plan."""
        ends = [each for each in (self.until if self.asked else None, self.ends) if each is not None]
        return not self.used and bool(ends) and now >= min(ends)

    def still(self, now: datetime) -> set[str]:
        """Why a later step comes too late."""
        return {"outlived"} if self.last is not None and now - self.last > LIES_STILL else set()

    def act(self, name: str) -> Act | None:
        """The act of that name."""
        return next((act for act in self.acts if act.name == name), None)


@dataclass(slots=True)
class Open:
    """An open breaker. by: the run that opened it by being the last allowed, '' when it opened otherwise."""

    since: datetime
    trial: str = ""
    by: str = ""


@dataclass(slots=True)
class Model:
    """remediation, everything, incident: the breakers, None where the policy has none. worked_out: the bot has reckoned
    the days around now since it was started. held: place -> the run that has its target.
    """

    periods: Sequence[Written]
    sources: Sequence[Source]
    remediation: Breaker | None
    everything: Breaker | None
    incident: Breaker | None
    worked_out: bool = False
    acts: list[Act] = field(default_factory=list)
    open: dict[str, Open] = field(default_factory=dict)
    held: dict[Place, str] = field(default_factory=dict)

    # -- freezes -----------------------------------------------------------------------------------------------------
    def frozen(self, place: Place, now: datetime) -> str:
        """Why nothing may change there now, empty when it may."""
        environment, service = place
        if not (self.periods or self.sources):
            return ""
        on = set()
        if self.worked_out:
            on = {
                period.kind
                for period in self.periods
                if environment in period.environments
                and (not period.services or service in period.services)
                and period.on(now)
            }
            on |= {
                source.kind
                for source in self.sources
                if environment in source.environments and any(event.on(now) for event in source.events)
            }
        if on:
            return "frozen" if "freeze" in on else "maintenance"
        everywhere = [*(each.environments for each in self.periods), *(each.environments for each in self.sources)]
        if not self.worked_out and any(environment in each for each in everywhere):
            return "calendar_unreadable"
        blind = any(environment in each.environments and not each.known(now) for each in self.sources)
        return "calendar_unreadable" if blind else ""

    # -- breakers ----------------------------------------------------------------------------------------------------
    def went_wrong(self, act: Act) -> bool:
        """Failed, or nobody knows."""
        run = act.run
        if act.state == "intended":
            return bool(run.outcome)
        if act.state != "done":
            return True
        changes = [each for each in run.acts if not each.undo]
        last = bool(changes) and changes[-1] is act
        return last and run.outcome in ("failed", "rolled_back", "unknown")

    def counted(self, breaker: Breaker, now: datetime, but: str, place: Place | None) -> int:
        """How many acts count for it, without those of one run. place: None counts what went wrong anywhere."""
        lately = [act for act in self.acts if act.at > now - breaker.window and act.run.id != but]
        if place is None:
            return sum(map(self.went_wrong, lately))
        return sum(act.run.place == place and act.action == RESTART for act in lately)

    def blocked(self, place: Place, incident: str, run: str, now: datetime) -> tuple[bool, bool]:
        """Whether breakers deny everybody there, and whether people must be asked first. run: '' before there is one."""
        deny = ask = False
        for breaker, key in ((self.remediation, name_of(place)), (self.everything, "global")):
            if breaker is None:
                continue
            found = self.open.get(key)
            if found is not None and (not run or found.by != run):
                deny |= now < found.since + breaker.cooldown or found.trial not in ("", run)
                ask = True
            else:
                about = None if key == "global" else place
                deny |= self.counted(breaker, now, run, about) >= breaker.most
        if self.incident is not None:
            wrong = [a for a in self.acts if a.run.incident == incident and a.run.id != run and self.went_wrong(a)]
            ask |= len(wrong) >= self.incident.most
        return deny, ask

    # -- may it start? -----------------------------------------------------------------------------------------------
    def refused(self, place: Place, incident: str, now: datetime, *, bot: bool, run: RunState | None) -> set[str]:
        """Every reason why a change may not start, or be asked for, there now; empty when it may."""
        reasons = {self.frozen(place, now)} - {""}
        deny, ask = self.blocked(place, incident, run.id if run else "", now)
        if deny or (ask and bot):
            reasons.add("breaker_open")
        elif ask and place[0] not in APPROVING:
            reasons.add("forbidden")
        elif ask and run is not None and not run.asked:
            reasons.add("not_approved")
        if self.held.get(place, run.id if run else "") != (run.id if run else ""):
            reasons.add("target_busy")
        return reasons

    def asks(self, place: Place, incident: str, now: datetime) -> bool:
        """Whether others must approve what is asked for there now."""
        return place[0] == "prod" or self.blocked(place, incident, "", now)[1]

    # -- what happens ------------------------------------------------------------------------------------------------
    def started(self, run: RunState, name: str, now: datetime, *, undo: bool) -> Act:
        """An intent was written."""
        key = name_of(run.place)
        others = self.counted(self.remediation, now, run.id, run.place) if self.remediation else 0
        act = Act(run, name, START if undo else RESTART, now, undo=undo)
        run.acts.append(act)
        self.acts.append(act)
        if undo:
            return act
        for each in (key, "global"):
            found = self.open.get(each)
            if found is not None and found.by != run.id and not found.trial and self.of(each) is not None:
                found.trial = run.id
        found = self.open.get(key)
        standing = found is not None and found.by != run.id
        if self.remediation is not None and not standing and others + 1 >= self.remediation.most:
            self.open[key] = Open(now, by=run.id)
        return act

    def ended(self, run: RunState, outcome: str, now: datetime) -> list[str]:
        """A run is over; what became of breakers."""
        run.outcome, told = outcome, []
        for key, found in sorted(self.open.items()):
            if found.trial == run.id:
                told.append("a trial closed a breaker" if outcome == "succeeded" else "a trial opened it anew")
                if outcome == "succeeded":
                    del self.open[key]
                else:
                    self.open[key] = Open(now)
        everything = self.everything
        if everything is None or "global" in self.open:
            return told
        if self.counted(everything, now, "", None) >= everything.most:
            self.open["global"] = Open(now)
            told.append("the global breaker opened")
        return told

    def of(self, key: str) -> Breaker | None:
        """The breaker that obeys this key."""
        return self.everything if key == "global" else self.remediation


def name_of(place: Place) -> str:
    """The key of the breaker of the one remediation there."""
    return f"remediation:{place[0]}/{place[1]}/{RESTART}"
