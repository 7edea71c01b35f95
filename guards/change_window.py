"""`@change_window(days=["mon", "fri"], start="09:00", end="17:00", timezone="Europe/Berlin")`: changes only then.

The decorator and its `ChangeWindow` are for anyone's script; a policy's `change_windows`, which may recur in any way,
compile to `InChangeWindow` (mission G4; docs/policy.md, change_window). Must not read a calendar or a clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, cast
from zoneinfo import ZoneInfo

from guards.chain import Decorator, guarded
from guards.context import Calendar, Context
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing
from guards.names import checked_names
from guards.periods import as_names, is_on, problem_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"\A([01][0-9]|2[0-4]):([0-5][0-9])\Z", re.ASCII)
_DAY = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWindow:
    """Denies `outside_change_window`; allows what merely reads.

    days: on which a window starts. start <= local time < end, both `HH:MM`; `24:00` is the end of the day, and an end
    before the start is on the next day. What counts is the clock on the wall of that time zone: an hour that the change
    to winter time repeats is inside twice, one that is skipped never. Raises ValueError, TypeError.
    """

    days: tuple[str, ...]
    start: str
    end: str
    timezone: str
    rule: ClassVar[str] = "change_window"

    def __post_init__(self) -> None:
        chosen = checked_names(self.days, "change_window: days")
        unknown = [day for day in chosen if day not in DAYS]
        if unknown:
            raise ValueError(f"change_window: {unknown[0]!r} is not one of {', '.join(DAYS)}")
        object.__setattr__(self, "days", tuple(day for day in DAYS if day in chosen))
        if _minutes(self.start) == _minutes(self.end):
            raise ValueError("change_window: start and end are the same; write 00:00 and 24:00 for the whole day")
        if _minutes(self.start) == _DAY:
            raise ValueError("change_window: a window cannot start at 24:00; write 00:00 of the next day")
        _zone(self.timezone)

    def check(self, context: Context) -> Verdict:
        """Deny outside the window. Raises ValueError for a time without a zone: the chain then denies."""
        if context.risk == "read":
            return Allow("It only reads.")
        if context.now is None:
            return missing("now")
        if context.now.tzinfo is None:
            raise ValueError("a time without a zone could be anywhere")
        local = context.now.astimezone(_zone(self.timezone))
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        minute, start, end = local.hour * 60 + local.minute, _minutes(self.start), _minutes(self.end)
        over_midnight = end < start
        inside = today in self.days and start <= minute and (over_midnight or minute < end)
        if inside or (over_midnight and yesterday in self.days and minute < end):
            return Allow(f"{today} {local:%H:%M} is inside the change window.")
        return Deny(
            code="outside_change_window",
            reason=f"{today} {local:%H:%M} ({self.timezone}) is outside the change window.",
            remedy=f"Wait for {', '.join(self.days)} {self.start} to {self.end}.",
        )

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The moment and the window."""
        return {
            "now": context.now.isoformat() if context.now else "",
            "days": self.days,
            "start": self.start,
            "end": self.end,
            "timezone": self.timezone,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class InChangeWindow:
    """Denies `outside_change_window` or `calendar_unreadable`; allows what merely reads, and where no window is written.

    windows: (environments, services) of each window that the policy declares; no services is every service. When any
    is about this environment and service, the moment must lie in an occurrence of such a one in the context's calendar.
    Raises TypeError for lists that are not tuples.
    """

    windows: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    rule: ClassVar[str] = "change_window"

    def __post_init__(self) -> None:
        for environments, services in self.windows:
            checked_names(as_names(environments), "change_window: environments")
            checked_names(as_names(services), "change_window: services", may_be_empty=True)

    def check(self, context: Context) -> Verdict:
        """Deny outside every window of this environment and service, and when that cannot be told."""
        return self.examine(context)[0]

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The moment, the place, and the windows that are open there."""
        return self.examine(context)[1]

    def examine(self, context: Context) -> tuple[Verdict, Mapping[str, object]]:
        """Both answers from one look at the calendar."""
        verdict = self._allowed_or_missing(context)
        is_open: tuple[str, ...] = ()
        if verdict is None:
            is_open = _open(context)
            verdict = _inside(context, is_open)
        return verdict, {
            "environment": context.environment,
            "service": context.service,
            "now": context.now.isoformat() if context.now else "",
            "open": is_open,
        }

    def _allowed_or_missing(self, context: Context) -> Verdict | None:
        """The verdict where no window holds, or where what is needed is missing; None when a window must be open."""
        if context.risk == "read":
            return Allow("It only reads.")
        if not self.windows:
            return Allow("No change window is written.")
        if not context.environment:
            return missing("environment")
        lists = [services for environments, services in self.windows if context.environment in environments]
        if not context.service and any(lists):
            return missing("service")
        if not any(not services or context.service in services for services in lists):
            return Allow(f"No change window is written for this in {context.environment}.")
        if context.now is None:
            return missing("now")
        problem = (
            "nobody has read it" if context.calendar is None else problem_of(context.calendar, context.environment)
        )
        if problem is None:
            return None
        return Deny(
            code="calendar_unreadable",
            reason=f"It is not known whether a change window is open: {problem}.",
            remedy="Have the calendar mended; nothing is changed before.",
        )


def _inside(context: Context, is_open: tuple[str, ...]) -> Verdict:
    if is_open:
        return Allow(f"Inside the change window {is_open[0]}.")
    return Deny(
        code="outside_change_window",
        reason=f"No change window is open for {context.service or 'this'} in {context.environment}.",
        remedy="Wait for the next change window, or let a person do it by hand.",
    )


def _open(context: Context) -> tuple[str, ...]:
    """The names of the windows that are open for this environment and service."""
    now, calendar = cast("datetime", context.now), cast("Calendar", context.calendar)  # both were asked for before
    return tuple(
        sorted(
            period.name
            for period in calendar.periods
            if period.kind == "change_window"
            and is_on(period, context.environment, now)
            and (not as_names(period.services) or context.service in period.services)
        )
    )


def change_window(*, days: Iterable[str], start: str, end: str, timezone: str) -> Decorator:
    """Only inside this window of the week. Raises ValueError, TypeError; an unknown time zone is a ValueError."""
    guard = ChangeWindow(days=checked_names(days, "change_window: days"), start=start, end=end, timezone=timezone)
    return lambda fn: guarded(fn, guard)


def _minutes(clock: str) -> int:
    """Minutes since midnight of `HH:MM`, at most 24:00. Raises ValueError."""
    written = _CLOCK.match(clock)
    minutes = int(written[1]) * 60 + int(written[2]) if written else _DAY + 1
    if minutes > _DAY:
        raise ValueError(f"change_window: {clock!r} is not a time such as 09:00")
    return minutes


def _zone(timezone: str) -> ZoneInfo:
    """The time zone. Raises ValueError for one that is not known."""
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:  # OSError: a folder of the database such as `Europe`
        raise ValueError(f"change_window: {timezone!r} is not a time zone such as Europe/Berlin") from error
