"""Reads the mapping behind policy.yaml, strictly, into one canonical form (docs/policy.md, mission G3, case T43).

Called by guards/policy.py only. Every mistake is a PolicyError that names the place and the fix; nothing is guessed,
skipped or defaulted towards more permission. Must not read files: the caller loads the YAML strictly first.
"""

from __future__ import annotations

from typing import Any

from guards.policy_approvals import check_approvals, read_approvals, read_break_glass, read_standing
from guards.policy_bounds import (
    read_blast_radius,
    read_breakers,
    read_cost,
    read_error_budget,
    read_limits,
    read_scale,
)
from guards.policy_matrix import read_autonomy, read_matrix, read_tiers
from guards.policy_periods import KINDS, read_calendars, read_periods
from guards.policy_values import PolicyError, canonical, duration, mapping, names, one_of

__all__ = ["PolicyError", "canonical", "read_policy"]

ROLES = ("viewer", "responder", "approver", "operator", "admin")
CONFIRMATION_TIMEOUT = 120.0
NEEDED = ("version", "lowest_environment", "matrix", "requesters", "operators")
OPTIONAL = (
    "tiers",
    "autonomy",
    "approvals",
    "standing",
    "break_glass",
    "confirmation_timeout",
    "limits",
    "breakers",
    "blast_radius",
    "scale",
    "error_budget",
    "cost",
    "calendars",
    *KINDS,
)


def read_policy(data: object) -> dict[str, Any]:
    """The whole policy in canonical form: durations in seconds, sets sorted, what is left out written out.

    A rule that is off is None. Two files that mean the same give the same. Raises PolicyError.
    """
    top = mapping(data, "policy", needed=NEEDED, optional=OPTIONAL)
    if type(top["version"]) is not int or top["version"] != 1:
        raise PolicyError("version", f"{top['version']!r} is not a version this program reads.", "write version: 1.")
    matrix = read_matrix(top["matrix"])
    known = tuple(matrix)
    tiers = read_tiers(top.get("tiers", {}), matrix)
    approvals = read_approvals(top.get("approvals", {}), known)
    check_approvals(approvals, matrix, tiers)
    timeout = top.get("confirmation_timeout", CONFIRMATION_TIMEOUT)
    return {
        "version": 1,
        "lowest_environment": one_of(top["lowest_environment"], "lowest_environment", known),
        "matrix": matrix,
        "tiers": tiers,
        "autonomy": read_autonomy(top.get("autonomy", {}), matrix),
        "approvals": approvals,
        "standing": read_standing(top.get("standing", []), known),
        "break_glass": read_break_glass(top["break_glass"]) if "break_glass" in top else None,
        "requesters": _roles(top["requesters"], "requesters"),
        "operators": _roles(top["operators"], "operators"),
        "confirmation_timeout": duration(timeout, "confirmation_timeout"),
        "limits": read_limits(top.get("limits", []), known),
        "breakers": read_breakers(top.get("breakers", {})),
        "blast_radius": read_blast_radius(top.get("blast_radius", {}), known),
        "scale": read_scale(top.get("scale", {})),
        "error_budget": read_error_budget(top["error_budget"]) if "error_budget" in top else None,
        "cost": read_cost(top["cost"]) if "cost" in top else None,
        "calendars": read_calendars(top.get("calendars", []), known),
        **{key: read_periods(top.get(key, []), key, known) for key in KINDS},
    }


def _roles(value: object, place: str) -> list[str]:
    roles = mapping(value, place, needed=("roles",))["roles"]
    return [one_of(role, f"{place}.roles", ROLES) for role in names(roles, f"{place}.roles")]
