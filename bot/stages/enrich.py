"""Enrich: observe the facts the catalogue names for a service, in parallel, each with a deadline.

Called by bot/triage.py after an incident opened or a run ended, and by bot/stages/plan.py for fresh facts. A fact that
cannot be had is a visible gap, never an error. Reads only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from bot.facts.base import Fact, FactRequest
from bot.facts.gather import gather
from bot.incident import Incident
from bot.services import Service
from bot.stages.base import Equipment
from bot.store import enrichments

DEADLINE = 5.0
ALERT_DETAILS = "alert_details"
UNKNOWN_SERVICE = Service(name="unknown", environment="unknown", owner="nobody", tier=5)


async def observe(
    equipment: Equipment,
    service: Service | None,
    incident: Incident | None,
    names: Collection[str] | None = None,
) -> tuple[Fact, ...]:
    """Fresh facts of a service; only those in `names` when given. Empty for an unknown service."""
    if service is None:
        return ()
    requests = [
        (
            setting.kind,
            FactRequest(
                name=name,
                service=service,
                incident=incident,
                settings=dict(setting.settings),
                deadline=float(setting.settings.get("deadline", DEADLINE)),
            ),
        )
        for name, setting in service.facts.items()
        if names is None or name in names
    ]
    return await gather(equipment.fact_sources, requests, equipment.clock)


def values(facts: Collection[Fact]) -> dict[str, Mapping[str, Any]]:
    """Name -> value of the facts that are not gaps, as expressions and planners see them."""
    return {fact.name: fact.value for fact in facts if not fact.gap}


async def alert_details(equipment: Equipment, incident: Incident) -> tuple[Fact, ...]:
    """What the monitor said about this alert, where it can be asked; also for services the catalogue does not know."""
    if incident.source != "pagerduty" or ALERT_DETAILS not in equipment.fact_sources:
        return ()
    service = equipment.service_of(incident) or UNKNOWN_SERVICE
    request = FactRequest(name=ALERT_DETAILS, service=service, incident=incident, deadline=DEADLINE)
    return await gather(equipment.fact_sources, [(ALERT_DETAILS, request)], equipment.clock)


async def enrich(equipment: Equipment, incident: Incident) -> tuple[Fact, ...]:
    """Observe everything and keep it beside the incident for the summary (redacted: safety rule 9)."""
    told, observed = await asyncio.gather(
        alert_details(equipment, incident), observe(equipment, equipment.service_of(incident), incident)
    )
    facts = (*told, *observed)
    dumped = [equipment.redactor.data(fact.model_dump(mode="json")) for fact in facts]
    at = equipment.clock()
    await equipment.store.write(lambda session: enrichments.save(session, incident.id, dumped, at))
    return facts
