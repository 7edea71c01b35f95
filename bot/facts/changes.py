"""Fact `changes`: what was changed on purpose shortly before. {changes: [{summary, at, author, url, minutes_before}]}

No settings. From our own store of change events (S3) through an injected callable, and from PagerDuty's related change
events when a client is given. minutes_before: before the incident opened, or before now without one; newest first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from bot.errors import CountersignError
from bot.facts.base import FactRequest
from bot.facts.settings import FactSettings, settings_of
from bot.incident import Change

LIMIT = 10
RecentChanges = Callable[[str, str], Awaitable[Sequence[Change]]]
Clock = Callable[[], datetime]


class RelatedChanges(Protocol):
    """What this needs of the PagerDuty client."""

    async def related_change_events(self, incident_id: str) -> list[dict[str, Any]]:
        """Entries of `GET /incidents/{id}/related_change_events`."""
        ...


class ChangesFact:
    """Observes facts of kind `changes`. recent_changes: (service, environment) -> changes of the kept window."""

    kind = "changes"

    def __init__(self, recent_changes: RecentChanges, clock: Clock, pagerduty: RelatedChanges | None = None) -> None:
        self._recent = recent_changes
        self._clock = clock
        self._pagerduty = pagerduty

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """Look both up. Raises what `recent_changes` raises; that PagerDuty failed is said in `pagerduty_gap`."""
        settings_of(FactSettings, request.settings)
        incident = request.incident
        until = incident.opened_at if incident else self._clock()
        found = [
            (change.at, change.summary, change.author, change.url)
            for change in await self._recent(request.service.name, request.service.environment)
        ]
        value: dict[str, Any] = {}
        if self._pagerduty is not None and incident is not None and incident.source == "pagerduty":
            try:
                related = await self._pagerduty.related_change_events(incident.external_id)
            except CountersignError as error:
                value["pagerduty_gap"] = str(error)[:160]
            else:
                known = {(url or summary) for _, summary, _, url in found}
                found += [entry for entry in map(_related, related) if entry and (entry[3] or entry[1]) not in known]
        found = sorted((entry for entry in found if entry[0] <= until), reverse=True)[:LIMIT]
        value["changes"] = [
            {
                "summary": summary[:200],
                "at": at.astimezone(UTC).isoformat(),
                "author": author[:80],
                "url": url[:500],
                "minutes_before": int((until - at).total_seconds() // 60),
            }
            for at, summary, author, url in found
        ]
        return value


def _related(entry: dict[str, Any]) -> tuple[datetime, str, str, str] | None:
    """A PagerDuty change event; None when it has no readable time."""
    try:
        at = datetime.fromisoformat(str(entry.get("timestamp") or ""))
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    links = entry.get("links") or []
    url = str(links[0].get("href") or "") if links and isinstance(links[0], dict) else ""
    return at, str(entry.get("summary") or ""), "", url
