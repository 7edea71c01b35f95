"""Reads single values of policy.yaml, strictly: mappings, names, words, numbers, durations, moments (case T43).

Called by the other policy_* modules only. Every mistake is a PolicyError that names the place and the fix. Must not know
any key of the policy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from guards.duration import seconds

MOST_PEOPLE = 20

_NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,62}\Z", re.ASCII)
_ACTION = re.compile(r"\A[a-z0-9][a-z0-9_.-]{0,62}\Z", re.ASCII)
_TIER = re.compile(r"\A[1-9][0-9]{0,2}\Z", re.ASCII)
_LOCAL = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?\Z", re.ASCII)
_INSTANT = re.compile(
    r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})\Z", re.ASCII
)


class PolicyError(Exception):
    """A policy that is not taken. place: key in the file (`matrix.prod.safe`); fix: one sentence, what to write."""

    def __init__(self, place: str, message: str, fix: str) -> None:
        super().__init__(place, message, fix)
        self.place = place
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.place}: {self.message} Fix: {self.fix}"


def canonical(value: object) -> bytes:
    """The canonical JSON of a value that was read: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def as_set(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items in one order and each once, for lists whose order means nothing."""
    return [item for _, item in sorted({canonical(item): item for item in items}.items())]


def mapping(
    value: object, place: str, *, needed: tuple[str, ...] = (), optional: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """A mapping with string keys; with needed or optional given, no other key is taken."""
    if not isinstance(value, Mapping):
        raise PolicyError(place, f"{value!r} is not a mapping.", "write `key: value` lines.")
    for key in value:
        if not isinstance(key, str):
            raise PolicyError(place, f"the key {key!r} is not text.", "put it in quotes.")
        if (needed or optional is not None) and key not in (*needed, *(optional or ())):
            fix = f"remove it or correct its spelling ({', '.join((*needed, *(optional or ())))})."
            raise PolicyError(place, f"unknown key {key!r}.", fix)
    for key in needed:
        if key not in value:
            raise PolicyError(place, f"{key!r} is missing.", f"add {key}.")
    return dict(value)


def tiers(value: object, place: str) -> dict[int, Any]:
    """A mapping whose keys are tiers, 1 is the most important. The strict YAML reader makes text of every key."""
    if not isinstance(value, Mapping):
        raise PolicyError(place, f"{value!r} is not a mapping.", "write one `1: {...}` line per tier.")
    found: dict[int, Any] = {}
    for key, entry in value.items():
        if type(key) not in (int, str) or not _TIER.match(str(key)):
            raise PolicyError(place, f"{key!r} is not a tier.", "write a whole number from 1, such as 1.")
        if int(key) in found:
            raise PolicyError(place, f"the tier {key} stands there twice.", "write each tier once.")
        found[int(key)] = entry
    return dict(sorted(found.items()))


def entries(value: object, place: str, example: str) -> list[Any]:
    """A list, possibly empty."""
    if not isinstance(value, list | tuple):
        raise PolicyError(place, f"{value!r} is not a list.", f"write one `- {example}` each.")
    return list(value)


def one_of(value: object, place: str, allowed: Collection[str]) -> str:
    """One of these words, literally."""
    if not isinstance(value, str) or value not in allowed:
        raise PolicyError(place, f"{value!r} is not known here.", f"write one of {', '.join(allowed)}.")
    return value


def name(value: object, place: str) -> str:
    """One name: of a service, a group, a person, a runbook."""
    if not isinstance(value, str) or not _NAME.match(value):
        raise PolicyError(place, f"{value!r} is not a name; there are no wildcards.", "write letters, digits, . _ : -")
    return value


def action(value: object, place: str) -> str:
    """The name of one operation."""
    if not isinstance(value, str) or not _ACTION.match(value):
        raise PolicyError(place, f"{value!r} is not an action.", "name one operation.")
    return value


def names(value: object, place: str, *, may_be_empty: bool = False) -> list[str]:
    """Distinct names, sorted; at least one unless may_be_empty (an empty approver list is an error: case T43)."""
    if not isinstance(value, list | tuple) or not (value or may_be_empty):
        raise PolicyError(place, f"{value!r} is not a list with at least one name.", "write a list such as [oncall].")
    for each in value:
        name(each, place)
    if len(set(value)) < len(value):
        raise PolicyError(place, "a name stands there twice.", "write each name once.")
    return sorted(value)


def environments(value: object, place: str, known: Collection[str]) -> list[str]:
    """Distinct environments of the matrix, sorted, at least one."""
    return [one_of(each, place, known) for each in names(value, place)]


def whole(value: object, place: str, most: int, least: int = 1) -> int:
    """A whole number from least to most; True is not 1."""
    if type(value) is not int or not least <= value <= most:
        raise PolicyError(place, f"{value!r} is not a whole number from {least} to {most}.", f"write {least} or more.")
    return value


def number(value: object, place: str, most: float, least: float = 0.0) -> float:
    """A number from least to most, as a float."""
    if type(value) not in (int, float) or not least <= cast("float", value) <= most:
        raise PolicyError(place, f"{value!r} is not a number from {least:g} to {most:g}.", "write a number such as 50.")
    return float(cast("float", value)) + 0.0  # -0.0 and 0.0 are the same number and must have the same digest


def truth(value: object, place: str) -> bool:
    """A truth value; no number and no word stands for one."""
    if not isinstance(value, bool):
        raise PolicyError(place, f"{value!r} is neither true nor false.", "write true or false.")
    return value


def duration(value: object, place: str, longest: float | None = None) -> float:
    """Seconds, more than 0, at most 31 days or `longest` seconds."""
    try:
        found = seconds(cast("float | str", value), place)
    except (TypeError, ValueError, OverflowError) as error:
        raise PolicyError(place, f"{value!r} is not a duration up to 31 days.", "write 120s, 15m, 1h or 2d.") from error
    if longest is not None and found > longest:
        raise PolicyError(place, f"{value!r} is longer than {longest:g} seconds.", f"write at most {longest:g}.")
    return found


def local_moment(value: object, place: str) -> datetime:
    """A local date and time without a zone: `2026-12-20T00:00`. YAML may have made a datetime of it already."""
    fix = "write local time such as 2026-12-20T00:00; the zone stands under timezone."
    if isinstance(value, datetime) and value.tzinfo is None and not value.microsecond:
        return value
    if not isinstance(value, str) or not _LOCAL.match(value):
        raise PolicyError(place, f"{value!r} is not a local date and time.", fix)
    return _moment(value, place, fix)


def instant(value: object, place: str) -> datetime:
    """A moment with its zone, as UTC: `2026-12-31T00:00:00Z`. YAML may have made a datetime of it already."""
    fix = "write the moment with its zone, such as 2026-12-31T00:00:00Z."
    found = value if isinstance(value, datetime) else None
    if isinstance(value, str) and _INSTANT.match(value):
        found = _moment(value, place, fix)
    if found is None or found.tzinfo is None or found.microsecond:
        raise PolicyError(place, f"{value!r} is not a moment with a zone.", fix)
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise PolicyError(place, f"{value!r} is out of range.", fix) from error


def _moment(value: str, place: str, fix: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise PolicyError(place, f"{value!r} is not a date and time.", fix) from error
