"""The calendars of the policy, kept up to date in memory: `refresh` reads them, `current` answers at once (case T56).

Made by bot/assembly.py, refreshed by a loop of bot/app.py, asked by bot/stages/gate.py inside a transaction: so
`current` must not wait for anything. Whatever could not be read is a problem of its environments, which then count as
frozen. Only a failure that may pass (no answer, 5xx) is borne, and only until what was read last is older than max_age.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.calendars.events import periods_of
from bot.calendars.reading import Changes, Fetch, ReadFile, change_periods
from bot.calendars.recurrence import Unreadable, occurrences
from bot.clients.servicenow import PlannedChange
from bot.errors import CountersignError, Transient
from guards.context import Calendar, Period
from guards.policy_periods import DeclaredCalendar, DeclaredPeriod

BEFORE: Final = timedelta(days=1)
AHEAD: Final = timedelta(days=8)
MOVE_EVERY: Final = timedelta(hours=1)
"""How far now may be from the moment that the looked-at days were reckoned from before they are reckoned anew."""

FILE_EVERY: Final = 60.0
OTHERS_EVERY: Final = 300.0
AGAIN_AFTER: Final = 60.0
"""Seconds between reads of a file, of an address or ServiceNow, and after a failure. A short max_age shortens them."""

NOT_READ: Final = "it was not read yet"
Content = bytes | tuple[PlannedChange, ...]


@dataclass(frozen=True, slots=True)
class Days:
    """The days that are looked at: start <= t < end."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, now: datetime) -> Days:
        """From a day before to eight days ahead."""
        return cls(now - BEFORE, now + AHEAD)

    def hold(self, now: datetime) -> bool:
        """Whether they say anything about now."""
        return self.start <= now < self.end


@dataclass(frozen=True, slots=True)
class CalendarState:
    """How it stands with one calendar. read_at: of the last good read. problem: why it counts as frozen, '' when it does
    not. note: a failure that is borne until the calendar is too old.
    """

    name: str
    environments: tuple[str, ...]
    read_at: datetime | None
    problem: str = ""
    note: str = ""


@dataclass(slots=True)
class _Kept:
    """One calendar and what is known of it. fault: it cannot be read; trouble: it could not be read this time."""

    declared: DeclaredCalendar
    content: Content | None = None
    days: Days | None = None
    periods: tuple[Period, ...] = ()
    read_at: datetime | None = None
    tried_at: datetime | None = None
    fault: str = NOT_READ
    trouble: str = ""

    def due(self, now: datetime) -> bool:
        every = FILE_EVERY if self.declared.file else OTHERS_EVERY
        if self.fault or self.trouble:
            every = AGAIN_AFTER
        wait = timedelta(seconds=min(every, self.declared.max_age / 3))
        return self.tried_at is None or not timedelta(0) <= now - self.tried_at < wait

    def state(self, now: datetime) -> CalendarState:
        problem = self.fault
        if not problem and (self.read_at is None or self.days is None or not self.days.hold(now)):
            problem = "what was read says nothing about this moment"
        elif (
            not problem and self.read_at is not None and abs(now - self.read_at).total_seconds() > self.declared.max_age
        ):
            problem = f"it was last read at {self.read_at:%Y-%m-%d %H:%M} UTC, and that is too old"
        if problem and self.trouble:
            problem = f"{problem}: {self.trouble}"
        return CalendarState(self.declared.name, self.declared.environments, self.read_at, problem, self.trouble)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    days: Days
    periods: tuple[Period, ...]
    wrong: tuple[tuple[str, str], ...]


class Calendars:
    """Everything the policy says about time, worked out around now.

    read_file: path -> bytes, called in a thread; fetch: address -> bytes; servicenow: None when it is not configured;
    services: names in the catalogue; clock: timezone-aware UTC now.
    """

    def __init__(
        self,
        periods: Iterable[DeclaredPeriod],
        calendars: Iterable[DeclaredCalendar],
        *,
        read_file: ReadFile,
        fetch: Fetch,
        servicenow: Changes | None,
        services: Collection[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._declared = tuple(periods)
        self._kept = tuple(_Kept(calendar) for calendar in calendars)
        self._read_file, self._fetch, self._servicenow = read_file, fetch, servicenow
        self._services = tuple(services)
        self._clock = clock
        self._days: Days | None = None
        self._own: Calendar = Calendar()
        self._snapshot: _Snapshot | None = None
        self._one_at_a_time = asyncio.Lock()

    async def refresh(self) -> None:
        """Read what is due and work out the days around now. Often called, mostly cheap; what fails is a problem, not
        an exception.
        """
        async with self._one_at_a_time:
            now = self._clock()
            days = self._days
            if days is None or abs(now - BEFORE - days.start) >= MOVE_EVERY:
                days = Days.around(now)
                self._own = await asyncio.to_thread(declared_calendar, self._declared, days.start, days.end)
                self._days = days
            await asyncio.gather(*(self._bring_up_to_date(kept, now, days) for kept in self._kept))
            read = (period for kept in self._kept for period in kept.periods)
            periods = sorted((*self._own.periods, *read), key=lambda period: (period.start, period.end, period.name))
            self._snapshot = _Snapshot(days, tuple(periods), self._own.problems)

    def current(self, now: datetime) -> Calendar:
        """What the guards may know of now: nothing is read, nothing is waited for."""
        return Calendar(self._snapshot.periods if self._snapshot else (), self.problems(now))

    def problems(self, now: datetime) -> tuple[tuple[str, str], ...]:
        """(environment, what is wrong) for everything that cannot be read, is too old or cannot be worked out."""
        snapshot = self._snapshot
        if snapshot is None or not snapshot.days.hold(now):
            everywhere = {e for period in self._declared for e in period.environments}
            everywhere |= {e for kept in self._kept for e in kept.declared.environments}
            return tuple((e, "freezes and calendars are not worked out for this moment") for e in sorted(everywhere))
        found = list(snapshot.wrong)
        for state in self.states(now):
            if state.problem:
                found += [(e, f"calendar {state.name}: {state.problem}") for e in state.environments]
        return tuple(found)

    def states(self, now: datetime) -> tuple[CalendarState, ...]:
        """How it stands with each calendar of the policy, for `doctor` and `runbookctl freeze`."""
        return tuple(kept.state(now) for kept in self._kept)

    def upcoming(
        self,
        now: datetime,
        environment: str,
        service: str,
        limit: int,
        kinds: Collection[str] = ("freeze", "maintenance"),
    ) -> tuple[Period, ...]:
        """Periods of these kinds that hold now or begin within eight days, the earliest first, at most `limit`.

        environment, service: '' is any.
        """
        found = (
            period
            for period in (self._snapshot.periods if self._snapshot else ())
            if period.end > now
            and period.kind in kinds
            and (not environment or environment in period.environments)
            and (not service or not period.services or service in period.services)
        )
        return tuple(period for period, _ in zip(found, range(limit), strict=False))

    async def _bring_up_to_date(self, kept: _Kept, now: datetime, days: Days) -> None:
        read = await self._try(kept, now, days) if kept.due(now) else None
        if read is None and (kept.fault or not isinstance(kept.content, bytes)):
            return  # it stays as it is until it is read again
        content = kept.content if read is None else read
        try:
            if content != kept.content or kept.days != days or kept.fault:
                kept.periods = await self._work_out(kept.declared, content, days)
        except Unreadable as error:
            kept.fault = str(error)
            return
        kept.content, kept.days, kept.fault = content, days, ""
        kept.read_at = kept.read_at if read is None else now

    async def _try(self, kept: _Kept, now: datetime, days: Days) -> Content | None:
        """What stands there now; None when it could not be had, which is then written down in `kept`."""
        kept.tried_at = now
        try:
            content = await self._read(kept.declared, days)
        except Transient as error:
            kept.trouble = str(error)
        except CountersignError as error:
            kept.fault, kept.trouble = str(error), ""
        else:
            kept.trouble = ""
            return content
        return None

    async def _work_out(self, declared: DeclaredCalendar, content: Content | None, days: Days) -> tuple[Period, ...]:
        if isinstance(content, bytes):
            return await asyncio.to_thread(periods_of, content, declared, days.start, days.end)
        return change_periods(content or (), declared, self._services)

    async def _read(self, declared: DeclaredCalendar, days: Days) -> Content:
        if declared.servicenow:
            if self._servicenow is None:
                raise Unreadable("ServiceNow is not configured (SERVICENOW_URL)")
            return tuple(await self._servicenow.planned_changes(days.start, days.end))
        if declared.url:
            return await self._fetch(declared.url)
        return await asyncio.to_thread(self._read_file, declared.file)


def declared_calendar(periods: Iterable[DeclaredPeriod], start: datetime, end: datetime) -> Calendar:
    """What the policy itself declares for start <= t < end, without any imported calendar. Pure; also for `backtest`.

    A period that cannot be worked out is a problem of its environments.
    """
    found: list[Period] = []
    wrong: list[tuple[str, str]] = []
    for period in periods:
        try:
            found += occurrences(period, start, end)
        except Unreadable as error:
            wrong += [(environment, f"{period.kind} {period.name}: {error}") for environment in period.environments]
    return Calendar(tuple(found), tuple(wrong))
