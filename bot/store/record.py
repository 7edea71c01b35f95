"""`record`: one transcript entry, redacted, stored, audited and queued for every destination, in one transaction.

Called by triage, flow and requests inside `Store.write`. Any failure here must undo the caller's whole transaction: no
audit, no act (T63). Must not word anything: templates do, when the outbox delivers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from bot.incident import Incident, Severity
from bot.redact import Redactor
from bot.store import audit, entries, outbox
from bot.store.outbox import Wish
from bot.transcript import Entry, EntryKind

K = EntryKind

# Which kind becomes a line at which destination. The summary message and the run's card show the rest by being edited:
# Slack allows about one post per second and channel (reference/performance.md section 2), so a post must be worth it.
ALL_KINDS = frozenset(EntryKind)
SLACK_ENTRIES = ALL_KINDS - {K.OPENED, K.PROPOSED, K.NO_STEP, K.ASKED, K.VOTED, K.REFUSED}
# PagerDuty knows its own state changes; votes are summed up by approved and declined.
PAGERDUTY_NOTES = ALL_KINDS - {
    K.OPENED, K.ACKNOWLEDGED, K.UNACKNOWLEDGED, K.REASSIGNED, K.REOPENED, K.RESOLVED, K.ASKED, K.VOTED, K.STARTED,
}  # fmt: skip
TICKET_COMMENTS = ALL_KINDS - {K.OPENED, K.ASKED, K.VOTED, K.STARTED}
PRIORITY = {Severity.CRITICAL: 0, Severity.ERROR: 1}
OTHER_PRIORITY = 5


@dataclass(frozen=True, slots=True)
class Routes:
    """Which destinations this installation (and this incident) has."""

    slack: bool = True
    pagerduty: bool = False
    jira: bool = False
    servicenow: bool = False


def priority_of(severity: Severity) -> int:
    """Order of delivery: 0 critical, 1 error, 5 others."""
    return PRIORITY.get(severity, OTHER_PRIORITY)


def record(session: Session, entry: Entry, routes: Routes, *, redactor: Redactor, priority: int = 5) -> Entry:
    """Redact, append, audit (event = kind, subject = run or incident) and queue; returns the entry with its seq.

    priority: see `priority_of`. Raises Permanent when it cannot be audited.
    """
    clean = entry.model_copy(update={"data": redactor.data(entry.data), "actor": redactor.text(entry.actor)})
    stored = entries.append(session, clean)
    subject = stored.run_id or stored.incident_id
    data = {"entry": stored.seq, "incident": stored.incident_id, "data": stored.data}
    audit.append(session, stored.at, stored.actor, stored.kind.value, subject, data)
    if stored.incident_id:
        _queue(session, stored, routes, priority)
    return stored


def announce(session: Session, incident: Incident, routes: Routes, *, now: datetime | None = None) -> None:
    """Have the incident's summary message posted or edited. now: defaults to the incident's last change."""
    if routes.slack:
        at = now or incident.updated_at
        _summary(session, incident.id, priority_of(incident.severity), at)


def announce_all(session: Session, some: Sequence[Incident], *, now: datetime) -> None:
    """Have the summaries of many incidents posted or edited, with two statements: one look, one insert."""
    waiting = outbox.untried(session, "slack", "summary", [incident.id for incident in some])
    fresh = [(incident.id, priority_of(incident.severity)) for incident in some if incident.id not in waiting]
    outbox.add_coalesced(session, "slack", "summary", fresh, now=now)


def card_changed(session: Session, incident: Incident, run_id: str, routes: Routes) -> None:
    """Have the run's card shown again (progress); nothing is recorded, and waiting edits are one edit."""
    if routes.slack:
        lane, priority = incident.id, priority_of(incident.severity)
        outbox.add(session, "slack", lane, "card", lane, run_id, {}, priority, coalesce=True, now=incident.updated_at)


def _queue(session: Session, entry: Entry, routes: Routes, priority: int) -> None:
    lane, seq = entry.incident_id, str(entry.seq)
    wanted: list[Wish] = []
    if routes.slack:
        # The summary is the root of the thread, so it must be in the lane before anything that answers it.
        wanted.append(Wish("slack", "summary", lane, coalesce=True))
        if entry.run_id:
            wanted.append(Wish("slack", "card", entry.run_id, coalesce=True))
        if entry.kind in SLACK_ENTRIES:
            wanted.append(Wish("slack", "entry", seq))
    if routes.pagerduty and entry.kind in PAGERDUTY_NOTES:
        wanted.append(Wish("pagerduty", "note", seq))
    if entry.kind in TICKET_COMMENTS:
        wanted += [Wish(system, "comment", seq) for system in ("jira", "servicenow") if getattr(routes, system)]
    outbox.add_all(session, lane, wanted, priority=priority, now=entry.at)


def _summary(session: Session, incident_id: str, priority: int, at: datetime) -> None:
    outbox.add(session, "slack", incident_id, "summary", incident_id, incident_id, {}, priority, coalesce=True, now=at)
