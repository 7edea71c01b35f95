"""What arrives and what it is about: signals, incidents, changes. Values only.

Used by sources (make signals), triage (folds them into incidents) and everything that shows them.
Must not read a clock, the store or the network. Every text field here is untrusted data from outside.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Severity(StrEnum):
    """PagerDuty Events v2 severities, strongest first (reference/apis.md 2.4)."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class IncidentStatus(StrEnum):
    """State of an incident, the same three words as PagerDuty."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class SignalKind(StrEnum):
    """What a signal means to us, whatever the sender calls it."""

    ALERT = "alert"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    REASSIGNED = "reassigned"
    UPDATED = "updated"
    NOTE = "note"
    CHANGE = "change"
    OTHER = "other"


class Frozen(BaseModel):
    """Base of the value models: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServiceReference(Frozen):
    """How the sender names the service. `id` is the sender's own id; `name` is only its label."""

    id: str = ""
    name: str = ""


class Signal(Frozen):
    """One thing that arrived, read and normalised, not yet correlated.

    source: roster name of the source (`pagerduty`, `github`). key: the sender's id of this event, unique per source.
    external_id: the sender's id of the incident it is about, empty for a change. occurred_at: the sender's time (UTC).
    labels, details: short untrusted strings.
    """

    source: str
    key: str
    kind: SignalKind
    occurred_at: datetime
    external_id: str = ""
    title: str = ""
    severity: Severity = Severity.ERROR
    status: IncidentStatus | None = None
    service: ServiceReference = ServiceReference()
    alert_name: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    details: dict[str, str] = Field(default_factory=dict)
    url: str = ""
    assignees: tuple[str, ...] = ()
    assignee_ids: tuple[str, ...] = ()
    actor_id: str = ""
    actor_name: str = ""
    revision: str = ""


class Change(Frozen):
    """Something that was changed on purpose: a deployment, a flag, a configuration (S3)."""

    source: str
    key: str
    service: str
    environment: str
    summary: str
    at: datetime
    url: str = ""
    author: str = ""
    revision: str = ""


class Incident(Frozen):
    """The group of alerts that one thread is about.

    id: ours, `inc_...`. service and environment come from the catalogue, never from text; empty when the
    catalogue does not know the service, and then nothing may be run. occurrences: alerts folded into it.
    """

    id: str
    source: str
    external_id: str
    title: str
    status: IncidentStatus
    severity: Severity
    service: str
    environment: str
    opened_at: datetime
    updated_at: datetime
    occurrences: int = 1
    alert_name: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    details: dict[str, str] = Field(default_factory=dict)
    url: str = ""
    assignees: tuple[str, ...] = ()
    flapping: bool = False
    channel: str = ""
    service_label: str = ""
