"""Paging: what PagerDuty is told besides notes: status, assignment, pages; and what goes with them in the transcript.

Called by correlate, closing, asking and bot/incident_requests.py inside their transactions. Queues only; the outbox sends.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from bot.incident import Incident, IncidentStatus
from bot.stages.base import Equipment
from bot.store import entries, incidents, outbox
from bot.store.runs import Run
from bot.transcript import Entry, EntryKind


def status_to_pagerduty(session: Session, incident: Incident, status: IncidentStatus, now: datetime) -> None:
    """Queue a status change for PagerDuty, behind the notes that explain it."""
    outbox.add(
        session,
        destination="pagerduty",
        lane=incident.id,
        kind="status",
        incident_id=incident.id,
        subject=incident.external_id,
        payload={"status": status.value},
        now=now,
    )


def assign_in_pagerduty(session: Session, incident: Incident, user_ids: list[str], now: datetime) -> None:
    """Queue a reassignment for PagerDuty."""
    outbox.add(
        session,
        destination="pagerduty",
        lane=incident.id,
        kind="reassign",
        incident_id=incident.id,
        subject=incident.external_id,
        payload={"user_ids": user_ids},
        now=now,
    )


def escalate(
    session: Session,
    equipment: Equipment,
    incident: Incident,
    reason: str,
    *,
    run: Run | None = None,
    actor: str = "bot",
) -> None:
    """Page with the reason: an entry everywhere and one PagerDuty event per incident (Events v2 dedup key, V3)."""
    now, reason = equipment.clock(), equipment.redactor.text(reason)  # the page is no entry, which is redacted anyway
    runbook = equipment.library.get(run.plan.runbook) if run else None
    severity = runbook.escalate.severity if runbook else incident.severity.value
    equipment.record(
        session,
        incident,
        Entry(
            incident_id=incident.id,
            run_id=run.id if run else "",
            kind=EntryKind.ESCALATED,
            at=now,
            actor=actor,
            data={"reason": reason, "severity": severity, "page": equipment.pagerduty},
        ),
    )
    if equipment.pagerduty:
        outbox.add(
            session,
            destination="pagerduty",
            lane=f"page:{incident.id}",  # a page must not wait behind notes
            kind="page",
            incident_id=incident.id,
            subject=incident.external_id,
            payload={
                "summary": f"Countersign needs a person: {incident.title}"[:1024],
                "source": incident.service or incident.source,
                "severity": severity,
                "dedup_key": page_key(incident),
                "custom_details": {
                    "incident": incident.external_id,
                    "service": incident.service,
                    "environment": incident.environment,
                    "reason": reason,
                    "runbook": run.plan.runbook if run else "",
                },
                "url": incident.url,
            },
            priority=0,
            now=now,
        )


def page_key(incident: Incident) -> str:
    """The dedup key of our page about an incident; bot/sources/pagerduty.py knows it again and does not answer it."""
    return f"countersign/{incident.id}"[:255]


def end_page(session: Session, equipment: Equipment, incident: Incident) -> None:
    """The incident is over: take the page back, if there was one."""
    told = entries.for_incident(session, incident.id)
    if equipment.pagerduty and any(entry.kind is EntryKind.ESCALATED for entry in told):
        outbox.add(
            session,
            destination="pagerduty",
            lane=f"page:{incident.id}",
            kind="page_over",
            incident_id=incident.id,
            subject=incident.external_id,
            payload={"dedup_key": page_key(incident)},
            now=equipment.clock(),
        )


def resolve(session: Session, equipment: Equipment, incident: Incident, by: str) -> Incident:
    """Resolve here and, behind the notes that explain it, in PagerDuty (I4)."""
    now = equipment.clock()
    resolved = incident.model_copy(update={"status": IncidentStatus.RESOLVED, "updated_at": now})
    incidents.save(session, resolved)
    equipment.record(
        session,
        resolved,
        Entry(
            incident_id=incident.id,
            kind=EntryKind.RESOLVED,
            at=now,
            actor=by,
            data={"by": by, "via": "slack"},
        ),
    )
    end_page(session, equipment, resolved)
    if equipment.pagerduty and incident.source == "pagerduty":
        status_to_pagerduty(session, resolved, IncidentStatus.RESOLVED, now)
    return resolved
