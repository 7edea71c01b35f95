"""The oracle's rules about how much: targets, change of size, error budget, cost.

Used by trust/oracle.py only, one function for each heading of docs/policy.md. Must not import guards/ at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from trust.oracle_words import FAILED, FORBIDDEN, MISSING, Verdict, asked_or

if TYPE_CHECKING:
    from guards.context import Context

Policy = Mapping[str, Any]
DAY = timedelta(hours=24)


@cache
def exact(number: float) -> Fraction:
    """The number as it is written: 0.07 is seven hundredths, not the nearest binary fraction."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def blast_radius(policy: Policy, context: Context) -> Verdict:
    """How many targets, of how many, how many stay healthy, in how many domains."""
    if context.risk == "read":
        return None
    if not context.targets:
        return MISSING
    rule = policy.get("blast_radius", {}).get(context.environment, {"max_targets": 1})
    targets = set(context.members or context.targets)
    touched = len({*context.members, *context.members_in_all} or set(context.targets))
    inventory = context.inventory
    wanted = "max_percent" in rule or "min_healthy" in rule or rule.get("one_domain", False)
    if touched > rule["max_targets"]:
        return "blast_radius"
    if inventory is None:
        return MISSING if wanted else None
    if "max_percent" in rule and len(targets) * 100 > exact(rule["max_percent"]) * inventory.total:
        return "blast_radius"
    if "min_healthy" in rule and inventory.healthy - len(targets) < rule["min_healthy"]:
        return "blast_radius"
    if rule.get("one_domain", False):
        domains = {inventory.domains.get(target, "") for target in targets}
        if "" in domains or len(domains) > 1:
            return "blast_radius"
    return None


def max_change(policy: Policy, context: Context) -> Verdict:
    """Growing and shrinking."""
    change = context.change
    if context.risk == "read" or change is None:
        return None
    rule = policy.get("scale", {})
    if not isfinite(change.wanted) or not isfinite(change.current):
        return FAILED  # what is no number cannot be compared
    if change.wanted < 1 or change.current < 1:
        return "bad_change"
    current = exact(change.current)
    wanted = exact(change.wanted)
    if wanted > current * exact(rule.get("max_factor", 3)):
        return "change_too_large"
    if abs(wanted - current) * 100 > exact(rule.get("ask_above_percent", 50)) * current:
        return asked_or(policy, context, FORBIDDEN)
    return None


def error_budget(policy: Policy, context: Context) -> Verdict:
    """What automation has burned."""
    rule = policy.get("error_budget")
    if context.risk == "read" or rule is None:
        return None
    burned = context.budget_burned
    if burned is None:
        return MISSING
    if not isfinite(burned) or burned < 0:
        return FAILED
    return "error_budget" if exact(burned) * 100 > exact(rule["max_burned_percent"]) else None


def cost_cap(policy: Policy, context: Context) -> Verdict:
    """What this act costs, and the last 24 hours with it."""
    rule = policy.get("cost")
    if context.risk == "read" or rule is None:
        return None
    if context.cost is None or ("per_day" in rule and context.now is None):
        return MISSING
    if not isfinite(context.cost) or context.cost < 0:
        return FAILED
    if "per_act" in rule and context.cost > rule["per_act"]:
        return "cost_cap"
    if "per_day" in rule and context.now is not None:
        # like the limits, acts dated in the future count too
        today = sum(act.cost for act in context.history if act.at > context.now - DAY)
        if context.cost + today > rule["per_day"]:
            return "cost_cap"
    if "ask_above" in rule and context.cost > rule["ask_above"]:
        return asked_or(policy, context, FORBIDDEN)
    return None
