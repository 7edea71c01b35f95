"""Fact `past_incidents`: similar incidents of the last months. {incidents: [{title, at, resolved_by, score}]} (N1)

No settings. From PagerDuty's past incidents, most similar first; resolved_by is '' because PagerDuty does not say it.
What *we* did about earlier ones comes from our own store, not from here.
"""

from __future__ import annotations

from typing import Any, Protocol

from bot.errors import Permanent
from bot.facts.base import FactRequest
from bot.facts.settings import FactSettings, settings_of

LIMIT = 5


class PastIncidents(Protocol):
    """What this needs of the PagerDuty client."""

    async def past_incidents(self, incident_id: str) -> list[dict[str, Any]]:
        """Entries of `GET /incidents/{id}/past_incidents`."""
        ...


class PastIncidentsFact:
    """Observes facts of kind `past_incidents`."""

    kind = "past_incidents"

    def __init__(self, client: PastIncidents) -> None:
        self._client = client

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """Ask PagerDuty. Raises Permanent when this is about no PagerDuty incident, and what the client raises."""
        settings_of(FactSettings, request.settings)
        incident = request.incident
        if incident is None or incident.source != "pagerduty" or not incident.external_id:
            raise Permanent("this is about no PagerDuty incident")
        found = await self._client.past_incidents(incident.external_id)
        rows = [(entry.get("incident") or {}, entry.get("score")) for entry in found[:LIMIT]]
        return {
            "incidents": [
                {
                    "title": str(past.get("title") or past.get("summary") or "")[:200],
                    "at": str(past.get("created_at") or "")[:40],
                    "resolved_by": "",
                    "score": float(score) if isinstance(score, int | float) else 0.0,
                }
                for past, score in rows
            ]
        }
