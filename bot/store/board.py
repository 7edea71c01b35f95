"""The board: everything a template needs to show one incident, read at one moment.

Loaded by the Slack recorder, the requests and the CLI inside `Store.read`. Must not write or word anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from bot.incident import Change, Incident
from bot.store import approvals, changes, enrichments, entries, incidents, proposals, runs, tickets
from bot.store.approvals import Approval, Vote
from bot.store.proposals import Proposal
from bot.store.runs import Run
from bot.store.tickets import Ticket
from bot.transcript import Entry

CHANGES_BEFORE = timedelta(hours=24)
MANY = 5


@dataclass(frozen=True, slots=True)
class Board:
    """facts: each `Fact` as JSON, gathered at facts_at. approvals: run id -> questions. votes: approval id -> answers.

    changes: of this service in the 24 hours before it opened and since, newest first. similar: resolved, newest first; fixed_by: incident id -> title of the runbook that worked.
    """

    incident: Incident
    facts: tuple[dict[str, Any], ...]
    facts_at: datetime | None
    proposal: Proposal | None
    runs: tuple[Run, ...]
    approvals: dict[str, tuple[Approval, ...]]
    votes: dict[str, tuple[Vote, ...]]
    entries: tuple[Entry, ...]
    changes: tuple[Change, ...]
    similar: tuple[Incident, ...]
    fixed_by: dict[str, str]
    tickets: tuple[Ticket, ...]


def load(session: Session, incident_id: str) -> Board | None:
    """The board of an incident, or None when there is no such incident."""
    incident = incidents.get(session, incident_id)
    if incident is None:
        return None
    enrichment = enrichments.get(session, incident_id)
    its_runs = tuple(runs.for_incident(session, incident_id))
    questions = {run.id: tuple(approvals.for_run(session, run.id)) for run in its_runs}
    return Board(
        incident=incident,
        facts=tuple(enrichment.facts) if enrichment else (),
        facts_at=enrichment.at if enrichment else None,
        proposal=proposals.current(session, incident_id),
        runs=its_runs,
        approvals=questions,
        votes={each.id: tuple(approvals.votes(session, each.id)) for some in questions.values() for each in some},
        entries=tuple(entries.for_incident(session, incident_id)),
        tickets=tuple(tickets.for_incident(session, incident_id)),
        **_around(session, incident),
    )


def fresh(session: Session, incident: Incident, entry: Entry) -> Board:
    """The board of an incident that this transaction opened: of it nothing is stored but that entry."""
    around = _around(session, incident)
    return Board(incident, (), None, None, (), {}, {}, (entry,), tickets=(), **around)


def _around(session: Session, incident: Incident) -> dict[str, Any]:
    """What else happened to its service; nothing for a service that the catalogue does not know."""
    if not incident.service:
        return {"changes": (), "similar": (), "fixed_by": {}}
    since = incident.opened_at - CHANGES_BEFORE
    alike = tuple(incidents.similar(session, incident.service, incident.alert_name, incident.opened_at, MANY))
    return {
        "changes": tuple(changes.recent(session, incident.service, incident.environment, since, MANY)),
        "similar": alike,
        "fixed_by": {
            past.id: run.plan.runbook_title
            for past in alike
            for run in runs.for_incident(session, past.id)
            if run.outcome == "succeeded"
        },
    }
