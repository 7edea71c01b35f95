"""Planned work: a runbook that somebody asks for by name belongs to no alert, but it has a thread and a transcript too.

Called by bot/requests.py when the service has no open incident. Must not start anything.
"""

from __future__ import annotations

from sqlmodel import Session

from bot.incident import Incident, IncidentStatus, Severity
from bot.services import Person, Service
from bot.stages.base import Equipment
from bot.store import incidents
from bot.transcript import Entry, EntryKind

ASKED_IN_SLACK = "slack"


async def open_planned(equipment: Equipment, service: Service, runbook: str, person: Person) -> Incident:
    """A new incident of ours for what this person asks for."""
    now = equipment.clock()
    incident = Incident(
        id=equipment.new_id("inc"),
        source=ASKED_IN_SLACK,
        external_id=equipment.new_id("ask"),
        title=f"{person.name} asked for {runbook}",
        status=IncidentStatus.ACKNOWLEDGED,
        severity=Severity.INFO,
        service=service.name,
        environment=service.environment,
        opened_at=now,
        updated_at=now,
        assignees=(person.name,),
        channel=service.channel,
    )
    data = {"title": incident.title, "severity": "info", "service": service.name, "environment": service.environment}
    entry = Entry(incident_id=incident.id, kind=EntryKind.OPENED, at=now, actor=person.id, data=data)

    def write(session: Session) -> None:
        incidents.save(session, incident)
        equipment.record(session, incident, entry)

    await equipment.store.write(write)
    return incident
