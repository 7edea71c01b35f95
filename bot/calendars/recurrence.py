"""Recurrence: works out when a declared period happens, by local wall time and RFC 5545 rules (mission G4, case T56).

Called by loader.py for what policy.yaml declares, and by events.py to check the rules of a calendar before a library
follows them. Pure. Must not follow a rule without an end to its work: a rule that cannot be followed is `Unreadable`,
and unreadable is frozen.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from bot.errors import Permanent
from guards.context import Period
from guards.policy_periods import DeclaredPeriod

MOST_OCCURRENCES: Final = 1000
"""Of one rule, or of one calendar, in the days that are looked at."""

MOST_STEPS: Final = 100_000
"""Occurrences that a rule may have had since it began: 270 years of every day."""

MOST_TIMES_A_DAY: Final = 24
FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
PARTS: Final = frozenset(
    {
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "WKST",
        "BYDAY",
        "BYMONTH",
        "BYMONTHDAY",
        "BYYEARDAY",
        "BYWEEKNO",
        "BYSETPOS",
    }
    | {"BYHOUR", "BYMINUTE", "BYSECOND"}
)
MOST_NUMBER: Final = 100_000
SOME_DAYS: Final = timedelta(days=2)
# what dateutil, icalendar and recurring-ical-events raise for text that they cannot follow; OSError is the time zone
# `Europe`, which is a folder
FOREIGN: Final = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    OSError,
)


class Unreadable(Permanent):
    """A rule or a calendar that cannot be followed. The message says why, without addresses."""


def read_rule(text: str) -> dict[str, str]:
    """The parts of a recurrence rule, in upper case (RFC 5545 section 3.3.10).

    Raises Unreadable for a part twice or unknown, a frequency below a day, an INTERVAL or COUNT below 1, COUNT together
    with UNTIL, and more than MOST_TIMES_A_DAY combinations of BYHOUR, BYMINUTE and BYSECOND.
    """
    parts: dict[str, str] = {}
    for part in text.strip().upper().split(";"):
        name, _, value = part.partition("=")
        if name not in PARTS or not value or name in parts:
            raise Unreadable(f"the recurrence rule has the part {part[:40]!r}")
        parts[name] = value
    if parts.get("FREQ") not in FREQUENCIES:
        raise Unreadable(f"a recurrence rule says FREQ={parts.get('FREQ', '')[:20]}, not {', '.join(FREQUENCIES)}")
    for name in ("INTERVAL", "COUNT"):
        number = parts.get(name, "1")
        if not (number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= MOST_NUMBER):
            raise Unreadable(f"the recurrence rule says {name}={number[:20]}")
    if "COUNT" in parts and "UNTIL" in parts:
        raise Unreadable("the recurrence rule has both COUNT and UNTIL")
    if times_a_day(parts) > MOST_TIMES_A_DAY:
        raise Unreadable(f"the recurrence rule means more than {MOST_TIMES_A_DAY} times a day")
    return parts


def times_a_day(parts: dict[str, str]) -> int:
    """At how many times of a day a rule happens at most."""
    found = 1
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        found *= parts.get(name, "").count(",") + 1
    return found


def rule_from(text: str, first: datetime, zone: ZoneInfo) -> rrule:
    """The rule, to be followed from `first` (local, without a zone). UNTIL counts with its whole day when it is a date.

    Raises Unreadable, also for a rule that never happens within a century: the library would look for its first
    occurrence up to the year 9999, for seconds.
    """
    parts = read_rule(text)
    until = parts.pop("UNTIL", "")
    try:
        made = rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=first)
        if not isinstance(made, rrule):
            raise TypeError("it is more than one rule")
        # the calendar repeats itself every 400 years, and the library stops looking at the year 9999
        late = first.replace(year=first.year + 400 * ((9899 - first.year) // 400))
        happens = next(iter(made.replace(dtstart=late)), None) is not None
        if until:
            made = made.replace(until=_until(until, zone))
    except FOREIGN as error:
        raise Unreadable(f"the recurrence rule cannot be followed ({str(error)[:80]})") from error
    if not happens:
        raise Unreadable("the recurrence rule never happens")
    return made


def _until(text: str, zone: ZoneInfo) -> datetime:
    if len(text) == 8:
        return datetime.combine(datetime.strptime(text, "%Y%m%d").date(), time(23, 59, 59))  # noqa: DTZ007  # reason: a local date
    if text.endswith("Z"):
        moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return moment.astimezone(zone).replace(tzinfo=None)
    return datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007  # reason: a local time


def instant(local: datetime, zone: ZoneInfo, *, later: bool) -> datetime:
    """The instant of a local wall time. Where the clocks change, some wall times happen twice and some never: then the
    later or the earlier of the two readings.
    """
    both = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(both) if later else min(both)


def occurrences(period: DeclaredPeriod, start: datetime, end: datetime) -> tuple[Period, ...]:
    """The occurrences of a period that overlap start <= t < end (UTC), in order of their start.

    Start and end keep their wall time over a change of the clocks. A wall time that happens twice or never is read as
    what allows less: a freeze and a maintenance are longer then, a change window is shorter. The declared start is the
    first occurrence. Raises Unreadable: see `rule_from`, and more than MOST_OCCURRENCES or MOST_STEPS.
    """
    try:
        zone = ZoneInfo(period.timezone)
        first, last = (at.astimezone(zone).replace(tzinfo=None) for at in (start - SOME_DAYS, end + SOME_DAYS))
        starts = _starts(period, zone, first, last)
        strict = period.kind != "change_window"
        length = period.end - period.start
        made = [
            (instant(at, zone, later=not strict), instant(at + length, zone, later=strict)) for at in sorted(starts)
        ]
    except FOREIGN as error:
        raise Unreadable(f"its times cannot be worked out ({str(error)[:80]})") from error
    found = tuple(
        Period(period.kind, period.name, period.environments, period.services, begins, ends)
        for begins, ends in made
        if begins < ends and begins < end and ends > start
    )
    if len(found) > MOST_OCCURRENCES:
        raise Unreadable(f"it happens more than {MOST_OCCURRENCES} times in {(end - start).days} days")
    return found


def _starts(period: DeclaredPeriod, zone: ZoneInfo, first: datetime, last: datetime) -> set[datetime]:
    """Local starts of every occurrence that touches first to last (local)."""
    starts = {period.start} if period.start < last else set()
    if not period.repeat:
        return starts
    length = period.end - period.start
    for step, at in enumerate(rule_from(period.repeat, period.start, zone)):
        if at > last:
            break
        if step > MOST_STEPS or len(starts) > 2 * MOST_OCCURRENCES:
            raise Unreadable("it happens too often")
        if at + length > first:
            starts.add(at)
    return starts
