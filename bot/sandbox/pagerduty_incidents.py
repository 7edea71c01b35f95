"""PagerDuty's incidents by REST: reading them, changing them, notes, alerts, log, and what PagerDuty relates to them.

A group of calls of pagerduty_rest. Source: reference/apis.md 2.3.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from bot.sandbox.pagerduty_records import JSON, AlreadySo, Incident, PagerDutyUser, reference, stamp
from bot.sandbox.pagerduty_rest import Act, PagerDutyRest, RestError, invalid, moment, object_in

STATUSES: Final = ("triggered", "acknowledged", "resolved")
MOST_NOTES: Final = 2000
MOST_UPDATES: Final = 250


class PagerDutyIncidents(PagerDutyRest):
    """Calls under /incidents."""

    def routes(self) -> list[web.RouteDef]:
        """For aiohttp."""
        one = "/incidents/{id}"
        reads: list[tuple[str, Act]] = [
            ("/incidents", self.list_incidents),
            (one, self.get_incident),
            (f"{one}/notes", self.list_notes),
            (f"{one}/alerts", self.list_alerts),
            (f"{one}/log_entries", self.list_log),
            (f"{one}/past_incidents", self.past_incidents),
            (f"{one}/related_change_events", self.related_changes),
        ]
        return [
            *(web.get(path, self.answering(act)) for path, act in reads),
            web.put("/incidents", self.answering(self.put_incidents)),
            web.put(one, self.answering(self.put_incident)),
            web.post("/incidents", self.answering(self.post_incident, 201)),
            web.post(f"{one}/notes", self.answering(self.post_note)),
            web.post(f"{one}/status_updates", self.answering(self.post_status_update)),
        ]

    async def list_incidents(self, request: web.Request) -> JSON:
        """Filtered by status, service, urgency, key and time; newest last unless sort_by says otherwise."""
        q = request.query
        statuses, services = q.getall("statuses[]", ()), q.getall("service_ids[]", ())
        if wrong := [s for s in statuses if s not in STATUSES]:
            raise invalid(f"statuses[] has an unknown value: {wrong[0]}")
        since, until = moment(q.get("since")), moment(q.get("until"))
        found = [
            i
            for i in self.account.incidents.values()
            if (not statuses or i.status in statuses)
            and (not services or i.service.id in services)
            and (not q.getall("urgencies[]", ()) or i.urgency in q.getall("urgencies[]"))
            and ("incident_key" not in q or i.key == q["incident_key"])
            and (since is None or i.created_at >= since)
            and (until is None or i.created_at < until)
        ]
        field, _, direction = q.get("sort_by", "created_at:asc").partition(",")[0].partition(":")
        names = {"created_at": lambda i: (i.created_at, i.number), "incident_number": lambda i: i.number,
                 "urgency": lambda i: i.urgency, "resolved_at": lambda i: (i.resolved_at or i.created_at)}  # fmt: skip
        if field not in names:
            raise invalid("sort_by is not a field that can be sorted by")
        found.sort(key=names[field], reverse=direction == "desc")
        return self.page(request, "incidents", [i.as_rest() for i in found])

    async def get_incident(self, request: web.Request) -> JSON:
        """One incident."""
        return {"incident": self._incident(request).as_rest()}

    async def put_incident(self, request: web.Request) -> JSON:
        """Change status, title, urgency, assignment, level or priority."""
        agent = self.sender(request)
        incident = self._incident(request)
        self._update(incident, object_in(await self.body(request), "incident"), agent)
        return {"incident": incident.as_rest()}

    async def put_incidents(self, request: web.Request) -> JSON:
        """The same for up to 250 at once."""
        agent = self.sender(request)
        updates = (await self.body(request)).get("incidents")
        if not isinstance(updates, list):
            raise invalid("incidents is required and must be a list")
        if len(updates) > MOST_UPDATES:
            raise RestError(413, 2001, "Too many incidents")
        changed = []
        for update in updates:
            incident = self.account.incidents.get(str(update.get("id")))
            if incident is None:
                raise RestError(404, 2100, "Not Found")
            self._update(incident, update, agent)
            changed.append(incident.as_rest())
        return {"incidents": changed}

    def _update(self, incident: Incident, update: JSON, agent: PagerDutyUser) -> None:
        check_update(update)
        if "title" in update:
            incident.title = update["title"]
        if "urgency" in update:
            incident.urgency = update["urgency"]
        if "priority" in update:
            self._prioritise(incident, update["priority"], agent)
        if "assignments" in update:
            ids = [str(a.get("assignee", {}).get("id")) for a in update["assignments"]]
            if unknown := [i for i in ids if i not in self.account.users]:
                raise invalid(f"Assignee {unknown[0]} was not found")
            self.account.assign(incident, [self.account.users[i] for i in ids], agent)
        if "escalation_level" in update:
            self._escalate(incident, update["escalation_level"], agent)
        if "status" in update:
            try:
                self.account.set_status(incident, update["status"], agent)
            except AlreadySo as error:
                raise RestError(400, error.code, str(error), [str(error)]) from None
            if update["status"] == "resolved" and update.get("resolution"):
                self.account.add_note(incident, update["resolution"], agent)
        self.account.show(incident)

    def _prioritise(self, incident: Incident, priority: Any, agent: PagerDutyUser) -> None:
        name = priority if isinstance(priority, str) else str(priority.get("summary") or priority.get("id"))
        incident.priority = reference("priority", "priorities", f"P{name}", name)
        self.account.announce("incident.priority_updated", incident, agent)

    def _escalate(self, incident: Incident, level: int, agent: PagerDutyUser) -> None:
        policy = incident.service.policy
        found = [o.user for o in self.account.oncall if o.policy == policy and o.level == level]
        if not found:
            raise invalid("Escalation level is not on the incident's escalation policy")
        incident.level = level
        self.account.assign(incident, found, agent, escalated=True)

    async def post_incident(self, request: web.Request) -> JSON:
        """Open an incident by hand."""
        agent = self.sender(request)
        given = object_in(await self.body(request), "incident")
        if given.get("type") != "incident":
            raise invalid("incident.type must be 'incident'")
        if not isinstance(given.get("title"), str) or not given["title"].strip():
            raise invalid("Title can't be blank")
        service = self.account.services.get(str((given.get("service") or {}).get("id")))
        if service is None:
            raise invalid("Service Not Found")
        key = str(given.get("incident_key") or "")
        open_ones = [i for i in self.account.incidents.values() if i.status != "resolved" and i.service == service]
        if key and any(i.key == key for i in open_ones):
            raise invalid("Open incident with matching dedup key already exists on this service")
        words = {"details": (given.get("body") or {}).get("details", "")}
        incident_id = await self.account.trigger(
            service.id, given["title"], given.get("urgency", "high"), words, key=key, agent=agent
        )
        return {"incident": self.account.incident(incident_id)}

    async def list_notes(self, request: web.Request) -> JSON:
        """All notes, newest first as the vendor gives them."""
        return {"notes": [note.as_rest() for note in reversed(self._incident(request).notes)]}

    async def post_note(self, request: web.Request) -> JSON:
        """Write a note; at most 2000 per incident."""
        agent = self.sender(request)
        incident = self._incident(request)
        content = object_in(await self.body(request), "note").get("content")
        if not isinstance(content, str) or not content.strip():
            raise invalid("Content can't be blank")
        if len(incident.notes) >= MOST_NOTES:
            raise invalid("Maximum number of notes reached")
        return {"note": self.account.add_note(incident, content, agent).as_rest()}

    async def post_status_update(self, request: web.Request) -> JSON:
        """Tell the stakeholders."""
        agent = self.sender(request)
        incident = self._incident(request)
        message = (await self.body(request)).get("message")
        if not isinstance(message, str) or not message.strip():
            raise invalid("Message can't be blank")
        update = {"id": self.account.identifier("P", 6), "message": message, "sender": agent.reference()}
        incident.status_updates.append({**update, "created_at": stamp(self.account.clock())})
        self.account.show(incident)
        return {"status_update": incident.status_updates[-1]}

    async def list_alerts(self, request: web.Request) -> JSON:
        """The alerts with their bodies: what the webhook leaves out."""
        incident = self._incident(request)
        wanted = request.query.getall("statuses[]", ())
        found = [a for a in incident.alerts if not wanted or a.status in wanted]
        return self.page(request, "alerts", [incident.alert_as_rest(alert) for alert in found])

    async def list_log(self, request: web.Request) -> JSON:
        """The log, newest first."""
        return self.page(request, "log_entries", list(reversed(self._incident(request).log)))

    async def past_incidents(self, request: web.Request) -> JSON:
        """Resolved ones of the same service, newest first; 1 to 999, 5 unless asked."""
        incident = self._incident(request)
        limit = self.number(request, "limit", 5, 1, 999)
        past = [i for i in self.account.incidents.values() if i.service == incident.service and i.status == "resolved"]
        past = sorted((i for i in past if i.id != incident.id), key=lambda i: i.created_at, reverse=True)[:limit]
        rows = []
        for number, old in enumerate(past):
            plain = old.as_rest()
            short = {name: plain[name] for name in ("id", "created_at", "self", "title")}
            rows.append({"incident": short, "score": round(60.0 / (number + 1), 4)})
        return {"past_incidents": rows, "total": len(rows), "limit": limit}

    async def related_changes(self, request: web.Request) -> JSON:
        """Change events of the incident's service, newest first."""
        service = self._incident(request).service.id
        found = [c for c in reversed(self.account.changes) if any(s["id"] == service for s in c["services"])]
        reason = {"correlation_reason": {"reason": "most_recent"}}
        rows = [change | reason for change in found]
        return {"change_events": rows, "limit": None, "offset": None, "total": None, "more": False}

    def _incident(self, request: web.Request) -> Incident:
        return self.find(self.account.incidents, request)


def check_update(update: JSON) -> None:
    """Raise RestError when an incident update breaks the vendor's schema."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "title": str,
        "resolution": str,
        "escalation_level": int,
        "assignments": list,
        "priority": (str, dict),
    }
    errors = [f"incident.{name} has the wrong type" for name, kind in kinds.items()
              if name in update and not isinstance(update[name], kind)]  # fmt: skip
    if update.get("type") not in ("incident", "incident_reference"):
        errors.append("incident.type must be 'incident' or 'incident_reference'")
    if "status" in update and update["status"] not in STATUSES:
        errors.append("Status must be one of triggered, acknowledged, resolved")
    if update.get("urgency", "high") not in ("high", "low"):
        errors.append("Urgency must be high or low")
    if "assignments" in update and "escalation_level" in update:
        errors.append("assignments and escalation_level cannot be given together")
    if errors:
        raise invalid(*errors)
