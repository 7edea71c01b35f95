"""What policy.yaml declares about time: freezes, maintenance, change windows, and calendars to import (case T56).

Called by guards/policy_reading.py and guards/policy.py; bot/calendars works out the occurrences of a DeclaredPeriod and
reads a DeclaredCalendar. Only the shape is checked here; must not work out a recurrence or read a calendar.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from guards.policy_values import (
    PolicyError,
    as_set,
    duration,
    entries,
    environments,
    local_moment,
    mapping,
    name,
    names,
    one_of,
)

KINDS = {"freezes": "freeze", "maintenance": "maintenance", "change_windows": "change_window"}
"""The keys of the policy that hold periods, and the kind of period each holds."""

CALENDAR_KINDS = ("freeze", "maintenance")
LONGEST_RULE = 200
LONGEST_PLACE = 500

_ZONE = re.compile(r"\A[A-Z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}\Z", re.ASCII)
_RULE = re.compile(r"\A[A-Z]+=[A-Z0-9,+-]+(;[A-Z]+=[A-Z0-9,+-]+)*\Z", re.ASCII)
_HERE = ("127.0.0.1", "::1", "localhost")
_EXAMPLE = "{name: year-end, environments: [prod], start: 2026-12-20T00:00, end: 2027-01-03T00:00, timezone: UTC}"
_CALENDAR = "{name: company, file: freezes.ics, environments: [prod], kind: freeze, max_age: 2d}"


@dataclass(frozen=True, slots=True)
class DeclaredPeriod:
    """One period as it is written, not yet worked out.

    kind: `freeze`, `maintenance` or `change_window`. environments: never empty. services: empty is every service.
    start, end: local date and time without a zone, start < end; the first occurrence when `repeat` is there. timezone:
    an IANA zone. repeat: the text of an RFC 5545 recurrence rule (`FREQ=WEEKLY;BYDAY=FR`), empty for once; FREQ comes
    first, the other parts and the values of each part are sorted.
    """

    kind: str
    name: str
    environments: tuple[str, ...]
    services: tuple[str, ...]
    start: datetime
    end: datetime
    timezone: str
    repeat: str = ""


@dataclass(frozen=True, slots=True)
class DeclaredCalendar:
    """One calendar whose events are periods. Exactly one of file, url and servicenow is set.

    kind: `freeze` or `maintenance`. file: path, relative to the folder of the policy. url: https, or http on this
    machine. servicenow: the change schedules of the configured ServiceNow. max_age: seconds after which what was read
    counts as unreadable.
    """

    name: str
    kind: str
    environments: tuple[str, ...]
    services: tuple[str, ...]
    max_age: float
    file: str = ""
    url: str = ""
    servicenow: bool = False


def read_periods(value: object, place: str, known: Collection[str]) -> list[dict[str, Any]]:
    """One list of periods in canonical form. Raises PolicyError."""
    return as_set(
        _period(each, f"{place}[{number}]", known) for number, each in enumerate(entries(value, place, _EXAMPLE))
    )


def read_calendars(value: object, known: Collection[str]) -> list[dict[str, Any]]:
    """The calendars in canonical form; each name stands there once. Raises PolicyError."""
    found = [
        _calendar(each, f"calendars[{number}]", known)
        for number, each in enumerate(entries(value, "calendars", _CALENDAR))
    ]
    if len({calendar["name"] for calendar in found}) < len(found):
        raise PolicyError("calendars", "two calendars have the same name.", "give each a name of its own.")
    return as_set(found)


def declared_periods(read: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[DeclaredPeriod, ...]:
    """The periods of a policy that was read, freezes first. read: what `read_policy` returned."""
    return tuple(
        DeclaredPeriod(
            kind=kind,
            name=each["name"],
            environments=tuple(each["environments"]),
            services=tuple(each["services"]),
            start=datetime.fromisoformat(each["start"]),
            end=datetime.fromisoformat(each["end"]),
            timezone=each["timezone"],
            repeat=each["repeat"],
        )
        for key, kind in KINDS.items()
        for each in read[key]
    )


def declared_calendars(read: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[DeclaredCalendar, ...]:
    """The calendars of a policy that was read. read: what `read_policy` returned."""
    return tuple(
        DeclaredCalendar(**{**each, "environments": tuple(each["environments"]), "services": tuple(each["services"])})
        for each in read["calendars"]
    )


def _period(value: object, place: str, known: Collection[str]) -> dict[str, Any]:
    parts = mapping(
        value,
        place,
        needed=("name", "environments", "start", "end", "timezone"),
        optional=("services", "repeat"),
    )
    start, end = local_moment(parts["start"], f"{place}.start"), local_moment(parts["end"], f"{place}.end")
    if start >= end:
        raise PolicyError(f"{place}.end", "it does not lie after the start.", "write a later end.")
    return {
        "name": name(parts["name"], f"{place}.name"),
        **_where(parts, place, known),
        "start": start.isoformat(),
        "end": end.isoformat(),
        "timezone": _zone(parts["timezone"], f"{place}.timezone"),
        "repeat": _rule(parts["repeat"], f"{place}.repeat") if "repeat" in parts else "",
    }


def _calendar(value: object, place: str, known: Collection[str]) -> dict[str, Any]:
    needed = ("name", "environments", "kind", "max_age")
    parts = mapping(value, place, needed=needed, optional=("file", "url", "servicenow", "services"))
    if len({"file", "url", "servicenow"} & parts.keys()) != 1:
        raise PolicyError(place, "it is not clear where it is.", "write exactly one of file, url and servicenow.")
    if parts.get("servicenow", True) is not True:
        raise PolicyError(f"{place}.servicenow", f"{parts['servicenow']!r} is not true.", "write servicenow: true.")
    return {
        "name": name(parts["name"], f"{place}.name"),
        "kind": one_of(parts["kind"], f"{place}.kind", CALENDAR_KINDS),
        **_where(parts, place, known),
        "max_age": duration(parts["max_age"], f"{place}.max_age"),
        "file": _text(parts["file"], f"{place}.file") if "file" in parts else "",
        "url": _url(parts["url"], f"{place}.url") if "url" in parts else "",
        "servicenow": "servicenow" in parts,
    }


def _where(parts: Mapping[str, Any], place: str, known: Collection[str]) -> dict[str, list[str]]:
    return {
        "environments": environments(parts["environments"], f"{place}.environments", known),
        "services": names(parts.get("services", []), f"{place}.services", may_be_empty=True),
    }


def _zone(value: object, place: str) -> str:
    fix = "write a zone such as Europe/Berlin or UTC."
    if not isinstance(value, str) or not _ZONE.match(value):
        raise PolicyError(place, f"{value!r} is not a time zone.", fix)
    try:
        return ZoneInfo(value).key
    except (KeyError, ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError; `Europe` is a folder
        raise PolicyError(place, f"the time zone {value} is not known.", fix) from error


def _rule(value: object, place: str) -> str:
    """The recurrence rule with its parts in one order, so that two spellings of one rule have one digest."""
    fix = "write a recurrence rule such as FREQ=WEEKLY;BYDAY=FR."
    if not isinstance(value, str) or len(value) > LONGEST_RULE or not _RULE.match(value):
        raise PolicyError(place, f"{value!r} is not a recurrence rule.", fix)
    parts = [part.split("=") for part in value.split(";")]
    rule = {key: ",".join(sorted(set(values.split(",")))) for key, values in parts}
    if len(rule) < len(parts) or "FREQ" not in rule or "" in {each for _, v in parts for each in v.split(",")}:
        raise PolicyError(place, f"{value!r} has a part twice, an empty value or no FREQ.", fix)
    return ";".join(f"{key}={rule[key]}" for key in sorted(rule, key=lambda key: (key != "FREQ", key)))


def _text(value: object, place: str) -> str:
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= LONGEST_PLACE
        or not value.isprintable()
        or value != value.strip()
    ):
        raise PolicyError(place, f"{value!r} is not a path.", "write a file name such as freezes.ics.")
    return value


def _url(value: object, place: str) -> str:
    """https, or http on this machine: who can change a calendar on its way can thaw what it freezes."""
    text = _text(value, place)
    fix = "write an address such as https://calendar.example.com/freezes.ics, without a password."
    try:
        parts = urlsplit(text)
        host, named = parts.hostname or "", "@" in parts.netloc
    except ValueError as error:
        raise PolicyError(place, f"{value!r} is not an address.", fix) from error
    if " " in text or not host or named or not (parts.scheme == "https" or (parts.scheme == "http" and host in _HERE)):
        raise PolicyError(place, f"{value!r} is not an https address.", fix)
    return text
