"""Answers to questions people ask in chat or on the terminal: status, history, what was done so far, which runbooks.

Base of bot/requests.py. Reads only; offers nothing that the asker may not do (C3 is checked when they do it).
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from sqlmodel import Session

from bot.errors import Transient
from bot.explanations import Explanations
from bot.incident import Incident
from bot.stages.match import version_in
from bot.stages.plan import digest_of
from bot.stages.promoted import in_words, to_review
from bot.stages.reply import Reply, refused
from bot.store import entries, incidents, overview
from bot.store.overview import Line
from bot.transcript import Entry
from runbooks.model import Runbook

SHOWN = 10
SERVICES = 15  # as many as the templates name


class Answers(Explanations):
    """Everything that changes nothing."""

    async def status(self, service: str | None) -> Reply:
        """Open incidents (of one service), the newest step of each, and engaged emergency stops."""
        equipment = self._equipment
        known = equipment.catalogue.by_name
        if service is not None and service not in known:
            names = ", ".join(sorted(known))
            return refused("unknown_service", f"{service} is not in the catalogue.", f"Known services: {names}.")
        stops, lines = await equipment.kill_switch.stops_and(lambda s: overview.open_lines(s, SHOWN, service))
        if lines is None:
            raise Transient("the database cannot be read")
        services = equipment.catalogue.services[:SERVICES] if service is None else known[service]
        return Reply(
            True,
            "status",
            {
                "service": service,
                "incidents": [self._line(line) for line in lines],
                "services": [
                    {"name": s.name, "environment": s.environment, "owner": s.owner, "tier": s.tier} for s in services
                ],
                "catalogue": self._catalogue(),
                "stops": [{"level": s.level, "name": s.name, "reason": s.reason, "by": s.by} for s in stops],
            },
        )

    @staticmethod
    def _line(line: Line) -> dict[str, Any]:
        return {
            "id": line.id,
            "title": line.title,
            "status": line.status,
            "severity": line.severity,
            "service": line.service,
            "environment": line.environment,
            "opened_at": line.opened_at,
            "next_step": line.next_step,
            "running": [{"id": number, "runbook": name, "state": state} for number, name, state in line.running],
        }

    async def history(self, service: str | None) -> Reply:
        """The newest runs (of one service) and who approved them."""
        found = await self._equipment.store.read(lambda s: overview.done_lines(s, SHOWN, service))
        lines = [
            {
                "id": line.id,
                "runbook": line.runbook,
                "service": line.service,
                "environment": line.environment,
                "outcome": line.outcome or line.state,
                "requester": self.name_of(line.requester),
                "approvers": [self.name_of(person) for person in line.approvers],
                "finished_at": line.finished_at,
            }
            for line in found
        ]
        return Reply(True, "history", {"service": service, "runs": lines})

    async def so_far(self, incident_id: str) -> Reply:
        """What has been done about one incident."""

        def read(session: Session) -> tuple[Incident | None, list[Entry]]:
            return incidents.get(session, incident_id), entries.for_incident(session, incident_id)

        incident, said = await self._equipment.store.read(read)
        if incident is None:
            return refused("unknown_incident", "No incident belongs to this place.", "Ask inside an incident's thread.")
        return Reply(True, "so_far", {"incident": incident.model_dump(mode="json"), "entries": said})

    async def list_runbooks(self) -> Reply:
        """Every runbook of the catalogue, and which of them failed and must be looked at again (R8)."""
        review = await self._to_review()
        found = sorted(self._equipment.library.runbooks.values(), key=lambda r: r.id)
        return Reply(
            True,
            "list",
            {
                "runbooks": [
                    {
                        "id": r.id,
                        "title": r.title,
                        "owner": r.owner,
                        "scopes": sorted({e for s in r.steps if s.safety for e in s.safety.scopes}),
                        "waits_for": list(r.waits_for),
                        "review": review.get(r.id, ""),
                    }
                    for r in found
                ],
                "catalogue": self._catalogue(),
            },
        )

    def _catalogue(self) -> dict[str, Any]:
        """Whether the catalogue on disk is in force: how many problems keep it out, the first, and since when the old one is."""
        library = self._equipment.library
        first = [f"{PurePath(p.file).name}:{p.line}: {p.message} Fix: {p.fix}" for p in library.problems[:1]]
        return {"problems": len(library.problems), "first": "".join(first), "since": library.since}

    async def show_runbook(self, runbook: str) -> Reply:
        """One runbook: steps, proof, undo, scopes."""
        found = self._equipment.library.get(runbook)
        if found is None:
            return refused("unknown_runbook", f"No runbook is called {runbook}.", "`/runbook list` shows all.")
        review = (await self._to_review()).get(runbook, "")
        places = self._promoted_to(found)
        shown = found.model_dump(mode="json", by_alias=True)
        return Reply(True, "show", {"runbook": shown, "review": review, "promoted": places})

    async def _to_review(self) -> dict[str, str]:
        """Runbook id -> the run of its present version that failed, in words."""
        equipment, now = self._equipment, self._equipment.clock()
        version = version_in(equipment)
        found = await equipment.store.read(lambda s: to_review(s, version, equipment.promotions, now))
        return {name: in_words(setback) for name, setback in found.items()}

    def _promoted_to(self, runbook: Runbook) -> list[str]:
        """The environments that ask for a record and have one of this very version, in words."""
        promotions = self._equipment.promotions
        promotions.refresh()
        places = [place for place in self._equipment.policy.environments if promotions.ladder.needs_record(place)]
        found = [(place, promotions.record(runbook.id, digest_of(runbook), place)) for place in places]
        return [f"{place} (by {self.name_of(record.who)}, {record.when:%Y-%m-%d})" for place, record in found if record]

    def name_of(self, person_id: str) -> str:
        """Display name of a directory id."""
        person = self._equipment.people.by_id(person_id)
        return person.name if person else person_id

    async def transcript(self, incident_id: str) -> list[Entry]:
        """The entries of one incident, oldest first."""
        return await self._equipment.store.read(lambda s: entries.for_incident(s, incident_id))
