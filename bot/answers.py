"""Answers to questions people ask in chat or on the terminal: status, history, what was done so far, which runbooks.

Base of bot/requests.py. Reads only; offers nothing that the asker may not do (C3 is checked when they do it).
"""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from bot.incident import Incident
from bot.stages.base import Equipment
from bot.stages.reply import Reply, refused
from bot.store import approvals, board, incidents, runs
from bot.transcript import Entry

SHOWN = 10


class Answers:
    """Everything that changes nothing."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment

    async def status(self, service: str | None) -> Reply:
        """Open incidents (of one service), the newest step of each, and engaged emergency stops."""
        equipment = self._equipment
        known = sorted({s.name for s in equipment.catalogue.services})
        if service is not None and service not in known:
            return refused(
                "unknown_service", f"{service} is not in the catalogue.", f"Known services: {', '.join(known)}."
            )
        found = await equipment.store.read(lambda s: incidents.open_incidents(s, SHOWN, service))
        boards = await equipment.store.read(lambda s: [board.load(s, i.id) for i in found])
        stops = await equipment.kill_switch.stops()
        return Reply(
            True,
            "status",
            {
                "service": service,
                "incidents": [self._line(b.incident, b) for b in boards if b is not None],
                "services": [
                    {"name": s.name, "environment": s.environment, "owner": s.owner, "tier": s.tier}
                    for s in equipment.catalogue.services
                    if service in (None, s.name)
                ],
                "stops": [{"level": s.level, "name": s.name, "reason": s.reason, "by": s.by} for s in stops],
            },
        )

    @staticmethod
    def _line(incident: Incident, shown: Any) -> dict[str, Any]:
        open_runs = [r for r in shown.runs if r.state != "closed"]
        proposal = shown.proposal
        return {
            "id": incident.id,
            "title": incident.title,
            "status": incident.status.value,
            "severity": incident.severity.value,
            "service": incident.service,
            "environment": incident.environment,
            "opened_at": incident.opened_at.isoformat(),
            "occurrences": incident.occurrences,
            "assignees": list(incident.assignees),
            "next_step": proposal.runbook if proposal and proposal.state == "open" else "",
            "why": proposal.why if proposal else "",
            "running": [{"id": r.id, "runbook": r.plan.runbook, "state": r.state} for r in open_runs],
        }

    async def history(self, service: str | None) -> Reply:
        """The newest runs (of one service) and who approved them."""
        found = await self._equipment.store.read(
            lambda s: [(run, _approvers(s, run.id)) for run in runs.recent(s, service, SHOWN)]
        )
        lines = [
            {
                "id": run.id,
                "runbook": run.plan.runbook,
                "service": run.plan.service,
                "environment": run.plan.environment,
                "outcome": run.outcome or run.state,
                "requester": self.name_of(run.requester),
                "approvers": [self.name_of(v) for v in voters],
                "finished_at": run.finished_at.isoformat() if run.finished_at else "",
            }
            for run, voters in found
        ]
        return Reply(True, "history", {"service": service, "runs": lines})

    async def so_far(self, incident_id: str) -> Reply:
        """What has been done about one incident."""
        shown = await self._equipment.store.read(lambda s: board.load(s, incident_id))
        if shown is None:
            return refused("unknown_incident", "No incident belongs to this place.", "Ask inside an incident's thread.")
        return Reply(
            True,
            "so_far",
            {"incident": shown.incident.model_dump(mode="json"), "entries": list(shown.entries)},
        )

    async def list_runbooks(self) -> Reply:
        """Every runbook of the catalogue."""
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
                    }
                    for r in found
                ],
                "problems": [str(p) for p in self._equipment.library.problems],
            },
        )

    async def show_runbook(self, runbook: str) -> Reply:
        """One runbook: steps, proof, undo, scopes."""
        found = self._equipment.library.get(runbook)
        if found is None:
            return refused("unknown_runbook", f"No runbook is called {runbook}.", "`/runbook list` shows all.")
        return Reply(True, "show", {"runbook": found.model_dump(mode="json", by_alias=True)})

    def name_of(self, person_id: str) -> str:
        """Display name of a directory id."""
        person = self._equipment.people.by_id(person_id)
        return person.name if person else person_id

    async def transcript(self, incident_id: str) -> list[Entry]:
        """The entries of one incident, oldest first."""
        shown = await self._equipment.store.read(lambda s: board.load(s, incident_id))
        return list(shown.entries) if shown else []


def _approvers(session: Session, run_id: str) -> list[str]:
    return [v.person for a in approvals.for_run(session, run_id) for v in approvals.votes(session, a.id) if v.approve]
