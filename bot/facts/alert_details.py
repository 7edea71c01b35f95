"""Fact `alert_details`: what the monitor itself said, which webhooks leave out. {summary, details: {name: text}} (N1)

No settings; asked for every PagerDuty incident without being named in services.yaml (apis.md 2.1: details only by REST).
Everything in it is untrusted text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bot.errors import Permanent
from bot.facts.base import FactRequest

MOST = 12
LONGEST = 300


class Alerts(Protocol):
    """What this needs of the PagerDuty client."""

    async def alerts(self, incident_id: str) -> list[dict[str, Any]]:
        """Entries of `GET /incidents/{id}/alerts`."""
        ...


class AlertDetailsFact:
    """Observes facts of kind `alert_details`."""

    kind = "alert_details"

    def __init__(self, client: Alerts) -> None:
        self._client = client

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """The first alert's summary and details. Raises Permanent when this is about no PagerDuty incident."""
        incident = request.incident
        if incident is None or incident.source != "pagerduty" or not incident.external_id:
            raise Permanent("this is about no PagerDuty incident")
        found = await self._client.alerts(incident.external_id)
        if not found:
            return {"summary": "", "details": {}}
        body = found[0].get("body")
        details = body.get("details") if isinstance(body, Mapping) else None
        if isinstance(details, str):
            details = {"details": details}
        return {
            "summary": str(found[0].get("summary") or "")[:LONGEST],
            "details": {
                str(name)[:60]: str(value)[:LONGEST]
                for name, value in list((details or {}).items())[:MOST]
                if isinstance(value, str | int | float | bool)
            },
        }
