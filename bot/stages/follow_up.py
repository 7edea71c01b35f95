"""Follow-up: every use of a broken glass is reviewed afterwards, by a ticket of its own (mission P5, trust case T14).

`ask_for_review` is called by bot/stages/closing.py when such a run ends; `opened` by the ticket recorder when the ticket
is there. Must not open a ticket: the outbox does, so that an outage delays it and nothing loses or doubles it.
"""

from __future__ import annotations

from sqlmodel import Session

from bot.incident import Incident
from bot.stages.base import Equipment
from bot.store import incidents, outbox, runs, tickets
from bot.store.record import Routes, priority_of
from bot.store.runs import Run
from bot.store.tickets import Ticket
from bot.transcript import Entry, EntryKind, Outcome


def ask_for_review(session: Session, equipment: Equipment, run: Run, incident: Incident, outcome: Outcome) -> None:
    """Say in the transcript that a review is due, and queue its ticket, in the transaction that ends the run.

    The ticket follows the entry in the incident's lane. Where no ticket system is configured the entry alone says it.
    """
    now = equipment.clock()
    system = _system(equipment.routes(incident))
    data = {"reason": run.plan.break_glass, "by": run.requester, "outcome": outcome.value, "system": system}
    kind = EntryKind.REVIEW_NEEDED
    entry = Entry(incident_id=incident.id, run_id=run.id, kind=kind, at=now, actor="bot", data=data)
    equipment.record(session, incident, entry)
    if system:
        urgency = priority_of(incident.severity)
        outbox.add(session, system, incident.id, "follow_up", incident.id, run.id, {}, urgency, now=now)


async def opened(equipment: Equipment, system: str, run_id: str, key: str, url: str) -> None:
    """Remember the follow-up of a run and link it in the transcript; told twice, it is written once."""

    def write(session: Session) -> None:
        if tickets.get(session, run_id, system) is not None:
            return
        run = runs.get(session, run_id)
        incident = incidents.get(session, run.incident_id) if run else None
        if run is None or incident is None:
            return  # the ticket is there and says what it is about; there is no transcript left to link it in
        tickets.save(session, run_id, system, key, url)
        data = {"key": key, "url": url, "system": system}
        kind, now = EntryKind.FOLLOW_UP, equipment.clock()
        entry = Entry(incident_id=incident.id, run_id=run_id, kind=kind, at=now, actor="bot", data=data)
        equipment.record(session, incident, entry)

    await equipment.store.write(write)
    equipment.wake()


def of(session: Session, run_id: str) -> list[Ticket]:
    """The follow-ups of a run."""
    return tickets.for_incident(session, run_id)


def _system(routes: Routes) -> str:
    """One ticket, not one per system: Jira where there is one, else ServiceNow; empty for nowhere."""
    return next((name for name in ("jira", "servicenow") if getattr(routes, name)), "")
