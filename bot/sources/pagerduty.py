"""PagerDuty v3 webhooks: signature, event id, and what each event type means to us.

`verified` and `key` are called by bot/web.py on the hot path, `read` by bot/stages/ingest.py. Pure.
Facts: reference/apis.md 2.1 and 2.2; cases T16, T19, T20, T22. Must not decide environment or act on text.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from bot.incident import IncidentStatus, ServiceReference, Severity, Signal, SignalKind
from bot.sources.base import Unreadable
from bot.sources.signature import header, key_of, keyed, link, moment, parse, part, signed, text

SIGNATURE_HEADER = "X-PagerDuty-Signature"
OWN_MARKER = "[cs-"
OWN_PAGE = "countersign/"
POLLER_CLIENT = "countersign-poller"
ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
MAX_ID = 32

KINDS: Mapping[str, SignalKind] = {
    "incident.triggered": SignalKind.ALERT,
    "incident.acknowledged": SignalKind.ACKNOWLEDGED,
    "incident.unacknowledged": SignalKind.UNACKNOWLEDGED,
    "incident.resolved": SignalKind.RESOLVED,
    "incident.reopened": SignalKind.REOPENED,
    "incident.escalated": SignalKind.REASSIGNED,
    "incident.delegated": SignalKind.REASSIGNED,
    "incident.reassigned": SignalKind.REASSIGNED,
    "incident.priority_updated": SignalKind.UPDATED,
    "incident.service_updated": SignalKind.UPDATED,
    "incident.incident_type.changed": SignalKind.UPDATED,
    "incident.custom_field_values.updated": SignalKind.UPDATED,
    "incident.annotated": SignalKind.NOTE,
    "incident.status_update_published": SignalKind.NOTE,
    "incident.responder.added": SignalKind.OTHER,
    "incident.responder.replied": SignalKind.OTHER,
    "incident.conference_bridge.updated": SignalKind.OTHER,
    "incident.role.assigned": SignalKind.OTHER,
    "incident.task.created": SignalKind.OTHER,
    "incident.task.updated": SignalKind.OTHER,
    "incident.task.completed": SignalKind.OTHER,
    "incident.action_invocation.created": SignalKind.OTHER,
    "incident.action_invocation.updated": SignalKind.OTHER,
    "incident.action_invocation.terminated": SignalKind.OTHER,
    "incident.workflow.started": SignalKind.OTHER,
    "incident.workflow.completed": SignalKind.OTHER,
}
MEANINGLESS = frozenset(
    {"service.created", "service.updated", "service.deleted", "service.custom_field_values.updated", "pagey.ping"}
)
STATUS_OF_KIND: Mapping[SignalKind, IncidentStatus] = {
    SignalKind.ALERT: IncidentStatus.TRIGGERED,
    SignalKind.ACKNOWLEDGED: IncidentStatus.ACKNOWLEDGED,
    SignalKind.UNACKNOWLEDGED: IncidentStatus.TRIGGERED,
    SignalKind.RESOLVED: IncidentStatus.RESOLVED,
    SignalKind.REOPENED: IncidentStatus.TRIGGERED,
}
SEVERITY_OF_PRIORITY: Mapping[str, Severity] = {
    "1": Severity.CRITICAL,
    "2": Severity.ERROR,
    "3": Severity.WARNING,
    "4": Severity.INFO,
    "5": Severity.INFO,
}


class PagerDutySource:
    """The `pagerduty` source.

    secrets: every webhook secret in force, several while one is rotated (T20); none means that nothing verifies.
    stale_after: seconds; an event older than this when received gets `details["stale"] = "true"`: it may refresh state, never
    start a run (T19).
    """

    name = "pagerduty"

    def __init__(self, secrets: tuple[str, ...], stale_after: float) -> None:
        self._keyed = keyed(secrets)
        self._stale_after = timedelta(seconds=stale_after)

    def verified(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Whether any `v1=` value of the header matches; other versions are ignored. There is no timestamp to check."""
        values = (value.strip() for value in header(headers, SIGNATURE_HEADER).split(","))
        return signed(self._keyed, body, (value[3:] for value in values if value.startswith("v1=")))

    def key(self, headers: Mapping[str, str], body: bytes) -> str:
        """`event.id` from the signed body; the unsigned `X-Webhook-Id` header is not trusted (T19)."""
        return key_of(part(parse(body), "event").get("id"))

    def read(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Signal | None:
        """The signal. None: a service event, a ping, a note we wrote ourselves. Unreadable: anything unknown."""
        event = part(parse(body), "event")
        key = key_of(event.get("id"))
        event_type = text(event.get("event_type"))
        if event_type in MEANINGLESS:
            return None
        if text(part(event, "data").get("incident_key"), 200).startswith(OWN_PAGE):
            return None  # our own page coming back: it is about an incident that has its thread already
        kind = KINDS.get(event_type)
        if kind is None:
            raise Unreadable("the event type is not known")
        data = part(event, "data")
        about = data if data.get("type", "incident") == "incident" else part(data, "incident")
        if kind is SignalKind.NOTE and OWN_MARKER in _words(data):
            return None
        occurred_at = moment(event.get("occurred_at"), received_at)
        polled = part(event, "client").get("name") == POLLER_CLIENT
        details = _details(data)
        if not polled and received_at - occurred_at > self._stale_after:
            details["stale"] = "true"
        title = text(about.get("title")) or text(about.get("summary"))
        agent, service = part(event, "agent"), part(about, "service")
        assignees = [item for item in _list(about.get("assignees")) if isinstance(item, dict)]
        return Signal(
            source=self.name,
            key=key,
            kind=kind,
            occurred_at=occurred_at,
            external_id=incident_id(about.get("id")),
            title=title,
            severity=severity(about),
            status=_status(about, kind),
            service=ServiceReference(id=text(service.get("id"), 64), name=text(service.get("summary"), 200)),
            alert_name=alert_name(title) or alert_name(text(about.get("incident_key"), 200)),
            labels=_labels(about, service),
            details=details,
            url=link(about.get("html_url")),
            assignees=tuple(name for item in assignees if (name := text(item.get("summary"), 200))),
            assignee_ids=tuple(found for item in assignees if (found := text(item.get("id"), 64))),
            actor_id=text(agent.get("id"), 64),
            actor_name=text(agent.get("summary"), 200),
        )


def incident_id(value: Any) -> str:
    """A PagerDuty incident id: capital letters and digits. Raises Unreadable otherwise, since it goes into paths."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID or not ID_CHARACTERS.issuperset(value):
        raise Unreadable("the event names no incident")
    return value


def severity(about: Mapping[str, Any]) -> Severity:
    """From the priority's number (`P1`, `SEV-2`) when there is one, else from the urgency (apis.md 2.1)."""
    priority = text(part(about, "priority").get("summary") or part(about, "priority").get("name"), 40).lower()
    if priority.startswith(("p", "sev")):
        digit = next((character for character in priority if character.isdigit()), "")
        if digit in SEVERITY_OF_PRIORITY:
            return SEVERITY_OF_PRIORITY[digit]
    return Severity.WARNING if about.get("urgency") == "low" else Severity.ERROR


def alert_name(title: str) -> str:
    """The alert's name when the title begins with one (`ServiceDown: ...`, `disk_full on db-1`), else ''.

    A leading `[FIRING:1]` is skipped, and after it the first word may be the name. Only words like `ServiceDown` or
    `disk_full` count: a plain word such as `Critical` is not a name.
    """
    bracketed = title.startswith("[") and "]" in title
    rest = title.partition("]")[2].strip() if bracketed else title.strip()
    head = rest.partition(":")[0].partition(" on ")[0].strip()
    if bracketed and " " in head:
        head = head.partition(" ")[0]
    return head if _is_identifier(head) else ""


def _is_identifier(word: str) -> bool:
    plain = word.isascii() and 3 <= len(word) <= 64 and word[0].isalpha()
    if not plain or not word.replace("_", "").replace("-", "").isalnum():
        return False
    humps = any(a.islower() and b.isupper() for a, b in pairwise(word))
    return humps or ("_" in word and not word.startswith("_"))


def _status(about: Mapping[str, Any], kind: SignalKind) -> IncidentStatus | None:
    if kind in STATUS_OF_KIND:
        return STATUS_OF_KIND[kind]
    given = text(about.get("status"))
    return IncidentStatus(given) if given in {status.value for status in IncidentStatus} else None


def _labels(about: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, str]:
    found = {
        "service": text(service.get("summary"), 200),
        "urgency": text(about.get("urgency"), 40),
        "priority": text(part(about, "priority").get("summary"), 40),
    }
    return {name: value for name, value in found.items() if value}


def _details(data: Mapping[str, Any]) -> dict[str, str]:
    found = {
        "resolve_reason": text(part(data, "resolve_reason").get("type") or data.get("resolve_reason"), 200),
        "escalation_policy": text(part(data, "escalation_policy").get("id"), 64),
        "note": text(_words(data), 2000),
        "trimmed": "true" if data.get("trimmed") is True else "",
    }
    for field in _list(data.get("changed_custom_fields"))[:20]:
        if isinstance(field, dict) and (name := text(field.get("name"), 60)):
            found[f"field {name}"] = text(field.get("value"), 200)
    return {name: value for name, value in found.items() if value}


def _words(data: Mapping[str, Any]) -> str:
    """The text of a note or of a status update."""
    words = data.get("content") or data.get("message")
    return words if isinstance(words, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
