"""Reads who must say yes: approvals, their stricter tiers, standing approvals and the broken glass (mission P2, P5, P6).

Called by guards/policy_reading.py only. An empty list of people is an error, and so is a tier that is laxer than its
environment (case T43). Must not decide or look anybody up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from guards.policy_values import (
    MOST_PEOPLE,
    PolicyError,
    action,
    as_set,
    duration,
    entries,
    instant,
    mapping,
    name,
    names,
    one_of,
    tiers,
    whole,
)

LONGEST_BROKEN = 600.0
"""Seconds that the question for a broken glass may stand (case T14)."""

MOST_STANDING = 10_000
_WIDER = "{after: 5m, to: [leads]}"
_STANDING = (
    "{id: nightly, runbook: restart-service, action: supervisor.restart, service: payments, environment: prod, max: 24,"
    " until: 2026-12-31T00:00:00Z, by: [cora, dev]}"
)


def read_approvals(value: object, known: Collection[str]) -> dict[str, dict[str, Any]]:
    """Who approves in each environment, with every part written out. Raises PolicyError."""
    return {
        one_of(environment, f"approvals.{environment}", known): _approval(rule, f"approvals.{environment}")
        for environment, rule in mapping(value, "approvals").items()
    }


def check_approvals(
    approvals: Mapping[str, object],
    matrix: Mapping[str, Mapping[str, str]],
    tier_words: Mapping[str, Mapping[int, Mapping[str, str]]],
) -> None:
    """Raises PolicyError when a word of the matrix or of a tier asks for an approval that nobody can give."""
    for environment, row in matrix.items():
        words = [
            *row.values(),
            *(word for cells in tier_words.get(environment, {}).values() for word in cells.values()),
        ]
        if "approve" in words and environment not in approvals:
            place = f"approvals.{environment}"
            raise PolicyError(place, "the matrix asks for approval and nobody may approve.", "add this entry.")


def read_standing(value: object, known: Collection[str]) -> list[dict[str, Any]]:
    """The standing approvals; each id stands there once. Raises PolicyError."""
    found = [_standing(each, f"standing[{n}]", known) for n, each in enumerate(entries(value, "standing", _STANDING))]
    if len({each["id"] for each in found}) < len(found):
        raise PolicyError("standing", "two standing approvals have the same id.", "give each an id of its own.")
    return as_set(found)


def read_break_glass(value: object) -> dict[str, Any]:
    """Who may let somebody past the rules that can be broken, and for how long they are asked. Raises PolicyError."""
    parts = mapping(value, "break_glass", needed=("any_of", "timeout"))
    return {
        "any_of": names(parts["any_of"], "break_glass.any_of"),
        "timeout": duration(parts["timeout"], "break_glass.timeout", LONGEST_BROKEN),
    }


def _approval(value: object, place: str) -> dict[str, Any]:
    optional = ("any_of", "all_of", "remind_before", "escalate", "tiers")
    parts = mapping(value, place, needed=("count", "timeout"), optional=optional)
    if not parts.get("any_of") and not parts.get("all_of"):
        raise PolicyError(place, "nobody may approve.", "name groups under any_of or all_of.")
    rule: dict[str, Any] = {
        "count": whole(parts["count"], f"{place}.count", MOST_PEOPLE),
        "any_of": names(parts["any_of"], f"{place}.any_of") if "any_of" in parts else [],
        "all_of": names(parts["all_of"], f"{place}.all_of") if parts.get("all_of", []) != [] else [],
        "timeout": duration(parts["timeout"], f"{place}.timeout"),
    }
    return {
        **rule,
        "remind_before": _within(parts["remind_before"], f"{place}.remind_before", rule)
        if "remind_before" in parts
        else None,
        "escalate": _escalation(parts["escalate"], f"{place}.escalate", rule) if "escalate" in parts else None,
        "tiers": _tiers(parts.get("tiers", {}), f"{place}.tiers", rule),
    }


def _within(value: object, place: str, rule: Mapping[str, Any]) -> float:
    found = duration(value, place)
    if found >= rule["timeout"]:
        raise PolicyError(place, "it is not shorter than the timeout.", f"write less than {rule['timeout']:g}.")
    return found


def _escalation(value: object, place: str, rule: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The groups that are asked one after the other: one entry, or a list of them, each later than the one before."""
    alone = isinstance(value, Mapping)
    given = [value] if alone else entries(value, place, _WIDER)
    if not given:
        raise PolicyError(place, "the list is empty.", f"write one `- {_WIDER}` each, or leave it out.")
    found: list[dict[str, Any]] = []
    for number, each in enumerate(given):
        here = place if alone else f"{place}[{number}]"
        parts = mapping(each, here, needed=("after", "to"))
        after = _within(parts["after"], f"{here}.after", rule)
        if found and after <= found[-1]["after"]:
            fix = f"write more than {found[-1]['after']:g}; all times count from the question."
            raise PolicyError(f"{here}.after", "it is not later than the entry before it.", fix)
        found.append({"after": after, "to": names(parts["to"], f"{here}.to")})
    return found


def _tiers(value: object, place: str, rule: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """The tiers that differ from the environment, each with count, all_of and timeout written out."""
    found = {}
    plain = {key: rule[key] for key in ("count", "all_of", "timeout")}
    for tier, entry in tiers(value, place).items():
        here = f"{place}.{tier}"
        parts = mapping(entry, here, optional=("count", "all_of", "timeout"))
        stricter = dict(plain)
        if "count" in parts:
            stricter["count"] = whole(parts["count"], f"{here}.count", MOST_PEOPLE, rule["count"])
        if "all_of" in parts:
            stricter["all_of"] = names(parts["all_of"], f"{here}.all_of")
            left_out = ", ".join(sorted(set(rule["all_of"]) - set(stricter["all_of"])))
            if left_out:
                raise PolicyError(f"{here}.all_of", f"{left_out} is needed by the environment.", "name it as well.")
        if "timeout" in parts:
            stricter["timeout"] = duration(parts["timeout"], f"{here}.timeout", rule["timeout"])
        if stricter != plain:
            found[tier] = stricter
    return found


def _standing(value: object, place: str, known: Collection[str]) -> dict[str, Any]:
    needed = ("id", "runbook", "action", "service", "environment", "max", "until", "by")
    parts = mapping(value, place, needed=needed)
    by = names(parts["by"], f"{place}.by")
    if len(by) < 2:
        raise PolicyError(f"{place}.by", "one person alone cannot grant this.", "name two people at least.")
    return {
        "id": name(parts["id"], f"{place}.id"),
        "runbook": name(parts["runbook"], f"{place}.runbook"),
        "action": action(parts["action"], f"{place}.action"),
        "service": name(parts["service"], f"{place}.service"),
        "environment": one_of(parts["environment"], f"{place}.environment", known),
        "max": whole(parts["max"], f"{place}.max", MOST_STANDING),
        "until": instant(parts["until"], f"{place}.until").isoformat(),
        "by": by,
    }
