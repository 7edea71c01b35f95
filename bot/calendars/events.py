"""Events of an iCalendar file become periods (RFC 5545), through icalendar and recurring-ical-events (case T56).

Called by loader.py with bytes that came from a file or an address. Pure, and slow for big files: call it in a thread.
What the libraries let pass in silence is looked for first: a cut-off file reads as empty, a time zone that is not known
reads as none, the second of two events with one UID disappears. Each of these is `Unreadable`: unreadable is frozen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import recurring_ical_events  # type: ignore[import-untyped]  # reason: the package carries no types
from icalendar import Calendar

from bot.calendars.recurrence import (
    FOREIGN,
    MOST_OCCURRENCES,
    SOME_DAYS,
    Unreadable,
    instant,
    read_rule,
    rule_from,
    times_a_day,
)
from guards.context import Period
from guards.policy_periods import DeclaredCalendar

Component = Any  # of icalendar; its types say that every property may be anything

MOST_BYTES: Final = 1 << 20
MOST_EVENTS: Final = 5000
MOST_REPEATS: Final = 20_000
"""Occurrences that the rules and dates of one file could have in the days that are looked at, if each day had one."""

MOST_WORK: Final = 1_000_000
"""Times that all the rules of one file may have behind them, a day each: to follow one takes some microseconds."""

DAYS: Final = 14  # about as many as are looked at
MOST_DEPTH: Final = 8
MOST_ZONE_RULES: Final = 200
NAME_CHARACTERS: Final = 80
TIMES: Final = ("DTSTART", "DTEND", "EXDATE", "RDATE", "RECURRENCE-ID")
MATTERS: Final = frozenset(
    [*TIMES, "DURATION", "RRULE", "EXRULE", "STATUS", "TRANSP", "UID", "SEQUENCE", "X-WR-TIMEZONE", "CALSCALE", None]
)
"""Properties that say whether and when; a mistake in any other one does not matter. None: a line that is none at all."""

UTC_ZONE: Final = ZoneInfo("UTC")
FOLD: Final = re.compile(r"\r?\n[ \t]")


def periods_of(data: bytes, declared: DeclaredCalendar, start: datetime, end: datetime) -> tuple[Period, ...]:
    """The periods of a calendar that overlap start <= t < end (UTC), in order of their start.

    Cancelled and transparent events do not count; all-day events and times without a zone lie in the file's
    X-WR-TIMEZONE, else in UTC. Raises Unreadable.
    """
    text = _text(data)
    _check_lines([line for line in FOLD.sub("", text).splitlines() if line.strip()])
    try:
        calendars = Calendar.from_ical(text, multiple=True)
        found = [period for each in calendars for period in _periods(each, declared, start, end)]
    except FOREIGN as error:
        raise Unreadable(f"it is not a calendar that can be followed ({_printable(str(error))})") from error
    if len(found) > MOST_OCCURRENCES:
        raise Unreadable(f"it has more than {MOST_OCCURRENCES} events in {(end - start).days} days")
    return tuple(sorted(found, key=lambda period: (period.start, period.end, period.name)))


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise Unreadable(f"it is larger than {MOST_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise Unreadable("it is not UTF-8 text") from error
    if not text.upper().startswith("BEGIN:VCALENDAR") or not text.upper().endswith("END:VCALENDAR"):
        raise Unreadable("it is not a whole iCalendar file (BEGIN:VCALENDAR to END:VCALENDAR)")
    return text


def _check_lines(lines: list[str]) -> None:
    """What must be known before the libraries begin: everything is closed, nothing is too much, no rule runs away."""
    inside: list[str] = []
    events = zone_rules = 0
    for line in lines:
        name, _, value = line.partition(":")
        match name.partition(";")[0].upper():
            case "BEGIN":
                inside.append(value.strip().upper())
                events += inside[-1] == "VEVENT"
            case "END":
                if not inside or inside.pop() != value.strip().upper():
                    raise Unreadable("its BEGIN and END lines do not fit together")
            case "RRULE" | "EXRULE" if "VTIMEZONE" in inside:
                zone_rules += 1
                if read_rule(value)["FREQ"] != "YEARLY":
                    raise Unreadable("a time zone in it changes its clocks more than once a year")
            case "RRULE":
                read_rule(value)
            case "EXRULE":
                raise Unreadable("it has an EXRULE, which RFC 5545 took out")
        if events > MOST_EVENTS or zone_rules > MOST_ZONE_RULES or len(inside) > MOST_DEPTH:
            raise Unreadable(f"it has more than {MOST_EVENTS} events, or is not shaped like a calendar")
    if inside:
        raise Unreadable("its BEGIN and END lines do not fit together")


def _periods(calendar: Component, declared: DeclaredCalendar, start: datetime, end: datetime) -> Iterator[Period]:
    if calendar.name != "VCALENDAR":
        raise Unreadable("it is not a calendar")
    zone = ZoneInfo(str(calendar.get("X-WR-TIMEZONE", "UTC")))
    _check_events(calendar, end)
    for event in recurring_ical_events.of(calendar).between(start - SOME_DAYS, end + SOME_DAYS):
        if _word(event, "STATUS") == "CANCELLED" or _word(event, "TRANSP") == "TRANSPARENT":
            continue
        begins = _moment(event["DTSTART"].dt, zone, later=False)
        ends = _moment(event["DTEND"].dt, zone, later=True)
        if begins < ends and begins < end and ends > start:
            name = f"{declared.name}: {_printable(str(event.get('SUMMARY', '')))}".removesuffix(": ")
            yield Period(declared.kind, name, declared.environments, declared.services, begins, ends)


def _check_events(calendar: Component, end: datetime) -> None:
    """Every event says clearly when it is; UNTIL is brought into the form that the library reads as it was meant."""
    events = calendar.walk("VEVENT")
    for component in (calendar, *events):
        for name, message in component.errors:
            if name in MATTERS:
                raise Unreadable(f"{name or 'a line'} cannot be read ({_printable(str(message))})")
    same = Counter((_word(e, "UID"), _word(e, "SEQUENCE"), _recurrence(e)) for e in events if "UID" in e)
    if same and same.most_common(1)[0][1] > 1:
        raise Unreadable(f"two events have the UID {_printable(same.most_common(1)[0][0][0])}, and one would be lost")
    repeats = work = 0
    for event in events:
        length = _check_times(event)
        rules = [_bounded_rule(event, rule) for rule in _all(event, "RRULE")]
        repeats += sum(len(each.dts) for each in _all(event, "RDATE")) + sum(rules) * (DAYS + length)
        work += sum(rules) * max(0, (end.date() - _day(event["DTSTART"].dt)).days)
    if repeats > MOST_REPEATS or work > MOST_WORK:
        raise Unreadable("its recurring events are too many, too long, or began too long ago")


def _check_times(event: Component) -> int:
    """How many days the event lasts at most. Raises Unreadable for times that cannot be taken as they stand."""
    if "DTSTART" not in event:
        raise Unreadable("an event does not say when it starts")
    for name in TIMES:
        for each in _all(event, name):
            for found in getattr(each, "dts", [each]):
                moments = found.dt if isinstance(found.dt, tuple) else (found.dt,)
                naive = any(isinstance(m, datetime) and m.tzinfo is None for m in moments)
                if naive and "TZID" in each.params:
                    raise Unreadable(f"the time zone {_printable(str(each.params['TZID']))} is not known")
    start, length = event["DTSTART"].dt, timedelta(days=1)
    if "DTEND" in event:
        length = _moment(event["DTEND"].dt, UTC_ZONE, later=True) - _moment(start, UTC_ZONE, later=False)
    elif "DURATION" in event:
        length = event["DURATION"].dt
    if length < timedelta(0):
        raise Unreadable("an event ends before it starts")
    return length.days + 1


def _bounded_rule(event: Component, rule: Any) -> int:
    """How often a day the rule happens at most. Raises Unreadable for one that cannot be followed."""
    start = event["DTSTART"].dt
    first = datetime.combine(_day(start), start.time() if isinstance(start, datetime) else time())
    text = rule.to_ical().decode()
    rule_from(text, first, UTC_ZONE)
    until = (rule.get("UNTIL") or [None])[0]
    if until is not None and isinstance(start, datetime):
        if not isinstance(until, datetime):  # the library would end with the first minute of that day
            until = datetime.combine(until, time(23, 59, 59))
        if until.tzinfo is None:
            until = until.replace(tzinfo=start.tzinfo)
        rule["UNTIL"] = [until.astimezone(UTC) if start.tzinfo else until.replace(tzinfo=None)]
    return times_a_day(read_rule(text))


def _moment(at: date, zone: ZoneInfo, *, later: bool) -> datetime:
    """The instant of a date (its midnight), of a time without a zone, or of a time with one."""
    if not isinstance(at, datetime):
        at = datetime.combine(at, time())
    return instant(at, zone, later=later) if at.tzinfo is None else at.astimezone(UTC)


def _day(at: date) -> date:
    return at.date() if isinstance(at, datetime) else at


def _all(event: Component, name: str) -> list[Any]:
    value = event.get(name, [])
    return value if isinstance(value, list) else [value]


def _word(event: Component, name: str) -> str:
    value = str(event.get(name, ""))
    return value if name == "UID" else value.strip().upper()


def _recurrence(event: Component) -> str:
    return str(event["RECURRENCE-ID"].dt) if "RECURRENCE-ID" in event else ""


def _printable(text: str) -> str:
    """Text of strangers for a message: one line, nothing invisible, short."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:NAME_CHARACTERS]
