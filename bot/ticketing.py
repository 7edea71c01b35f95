"""What the text recorders need from the store: an entry's text, the incident's ticket, and how a new ticket is opened.

Made by bot/assembly.py. Reads and writes the store; must not open sockets or word entries (templates do).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from bot.errors import Permanent
from bot.incident import Incident
from bot.recorders.tickets import Draft, SaveTicket, Ticket, TicketOf
from bot.render import Renderer
from bot.services import Catalogue, People
from bot.store import approvals, entries, incidents, runs, tickets
from bot.store.runs import Run
from bot.store.session import Store
from bot.transcript import EntryKind


class Ticketing:
    """Callbacks of bot/recorders/tickets.py over the store."""

    def __init__(self, store: Store, renderer: Renderer, catalogue: Catalogue, people: People) -> None:
        self._store = store
        self._renderer = renderer
        self._catalogue = catalogue
        self._people = people

    async def render_text(self, destination: str, seq: int) -> str:
        """An entry as `destination` words it. Raises Permanent when there is no such entry."""
        entry = await self._store.read(lambda session: entries.get(session, seq))
        incident = await self._store.read(lambda s: incidents.get(s, entry.incident_id)) if entry else None
        if entry is None or incident is None:
            raise Permanent(f"transcript entry {seq} is not in the store")
        folder = "pagerduty" if destination == "pagerduty" else "ticket"
        return self._renderer.text(
            folder, "entry", entry=entry, incident=incident, names=self._name, now=datetime.now(UTC)
        )

    async def external_id(self, incident_id: str) -> str:
        """PagerDuty's id of an incident, '' when it did not come from there."""
        incident = await self._store.read(lambda session: incidents.get(session, incident_id))
        return incident.external_id if incident is not None and incident.source == "pagerduty" else ""

    def ticket_of(self, system: str) -> TicketOf:
        """Look-up of an incident's ticket in one system."""

        async def look(incident_id: str) -> Ticket | None:
            found = await self._store.read(lambda session: tickets.get(session, incident_id, system))
            return Ticket(key=found.key, url=found.url) if found else None

        return look

    def save_ticket(self, system: str) -> SaveTicket:
        """Remember an incident's ticket in one system."""

        async def save(incident_id: str, ticket: Ticket) -> None:
            await self._store.write(lambda s: tickets.save(s, incident_id, system, ticket.key, ticket.url))

        return save

    async def follow_up_of(self, run_id: str) -> Draft:
        """What the ticket says that reviews a run past broken rules (T14)."""

        def read(session: Session) -> tuple[Run | None, Incident | None, dict[str, Any]]:
            run = runs.get(session, run_id)
            if run is None:
                return None, None, {}
            said = entries.for_run(session, run_id)
            broken = [entry.data.get("rules") or [] for entry in said if entry.kind is EntryKind.GLASS_BROKEN]
            yes = [
                v.person
                for a in approvals.for_run(session, run_id)
                for v in approvals.votes(session, a.id)
                if v.approve
            ]
            about = {
                "rules": list(dict.fromkeys(str(rule) for rules in broken for rule in rules)),
                "approvers": [self._name(person) for person in dict.fromkeys(yes)],
                "tickets": tickets.for_incident(session, run.incident_id),
            }
            return run, incidents.get(session, run.incident_id), about

        run, incident, about = await self._store.read(read)
        service = self._catalogue.named(incident.service, incident.environment) if incident else None
        if run is None or incident is None or service is None:
            raise Permanent(f"run {run_id} has no service in the catalogue, so no ticket project")
        text = self._renderer.text("ticket", "follow_up", run=run, incident=incident, names=self._name, **about)
        what = f"{run.plan.runbook} on {service.name} ({service.environment})"
        return Draft(
            project=service.tickets.jira_project,
            summary=f"Review: why was the glass broken for {what}?"[:250],
            text=text,
            url=incident.url,
            labels=("countersign", "countersign-review"),
        )

    async def draft_of(self, incident_id: str) -> Draft:
        """What a new ticket says."""
        incident = await self._store.read(lambda session: incidents.get(session, incident_id))
        service = self._catalogue.named(incident.service, incident.environment) if incident else None
        if incident is None or service is None:
            raise Permanent(f"incident {incident_id} has no service in the catalogue, so no ticket project")
        text = self._renderer.text("ticket", "opened", incident=incident, service=service)
        return Draft(
            project=service.tickets.jira_project,
            summary=f"{service.name} ({service.environment}): {incident.title}"[:250],
            text=text,
            url=incident.url,
            labels=("countersign",),
        )

    @property
    def _name(self) -> Callable[[str], str]:
        def name(person_id: str) -> str:
            person = self._people.by_id(person_id)
            return person.name if person else "Countersign" if person_id == "bot" else person_id

        return name
