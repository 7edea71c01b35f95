"""Reads how often, how much and how far: limits, breakers, blast radius, change of size, error budget, cost (mission G5 to G9).

Called by guards/policy_reading.py only. Must not decide or count.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from guards.policy_values import (
    PolicyError,
    action,
    as_set,
    duration,
    entries,
    mapping,
    name,
    number,
    one_of,
    truth,
    whole,
)
from guards.rate_limit import KINDS

MOST_ACTS = 10_000
MOST_PERCENT = 1_000.0
MOST_FACTOR = 100.0
MOST_COST = 1e12
ASK_ABOVE_PERCENT = 50.0
MAX_FACTOR = 3.0

_CURRENCY = re.compile(r"\A[A-Z]{3}\Z", re.ASCII)


def read_limits(value: object, known: Collection[str]) -> list[dict[str, Any]]:
    """The limits, each once, in one order. Raises PolicyError."""
    found = []
    for index, limit in enumerate(entries(value, "limits", "{max: 1, per: service, window: 1h}")):
        place = f"limits[{index}]"
        parts = mapping(limit, place, needed=("max", "per", "window"), optional=("env", "action", "service"))
        found.append(
            {
                "max": whole(parts["max"], f"{place}.max", MOST_ACTS),
                "per": one_of(parts["per"], f"{place}.per", KINDS),
                "window": duration(parts["window"], f"{place}.window"),
                "env": one_of(parts["env"], f"{place}.env", known) if "env" in parts else "",
                "action": action(parts["action"], f"{place}.action") if "action" in parts else "",
                "service": name(parts["service"], f"{place}.service") if "service" in parts else "",
            }
        )
    return as_set(found)


def read_breakers(value: object) -> dict[str, dict[str, Any]]:
    """The breakers that are written, each as {max, window, cooldown}; `incident` has only max. Raises PolicyError."""
    parts = mapping(value, "breakers", optional=("remediation", "incident", "global"))
    found: dict[str, dict[str, Any]] = {}
    for per, most in (("remediation", "max"), ("global", "failures")):
        if per in parts:
            place = f"breakers.{per}"
            written = mapping(parts[per], place, needed=(most, "window", "cooldown"))
            found[per] = {
                "max": whole(written[most], f"{place}.{most}", MOST_ACTS),
                "window": duration(written["window"], f"{place}.window"),
                "cooldown": duration(written["cooldown"], f"{place}.cooldown"),
            }
    if "incident" in parts:
        written = mapping(parts["incident"], "breakers.incident", needed=("failures",))
        found["incident"] = {"max": whole(written["failures"], "breakers.incident.failures", MOST_ACTS)}
    return found


def read_blast_radius(value: object, known: Collection[str]) -> dict[str, dict[str, Any]]:
    """How much one run may touch in each environment; one target where nothing is written. Raises PolicyError."""
    found: dict[str, dict[str, Any]] = {
        environment: {"max_targets": 1, "max_percent": None, "min_healthy": None, "one_domain": False}
        for environment in known
    }
    for environment, written in mapping(value, "blast_radius").items():
        place = f"blast_radius.{environment}"
        one_of(environment, place, known)
        optional = ("max_percent", "min_healthy", "one_domain")
        parts = mapping(written, place, needed=("max_targets",), optional=optional)
        here = found[environment]
        here["max_targets"] = whole(parts["max_targets"], f"{place}.max_targets", MOST_ACTS)
        if "max_percent" in parts:
            here["max_percent"] = number(parts["max_percent"], f"{place}.max_percent", 100.0)
        if "min_healthy" in parts:
            here["min_healthy"] = whole(parts["min_healthy"], f"{place}.min_healthy", MOST_ACTS, 0)
        if "one_domain" in parts:
            here["one_domain"] = truth(parts["one_domain"], f"{place}.one_domain")
    return found


def read_scale(value: object) -> dict[str, float]:
    """How much larger or smaller something may become. Raises PolicyError."""
    parts = mapping(value, "scale", optional=("ask_above_percent", "max_factor"))
    above = parts.get("ask_above_percent", ASK_ABOVE_PERCENT)
    return {
        "ask_above_percent": number(above, "scale.ask_above_percent", MOST_PERCENT),
        "max_factor": number(parts.get("max_factor", MAX_FACTOR), "scale.max_factor", MOST_FACTOR, 1.0),
    }


def read_error_budget(value: object) -> dict[str, float]:
    """How much of the error budget automation may burn. Raises PolicyError."""
    burned = mapping(value, "error_budget", needed=("max_burned_percent",))["max_burned_percent"]
    return {"max_burned_percent": number(burned, "error_budget.max_burned_percent", 100.0)}


def read_cost(value: object) -> dict[str, Any]:
    """What acts may cost. Raises PolicyError."""
    amounts = ("per_act", "per_day", "ask_above")
    parts = mapping(value, "cost", needed=("currency",), optional=amounts)
    currency = parts["currency"]
    if not isinstance(currency, str) or not _CURRENCY.match(currency):
        raise PolicyError("cost.currency", f"{currency!r} is not a currency.", "write three letters such as EUR.")
    costs = {key: number(parts[key], f"cost.{key}", MOST_COST) if key in parts else None for key in amounts}
    return {**costs, "currency": currency}
