"""Reads the mapping behind policy.yaml, strictly, into one canonical form (mission G3, case T43).

Called by guards/policy.py only. Every mistake is a PolicyError that names the place and the fix; nothing is guessed,
skipped or defaulted towards more permission. Must not read files: the caller loads the YAML strictly first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from guards.duration import seconds
from guards.rate_limit import KINDS

RISKS = ("read", "safe", "caution", "forbidden")
WORDS = ("auto", "confirm", "approve", "forbid")
ROLES = ("viewer", "responder", "approver", "operator", "admin")
CONFIRMATION_TIMEOUT = 120.0
MOST_PEOPLE = 20
MOST_ACTS = 10_000

_ENVIRONMENT = re.compile(r"\A[a-z0-9][a-z0-9-]{0,30}\Z", re.ASCII)
_NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,62}\Z", re.ASCII)
_ACTION = re.compile(r"\A[a-z0-9][a-z0-9_.-]{0,62}\Z", re.ASCII)


class PolicyError(Exception):
    """A policy that is not taken. place: key in the file (`matrix.prod.safe`); fix: one sentence, what to write."""

    def __init__(self, place: str, message: str, fix: str) -> None:
        super().__init__(place, message, fix)
        self.place = place
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.place}: {self.message} Fix: {self.fix}"


def read_policy(data: object) -> dict[str, Any]:
    """The whole policy in canonical form: durations in seconds, lists of names sorted. Raises PolicyError."""
    top = _mapping(
        data,
        "policy",
        needed=("version", "lowest_environment", "matrix", "requesters", "operators"),
        optional=("approvals", "limits", "confirmation_timeout"),
    )
    if type(top["version"]) is not int or top["version"] != 1:
        raise PolicyError("version", f"{top['version']!r} is not a version this program reads.", "write version: 1.")
    matrix = _matrix(top["matrix"])
    known = tuple(matrix)
    return {
        "version": 1,
        "lowest_environment": _one_of(top["lowest_environment"], "lowest_environment", known),
        "matrix": matrix,
        "approvals": _approvals(top.get("approvals", {}), matrix),
        "requesters": _roles(top["requesters"], "requesters"),
        "operators": _roles(top["operators"], "operators"),
        "limits": _limits(top.get("limits", []), known),
        "confirmation_timeout": _duration(
            top.get("confirmation_timeout", CONFIRMATION_TIMEOUT), "confirmation_timeout"
        ),
    }


def canonical(policy: Mapping[str, Any]) -> bytes:
    """The canonical JSON of what `read_policy` returned: sorted keys, no spaces, ASCII."""
    return json.dumps(policy, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _matrix(value: object) -> dict[str, dict[str, str]]:
    rows = _mapping(value, "matrix")
    if not rows:
        raise PolicyError("matrix", "it is empty.", "write one row per environment.")
    matrix = {}
    for environment, row in rows.items():
        place = f"matrix.{environment}"
        if not _ENVIRONMENT.match(environment):
            raise PolicyError(place, "this is not an environment name.", "use lower-case letters, digits and dashes.")
        cells = _mapping(row, place, optional=RISKS)
        matrix[environment] = {risk: _one_of(word, f"{place}.{risk}", WORDS) for risk, word in cells.items()}
        if matrix[environment].get("forbidden", "forbid") != "forbid":
            raise PolicyError(f"{place}.forbidden", "what is forbidden stays so (T42).", "write forbidden: forbid.")
    return matrix


def _approvals(value: object, matrix: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    approvals = {}
    for environment, rule in _mapping(value, "approvals").items():
        place = f"approvals.{environment}"
        _one_of(environment, place, tuple(matrix))
        parts = _mapping(rule, place, needed=("count", "timeout"), optional=("any_of", "all_of"))
        if "any_of" not in parts and "all_of" not in parts:
            raise PolicyError(place, "nobody may approve.", "name groups under any_of or all_of.")
        approvals[environment] = {
            "count": _whole(parts["count"], f"{place}.count", MOST_PEOPLE),
            "any_of": _names(parts["any_of"], f"{place}.any_of") if "any_of" in parts else [],
            "all_of": _names(parts["all_of"], f"{place}.all_of") if "all_of" in parts else [],
            "timeout": _duration(parts["timeout"], f"{place}.timeout"),
        }
    for environment, row in matrix.items():
        if "approve" in row.values() and environment not in approvals:
            place = f"approvals.{environment}"
            raise PolicyError(place, "the matrix asks for approval and nobody may approve.", "add this entry.")
    return approvals


def _roles(value: object, place: str) -> list[str]:
    roles = _mapping(value, place, needed=("roles",))["roles"]
    return [_one_of(role, f"{place}.roles", ROLES) for role in _names(roles, f"{place}.roles")]


def _limits(value: object, known: tuple[str, ...]) -> list[dict[str, Any]]:
    if not isinstance(value, list | tuple):
        raise PolicyError(
            "limits", f"{value!r} is not a list.", "write one `- {max: 1, per: service, window: 1h}` each."
        )
    limits = []
    for number, limit in enumerate(value):
        place = f"limits[{number}]"
        parts = _mapping(limit, place, needed=("max", "per", "window"), optional=("env", "action"))
        if "action" in parts and not (isinstance(parts["action"], str) and _ACTION.match(parts["action"])):
            raise PolicyError(f"{place}.action", f"{parts['action']!r} is not an action.", "name one operation.")
        limits.append(
            {
                "max": _whole(parts["max"], f"{place}.max", MOST_ACTS),
                "per": _one_of(parts["per"], f"{place}.per", KINDS),
                "window": _duration(parts["window"], f"{place}.window"),
                "env": _one_of(parts["env"], f"{place}.env", known) if "env" in parts else "",
                "action": parts.get("action", ""),
            }
        )
    return sorted(limits, key=canonical)


def _mapping(
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


def _one_of(value: object, place: str, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise PolicyError(place, f"{value!r} is not known here.", f"write one of {', '.join(allowed)}.")
    return value


def _names(value: object, place: str) -> list[str]:
    """Distinct names, sorted, at least one (an empty approver list is an error: case T43)."""
    if not isinstance(value, list | tuple) or not value:
        raise PolicyError(place, f"{value!r} is not a list with at least one name.", "write a list such as [oncall].")
    for name in value:
        if not isinstance(name, str) or not _NAME.match(name):
            raise PolicyError(
                place, f"{name!r} is not a name; there are no wildcards.", "write letters, digits, . _ : -"
            )
    if len(set(value)) < len(value):
        raise PolicyError(place, "a name stands there twice.", "write each name once.")
    return sorted(value)


def _whole(value: object, place: str, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise PolicyError(place, f"{value!r} is not a whole number from 1 to {most}.", "write a number such as 1.")
    return value


def _duration(value: object, place: str) -> float:
    try:
        return seconds(cast("float | str", value), place)
    except (TypeError, ValueError) as error:
        raise PolicyError(place, f"{value!r} is not a duration up to 31 days.", "write 120s, 15m, 1h or 2d.") from error
