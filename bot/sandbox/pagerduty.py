"""A small PagerDuty: incidents, notes, alerts and on-call in memory; REST, Events v2 and signed webhooks around them.

Started by the sandbox's workspace; stories and the page use the acts and readers here. Must not treat the bot
differently from any other client: what the bot changes by REST is announced by webhook like every other change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from bot.sandbox.feed import Feed
from bot.sandbox.listener import Listener
from bot.sandbox.outage import Outage
from bot.sandbox.pagerduty_directory import PagerDutyDirectory
from bot.sandbox.pagerduty_events import PagerDutyEvents
from bot.sandbox.pagerduty_incidents import PagerDutyIncidents
from bot.sandbox.pagerduty_records import (
    JSON,
    Alert,
    AlreadySo,
    Incident,
    Note,
    OnCall,
    PagerDutyService,
    PagerDutyUser,
    change_event,
    stamp,
)
from bot.sandbox.pagerduty_webhooks import WebhookDelivery, Webhooks

LIMITED: Final = {"error": {"message": "Rate Limit Exceeded", "code": 2020}}


class PagerDutyStandIn:
    """One account. api_token: the key REST clients must present; made up when not given."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[str], str],
        outage: Outage | None = None,
        users: Iterable[PagerDutyUser] = (),
        services: Iterable[PagerDutyService] = (),
        oncall: Iterable[OnCall] = (),
        api_token: str = "",
        retry_delays: Sequence[float] = (0.5, 1, 2, 4, 8, 15, 30),
    ) -> None:
        self.clock = clock
        self.new_id = new_id
        self.outage = outage or Outage()
        self.feed = Feed()
        self.api_token = api_token or self.identifier("", 20)
        self.users = {user.id: user for user in users}
        self.services = {service.id: service for service in services}
        self.oncall = list(oncall)
        self.incidents: dict[str, Incident] = {}
        self.changes: list[JSON] = []
        self.received: list[JSON] = []
        self.pages: list[JSON] = []
        self.webhooks = Webhooks(clock=clock, identifier=self.identifier, outage=self.outage, retry_delays=retry_delays)
        self._listener = Listener()

    def identifier(self, prefix: str, length: int = 10) -> str:
        """An identifier shaped like PagerDuty's: the prefix and upper-case letters or digits."""
        letters = "".join(c for c in self.new_id("pd") + self.new_id("pd") if c.isalnum())
        return prefix + letters[-length:].upper()

    # -- listening -----------------------------------------------------------------------------------------------
    async def start(self, port: int = 0) -> str:
        """Listen. Returns the base address: PAGERDUTY_API_URL and PAGERDUTY_EVENTS_URL."""
        application = web.Application(middlewares=[self.outage.middleware("pagerduty", LIMITED)])
        application.add_routes(PagerDutyEvents(self).routes())
        application.add_routes(PagerDutyIncidents(self).routes())
        application.add_routes(PagerDutyDirectory(self).routes())
        await self.webhooks.start()
        return await self._listener.start(application, port)

    @property
    def url(self) -> str:
        """The base address, without a final slash."""
        return self._listener.url

    async def stop(self) -> None:
        """Stop listening and sending."""
        await self.webhooks.stop()
        await self._listener.stop()

    def webhook(self, url: str, secrets: Sequence[str], headers: Mapping[str, str] | None = None) -> None:
        """Send v3 webhooks to `url`, signed with each of `secrets`."""
        self.webhooks.subscribe(url, secrets, headers)

    async def drained(self, within: float = 10.0) -> None:
        """Wait until every webhook was delivered or dropped. within: seconds. Raises TimeoutError."""
        await self.webhooks.drained(within)

    # -- what monitors and people do -----------------------------------------------------------------------------
    async def trigger(
        self,
        service_id: str,
        title: str,
        urgency: str = "high",
        details: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        severity: str = "critical",
        key: str = "",
        agent: PagerDutyUser | None = None,
    ) -> str:
        """Open an incident with one alert and page who is on call. details: `alert.body.details`; body: more keys of
        the alert body (`contexts`, `cef_details`). key: the alert's dedup key. Returns the incident id.
        """
        service, now = self.services[service_id], self.clock()
        incident = Incident(
            id=self.identifier("Q", 13),
            number=len(self.incidents) + 1,
            title=title,
            service=service,
            urgency=urgency,
            key=key or self.identifier("", 16).lower(),
            created_at=now,
            updated_at=now,
            assignees=[o.user for o in self.oncall if o.level == 1 and o.policy == service.policy],
        )
        self.incidents[incident.id] = incident
        name = self.identifier("Q", 13)
        incident.alerts = [Alert(name, incident.key, title, severity, now, dict(details or {}), dict(body or {}))]
        self.log(incident, "trigger_log_entry", "Triggered", agent)
        self._page(incident)
        self.announce("incident.triggered", incident, agent)
        return incident.id

    def add_past(self, service_id: str, title: str, *, at: datetime, minutes: int = 20, note: str = "") -> str:
        """An incident of the past: resolved `minutes` after `at`, with perhaps one note. Announces nothing."""
        old = Incident(
            id=self.identifier("Q", 13),
            number=len(self.incidents) + 1,
            title=title,
            service=self.services[service_id],
            urgency="high",
            key=self.identifier("", 16).lower(),
            created_at=at,
            updated_at=at + timedelta(minutes=minutes),
            status="resolved",
            resolved_at=at + timedelta(minutes=minutes),
        )
        if note:
            old.notes.append(Note(self.identifier("P", 6), note, None, old.updated_at))
        self.incidents[old.id] = old
        return old.id

    def repeat(self, incident: Incident, title: str, severity: str, details: JSON) -> None:
        """The same alert fires again while it is open: PagerDuty updates it and opens nothing."""
        for alert in incident.alerts:
            if alert.status == "triggered":
                alert.details, alert.severity, alert.summary = details, severity, title
        self.log(incident, "trigger_log_entry", "Triggered again", None)
        self.show(incident)

    async def acknowledge(self, incident_id: str, by_user: str | None = None) -> None:
        """Somebody (a user id; None for an automation) acknowledges."""
        self.set_status(self.incidents[incident_id], "acknowledged", self._user(by_user))

    async def resolve(self, incident_id: str, by_user: str | None = None) -> None:
        """Somebody (a user id; None for an automation) resolves."""
        self.set_status(self.incidents[incident_id], "resolved", self._user(by_user))

    async def reassign(self, incident_id: str, by_user: str | None, to_user: str) -> None:
        """Somebody gives the incident to somebody else, who is paged."""
        self.assign(self.incidents[incident_id], [self.users[to_user]], self._user(by_user))

    async def annotate(self, incident_id: str, content: str, by_user: str | None = None) -> str:
        """Somebody writes a note. Returns its id."""
        return self.add_note(self.incidents[incident_id], content, self._user(by_user)).id

    def add_change(
        self,
        service_ids: Sequence[str],
        summary: str,
        *,
        at: datetime | None = None,
        source: str = "",
        links: Sequence[Mapping[str, str]] = (),
        custom_details: Mapping[str, Any] | None = None,
    ) -> str:
        """Something was changed on purpose. Returns the change event's id."""
        services = [self.services[name].reference() for name in service_ids]
        change = change_event(self.identifier("01").ljust(26, "0"), at or self.clock(), summary, source, services)
        change |= {"links": [dict(link) for link in links], "custom_details": dict(custom_details or {})}
        self.changes.append(change)
        self.feed.publish({"type": "change_event", "change": change})
        return str(change["id"])

    # -- readers -------------------------------------------------------------------------------------------------
    def incident(self, incident_id: str) -> JSON:
        """One incident as REST shows it. Raises KeyError."""
        return self.incidents[incident_id].as_rest()

    def notes(self, incident_id: str) -> list[JSON]:
        """Its notes, oldest first."""
        return [note.as_rest() for note in self.incidents[incident_id].notes]

    def events(self) -> list[JSON]:
        """Every Events v2 request that was accepted: {at, kind, body, incident}."""
        return list(self.received)

    def deliveries(self) -> list[WebhookDelivery]:
        """Every webhook that was sent or is being sent."""
        return list(self.webhooks.deliveries)

    def shown(self, incident: Incident) -> JSON:
        """An incident with its notes, log and alerts, for the page."""
        more = {"notes": self.notes(incident.id), "log": incident.log, "status_updates": incident.status_updates}
        return incident.as_rest() | more | {"alerts": [incident.alert_as_rest(alert) for alert in incident.alerts]}

    # -- changes, whoever makes them -----------------------------------------------------------------------------
    def set_status(self, incident: Incident, status: str, agent: PagerDutyUser | None) -> None:
        """Change the status. Raises AlreadySo when it has it; a resolved one is reopened by the other two."""
        if status == incident.status:
            if status == "triggered":
                return
            code = 1001 if status == "resolved" else 1002
            raise AlreadySo(code, f"Incident Already {status.capitalize()}")
        now, before = self.clock(), incident.status
        incident.status, incident.updated_at, incident.changed_by = status, now, agent
        incident.resolved_at = now if status == "resolved" else None
        if status == "acknowledged" and agent is not None:
            incident.acknowledgements = [(agent, now)]
        for alert in incident.alerts:
            alert.status = "resolved" if status == "resolved" else "triggered"
        if before == "resolved":
            incident.reopened_at = now
            kind = "reopened"
        else:
            kind = {"acknowledged": "acknowledged", "resolved": "resolved", "triggered": "unacknowledged"}[status]
        verb = {"reopened": "reopen", "acknowledged": "acknowledge", "resolved": "resolve"}.get(kind, "unacknowledge")
        self.log(incident, f"{verb}_log_entry", kind.capitalize(), agent)
        self.announce(f"incident.{kind}", incident, agent)

    def assign(
        self, incident: Incident, to: Sequence[PagerDutyUser], agent: PagerDutyUser | None, *, escalated: bool = False
    ) -> None:
        """Give it to others; they are paged."""
        incident.assignees, incident.updated_at = list(to), self.clock()
        names = ", ".join(user.name for user in to)
        word = "Escalated" if escalated else "Reassigned"
        self.log(incident, "escalate_log_entry" if escalated else "assign_log_entry", f"{word} to {names}", agent)
        self._page(incident)
        self.announce("incident.escalated" if escalated else "incident.reassigned", incident, agent)

    def add_note(self, incident: Incident, content: str, agent: PagerDutyUser | None) -> Note:
        """Write a note and announce it."""
        note = Note(self.identifier("P", 6), content, agent, self.clock())
        incident.notes.append(note)
        self.log(incident, "annotate_log_entry", content, agent)
        data = {"incident": incident.reference(), "id": note.id, "content": content, "trimmed": False}
        whole = data | {"type": "incident_note"}
        self.webhooks.send("incident.annotated", incident.id, agent.reference() if agent else None, whole)
        self.show(incident)
        return note

    def log(self, incident: Incident, kind: str, summary: str, agent: PagerDutyUser | None) -> None:
        """Write a log entry."""
        entry: JSON = {
            "id": self.identifier("R", 13),
            "type": kind,
            "summary": f"{summary}{f' by {agent.name}' if agent else ''}",
            "created_at": stamp(self.clock()),
            "agent": agent.reference() if agent else incident.service.reference(),
            "channel": {"type": "note", "summary": summary} if kind == "annotate_log_entry" else {"type": "api"},
            "service": incident.service.reference(),
            "incident": incident.reference(),
            "teams": [],
            "contexts": [],
        }
        incident.log.append(entry)

    def announce(self, event_type: str, incident: Incident, agent: PagerDutyUser | None) -> None:
        """Send the webhook of a change and show it on the page."""
        self.webhooks.send(event_type, incident.id, agent.reference() if agent else None, incident.as_webhook())
        self.show(incident)

    def show(self, incident: Incident) -> None:
        """Tell the page."""
        self.feed.publish({"type": "incident", "incident": self.shown(incident)})

    def _page(self, incident: Incident) -> None:
        for user in incident.assignees:
            self.log(incident, "notify_log_entry", f"Paged {user.name}", None)
            page = {"at": stamp(self.clock()), "user": user.name, "incident": incident.id, "title": incident.title}
            self.pages.append(page)
            self.feed.publish({"type": "page", "page": page})

    def _user(self, user_id: str | None) -> PagerDutyUser | None:
        return self.users[user_id] if user_id else None
