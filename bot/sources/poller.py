"""Looks at PagerDuty for what a webhook missed: a disabled subscription, an outage of ours, an order gone wrong.

Started by bot/app.py as one task (cases T23, T24). What it finds goes into the inbox as a delivery shaped like a v3
webhook and takes the ordinary way from there. Must not decide what an incident means, nor change anything in PagerDuty.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.errors import CountersignError, Permanent, Transient
from bot.sources.base import Unreadable
from bot.sources.pagerduty import POLLER_CLIENT, incident_id
from bot.sources.signature import moment, part, text
from bot.telemetry import log

EVENT_OF_STATUS: Mapping[str, str] = {
    "triggered": "incident.triggered",
    "acknowledged": "incident.acknowledged",
    "resolved": "incident.resolved",
}
LONGEST_WAIT = 120.0
CHECKED = 100


class Looking(Protocol):
    """The part of bot.clients.pagerduty.PagerDutyClient that is used here."""

    async def open_incidents(self) -> list[dict[str, Any]]:
        """Every triggered or acknowledged incident."""
        ...

    async def incident(self, incident_id: str) -> dict[str, Any]:
        """One incident as it is now."""
        ...


class Accepting(Protocol):
    """The part of bot.store.inbox.Inbox that is used here."""

    async def accept(self, source: str, key: str, headers: dict[str, str], body: bytes, received_at: datetime) -> bool:
        """Resolves after the commit; True for a new delivery."""
        ...


Known = Callable[[Collection[str]], Awaitable[Collection[str]]]
BelievedOpen = Callable[[], Awaitable[Mapping[str, str]]]


class Poller:
    """Reconciles our incidents with PagerDuty's.

    known: PagerDuty incident ids -> those the store knows. believed_open: PagerDuty id -> status of every PagerDuty
    incident we hold as not resolved. every: seconds between looks. grace: seconds a webhook is given before an incident
    counts as missed, so that one on its way is not folded in twice. on_accepted: wakes triage.
    """

    def __init__(
        self,
        client: Looking,
        inbox: Accepting,
        clock: Callable[[], datetime],
        every: float,
        sleep: Callable[[float], Awaitable[object]],
        *,
        known: Known,
        believed_open: BelievedOpen,
        on_accepted: Callable[[], None],
        grace: float = 30.0,
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._clock = clock
        self._every = every
        self._sleep = sleep
        self._known = known
        self._believed_open = believed_open
        self._on_accepted = on_accepted
        self._grace = timedelta(seconds=grace)
        self._looks = 0

    async def run(self) -> None:
        """Look for ever; a failed look is logged and made again, sooner than two minutes unless we were asked to wait."""
        while True:
            wait = self._every
            try:
                await self.once()
            except CountersignError as error:
                asked = error.retry_after if isinstance(error, Transient) else None
                wait = max(self._every, min(asked or 0.0, LONGEST_WAIT))
                log().warning("poll_failed", source="pagerduty", error=str(error)[:300], next_look_seconds=wait)
            await self._sleep(wait)

    async def once(self) -> int:
        """One look. Returns how many deliveries were new. Raises Transient, Ambiguous or Permanent."""
        now = self._clock()
        believed = await self._believed_open()
        listed = {found: incident for incident in await self._client.open_incidents() if (found := _id(incident))}
        known = set(await self._known(list(listed)))
        new = 0
        for found, incident in listed.items():
            status = text(incident.get("status"))
            if now - _changed_at(incident, now) < self._grace:
                continue
            if found not in known:
                new += await self._put(found, {**incident, "status": "triggered"}, _created_at(incident, now), now)
            if status != "triggered" and believed.get(found, "triggered") != status:
                new += await self._put(found, incident, _changed_at(incident, now), now)
            elif status == "triggered" and found in known and believed.get(found) != "triggered":
                new += await self._put(
                    found, incident, _changed_at(incident, now), now, event=_back(believed.get(found))
                )
        for gone in self._some(sorted(held for held in believed if held not in listed)):
            new += await self._check_resolved(gone, now)
        if new:
            log().info("poll_found", source="pagerduty", deliveries=new)
            self._on_accepted()
        return new

    def _some(self, held: list[str]) -> list[str]:
        """At most CHECKED of them, other ones at every look: one look must not use up the account's rate limit."""
        self._looks += 1
        start = (self._looks * CHECKED) % len(held) if len(held) > CHECKED else 0
        return [*held[start:], *held[:start]][:CHECKED]

    async def _check_resolved(self, held: str, now: datetime) -> int:
        try:
            incident = await self._client.incident(held)
        except Permanent as error:
            log().warning("poll_incident_unreadable", source="pagerduty", error=str(error)[:300])
            return 0
        if incident.get("status") != "resolved" or _id(incident) != held:
            return 0
        at = _changed_at(incident, now)
        return 0 if now - at < self._grace else await self._put(held, incident, at, now)

    async def _put(self, found: str, incident: Mapping[str, Any], at: datetime, now: datetime, event: str = "") -> int:
        """Store one delivery. Its key holds the time of the change, so the same state later is another event."""
        event = event or EVENT_OF_STATUS.get(text(incident.get("status")), "")
        if not event:
            return 0
        key = f"poll:{found}:{event.removeprefix('incident.')}:{at:%Y%m%dT%H%M%SZ}"
        body = json.dumps(_webhook(key, event, at, incident)).encode()
        return int(await self._inbox.accept("pagerduty", key, {"content-type": "application/json"}, body, now))


def _back(believed: str | None) -> str:
    """An incident we know is triggered again: from acknowledged, or from what we hold as resolved."""
    return "incident.unacknowledged" if believed == "acknowledged" else "incident.reopened"


def _webhook(key: str, event: str, at: datetime, incident: Mapping[str, Any]) -> dict[str, Any]:
    """The incident of REST in the shape of a v3 webhook event (apis.md 2.1)."""
    assignments = incident.get("assignments")
    assigned = assignments if isinstance(assignments, list) else []
    data = {
        "id": incident.get("id"),
        "type": "incident",
        "html_url": incident.get("html_url"),
        "number": incident.get("incident_number"),
        "status": incident.get("status"),
        "incident_key": incident.get("incident_key"),
        "created_at": incident.get("created_at"),
        "title": incident.get("title") or incident.get("summary"),
        "service": incident.get("service"),
        "assignees": [part(one, "assignee") for one in assigned],
        "escalation_policy": incident.get("escalation_policy"),
        "priority": incident.get("priority"),
        "urgency": incident.get("urgency"),
        "resolve_reason": incident.get("resolve_reason"),
    }
    by = part(incident, "last_status_change_by")
    return {
        "event": {
            "id": key,
            "event_type": event,
            "resource_type": "incident",
            "occurred_at": at.isoformat(),
            "agent": by if event != "incident.triggered" and by.get("type") == "user_reference" else None,
            "client": {"name": POLLER_CLIENT},
            "data": data,
        }
    }


def _id(incident: Mapping[str, Any]) -> str:
    try:
        return incident_id(incident.get("id"))
    except Unreadable:
        return ""


def _created_at(incident: Mapping[str, Any], now: datetime) -> datetime:
    return min(moment(incident.get("created_at"), now), now)


def _changed_at(incident: Mapping[str, Any], now: datetime) -> datetime:
    """When the status last changed. Without any time in the answer the incident counts as old."""
    for name in ("last_status_change_at", "resolved_at", "updated_at", "created_at"):
        if isinstance(incident.get(name), str):
            return min(moment(incident.get(name), now), now)
    return now - timedelta(hours=1)
