"""The things a PagerDuty account is made of, in the shapes its REST API and webhooks show.

Values and their JSON forms only. Used by pagerduty, pagerduty_rest, pagerduty_events and the page.
Shapes: reference/apis.md 2.1, 2.3 and the vendor's published schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

JSON = dict[str, Any]
API: Final = "https://api.pagerduty.com"
SITE: Final = "https://sandbox.pagerduty.com"


class AlreadySo(Exception):
    """The incident already has that status. code: PagerDuty's 1001 (resolved) or 1002 (acknowledged)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def stamp(at: datetime | None, *, millis: bool = False) -> str | None:
    """A time as PagerDuty writes it: UTC, seconds (REST) or milliseconds (webhooks)."""
    if at is None:
        return None
    text = at.astimezone(UTC).isoformat(timespec="milliseconds" if millis else "seconds")
    return text.replace("+00:00", "Z")


def reference(kind: str, path: str, identifier: str, summary: str) -> JSON:
    """The short form in which one object names another: kind `user` at path `users` gives type `user_reference`."""
    return {
        "id": identifier,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"{API}/{path}/{identifier}",
        "html_url": f"{SITE}/{path}/{identifier}",
    }


def change_event(identifier: str, at: datetime, summary: str, source: str, services: list[JSON]) -> JSON:
    """A change event as REST shows it, without links and details."""
    return {
        "id": identifier,
        "type": "change_event",
        "summary": summary,
        "timestamp": stamp(at),
        "source": source,
        "services": services,
        "integration": {"id": "PINTEGR", "type": "inbound_integration_reference"},
    }


@dataclass(frozen=True, slots=True)
class PagerDutyUser:
    """A member of the account. id: `P...`; email: what the `From` header must name."""

    id: str
    name: str
    email: str

    def reference(self) -> JSON:
        """As other objects point to it."""
        return reference("user", "users", self.id, self.name)

    def as_rest(self) -> JSON:
        """As `GET /users/{id}` returns it."""
        own: JSON = {"type": "user", "name": self.name, "email": self.email, "time_zone": "Etc/UTC", "role": "user"}
        return self.reference() | own | {"color": "green", "job_title": None, "teams": [], "contact_methods": []}


@dataclass(frozen=True, slots=True)
class PagerDutyService:
    """A service. routing_key: of its Events v2 integration; policy: id of its escalation policy."""

    id: str
    name: str
    routing_key: str = ""
    policy: str = "PPOLICY"
    policy_name: str = "Default"

    def reference(self) -> JSON:
        """As other objects point to it."""
        return reference("service", "services", self.id, self.name)

    def policy_reference(self) -> JSON:
        """Its escalation policy."""
        return reference("escalation_policy", "escalation_policies", self.policy, self.policy_name)

    def as_rest(self) -> JSON:
        """As `GET /services/{id}` returns it."""
        own: JSON = {"type": "service", "name": self.name, "description": None, "status": "active", "teams": []}
        return self.reference() | own | {"escalation_policy": self.policy_reference(), "integrations": []}


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is on call. level: 1 is asked first; policy: escalation policy id; schedule: id, '' when named directly."""

    user: PagerDutyUser
    level: int = 1
    policy: str = "PPOLICY"
    policy_name: str = "Default"
    schedule: str = ""

    def as_rest(self) -> JSON:
        """As `GET /oncalls` returns it."""
        policy = reference("escalation_policy", "escalation_policies", self.policy, self.policy_name)
        user = {"user": self.user.reference(), "escalation_policy": policy, "escalation_level": self.level}
        schedule = reference("schedule", "schedules", self.schedule, self.schedule) if self.schedule else None
        return {**user, "schedule": schedule, "start": None, "end": None}


@dataclass(slots=True)
class Alert:
    """One alert of an incident. details: the monitor's own words; body: more keys of the alert body."""

    id: str
    key: str
    summary: str
    severity: str
    created_at: datetime
    details: JSON = field(default_factory=dict)
    body: JSON = field(default_factory=dict)
    status: str = "triggered"


@dataclass(frozen=True, slots=True)
class Note:
    """A note; user None when it was written by an automation."""

    id: str
    content: str
    user: PagerDutyUser | None
    created_at: datetime

    def as_rest(self) -> JSON:
        """As `GET /incidents/{id}/notes` returns it."""
        user = self.user.reference() if self.user else None
        channel = {"summary": "The PagerDuty website or APIs"}
        return {"id": self.id, "user": user, "channel": channel, "content": self.content,
                "created_at": stamp(self.created_at)}  # fmt: skip


@dataclass(slots=True)
class Incident:
    """One incident with everything that hangs on it."""

    id: str
    number: int
    title: str
    service: PagerDutyService
    urgency: str
    key: str
    created_at: datetime
    updated_at: datetime
    status: str = "triggered"
    assignees: list[PagerDutyUser] = field(default_factory=list)
    level: int = 1
    acknowledgements: list[tuple[PagerDutyUser, datetime]] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    log: list[JSON] = field(default_factory=list)
    changed_by: PagerDutyUser | None = None
    resolved_at: datetime | None = None
    reopened_at: datetime | None = None
    priority: JSON | None = None
    status_updates: list[JSON] = field(default_factory=list)

    def reference(self) -> JSON:
        """As notes, alerts and log entries point to it."""
        return reference("incident", "incidents", self.id, f"[#{self.number}] {self.title}")

    def as_rest(self) -> JSON:
        """As `GET /incidents/{id}` returns it."""
        counts = [alert.status for alert in self.alerts]
        by = self.changed_by.reference() if self.changed_by else self.service.reference()
        return self.reference() | {
            "type": "incident",
            "incident_number": self.number,
            "title": self.title,
            "description": self.title,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
            "status": self.status,
            "incident_key": self.key,
            "service": self.service.reference(),
            "assignments": [
                {"at": stamp(self.created_at), "assignee": user.reference()}
                for user in ([] if self.status == "resolved" else self.assignees)
            ],
            "assigned_via": "escalation_policy",
            "last_status_change_at": stamp(self.updated_at),
            "last_status_change_by": by,
            "resolved_at": stamp(self.resolved_at),
            "alert_counts": {
                "all": len(counts),
                "triggered": counts.count("triggered"),
                "resolved": counts.count("resolved"),
            },
            "is_mergeable": True,
            "incident_type": {"name": "incident_default"},
            "escalation_policy": self.service.policy_reference(),
            "teams": [],
            "pending_actions": [],
            "acknowledgements": [
                {"at": stamp(at), "acknowledger": user.reference()} for user, at in self.acknowledgements
            ],
            "priority": self.priority,
            "resolve_reason": None,
            "urgency": self.urgency,
        }

    def as_webhook(self) -> JSON:
        """As v3 webhooks carry it in `event.data`: no alert details, other keys than REST."""
        plain = self.reference()
        plain.pop("summary")
        return plain | {
            "type": "incident",
            "number": self.number,
            "status": self.status,
            "incident_key": self.key,
            "created_at": stamp(self.created_at),
            "reopened_at": stamp(self.reopened_at),
            "title": self.title,
            "service": self.service.reference(),
            "assignees": [user.reference() for user in ([] if self.status == "resolved" else self.assignees)],
            "escalation_policy": self.service.policy_reference(),
            "teams": [],
            "priority": self.priority,
            "urgency": self.urgency,
            "conference_bridge": None,
            "resolve_reason": None,
            "incident_type": {"name": "incident_default"},
        }

    def alert_as_rest(self, alert: Alert) -> JSON:
        """As `GET /incidents/{id}/alerts` returns it."""
        return {
            "id": alert.id,
            "type": "alert",
            "summary": alert.summary,
            "self": f"{API}/incidents/{self.id}/alerts/{alert.id}",
            "html_url": f"{SITE}/alerts/{alert.id}",
            "created_at": stamp(alert.created_at),
            "status": alert.status,
            "alert_key": alert.key,
            "service": self.service.reference(),
            "body": {"type": "alert_body", "contexts": [], "details": alert.details, **alert.body},
            "incident": {"id": self.id, "type": "incident_reference"},
            "suppressed": False,
            "severity": alert.severity,
        }
