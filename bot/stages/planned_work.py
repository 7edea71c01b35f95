"""Planned work: a runbook that somebody asks for by name belongs to no alert, but it has a thread and a transcript too.

Called by bot/requests.py when the service has no open incident. Two people who ask at once meet in one thread, where the
second is told that a run is under way. Must not start anything.
"""

from __future__ import annotations

import base64
import hashlib

from sqlmodel import Session

from bot.incident import Incident, IncidentStatus, Severity
from bot.services import Person, Service
from bot.stages.base import Equipment
from bot.store import incidents, runs
from bot.transcript import Entry, EntryKind

ASKED_IN_SLACK = "slack"


async def open_planned(equipment: Equipment, service: Service, runbook: str, person: Person) -> tuple[Incident, bool]:
    """A new incident of ours for what this person asks for, and True; or the one that was opened meanwhile, and False."""
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

    def write(session: Session) -> tuple[Incident, bool]:
        meanwhile = incidents.open_for_service(session, service.name, service.environment)
        if meanwhile:
            return meanwhile[0], False
        incidents.save(session, incident)
        equipment.record(session, incident, entry)
        return incident, True

    return await equipment.store.write(write)


async def run_of(equipment: Equipment, once: str) -> tuple[str, bool]:
    """Id of the run that a typed command begins, always the same, and whether it has begun it; empty without `once`.

    once: Slack's id of the command. What was being handled when the bot was killed is offered again (bot/slack/dispatch.py),
    and then the run that it began may have ended already.
    """
    if not once:
        return "", False
    number = hashlib.sha256(once.encode()).digest()[:10]
    run_id = f"run_{base64.b32encode(number).decode().lower()}"
    return run_id, await equipment.store.read(lambda session: runs.get(session, run_id)) is not None
