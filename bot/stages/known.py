"""What policy must know about the world beside the runbook's own facts: the live group, and the burned error budget.

Called by bot/stages/asking.py and bot/stages/execute.py before the transaction in which the guards are asked. Observes only
what the policy of this environment counts (docs/policy.md: blast_radius, error_budget). What cannot be had stays unknown,
and then the rule that needs it denies; nothing is guessed. The promotion records are read again where their files changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.incident import Incident
from bot.stages.base import Equipment
from bot.stages.enrich import observe, values
from guards.context import Inventory
from guards.policy import Policy

INVENTORY = "inventory"
ERROR_BUDGET = "error_budget"


@dataclass(frozen=True, slots=True)
class Known:
    """inventory: the group the targets belong to. budget_burned: share of the error budget that automation used up."""

    inventory: Inventory | None = None
    budget_burned: float | None = None


NOTHING = Known()


def needed(policy: Policy, environment: str) -> frozenset[str]:
    """Names of the facts that the policy counts in this environment."""
    names: set[str] = set()
    radius = dict(policy.blast_radii).get(environment)
    if radius is not None and (radius.max_percent is not None or radius.min_healthy is not None or radius.one_domain):
        names.add(INVENTORY)
    if policy.error_budget is not None:
        names.add(ERROR_BUDGET)
    return frozenset(names)


async def known(equipment: Equipment, incident: Incident) -> Known:
    """Observed now. Facts are named `inventory` {total, healthy, domains?} and `error_budget` {burned} in services.yaml."""
    equipment.promotions.refresh()
    names = needed(equipment.policy, incident.environment)
    if not names:
        return NOTHING
    facts = values(await observe(equipment, equipment.service_of(incident), incident, names))
    return Known(_inventory(facts.get(INVENTORY)), _burned(facts.get(ERROR_BUDGET)))


def _inventory(value: Mapping[str, Any] | None) -> Inventory | None:
    if value is None or not _whole(value.get("total")) or not _whole(value.get("healthy")):
        return None
    domains = value.get("domains") or {}
    named = {str(key): str(domain) for key, domain in domains.items()} if isinstance(domains, Mapping) else {}
    return Inventory(int(value["total"]), int(value["healthy"]), named)


def _burned(value: Mapping[str, Any] | None) -> float | None:
    burned = None if value is None else value.get("burned")
    if isinstance(burned, bool) or not isinstance(burned, int | float):
        return None
    return float(burned)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
