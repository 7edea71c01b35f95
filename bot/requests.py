"""What people may ask for: the one authorisation path of slash command, mention, button and CLI.

Called by bot/slack and bot/cli with a Person from the directory (never with typed names). Every refusal is a Reply with
a reason and what would make it possible, and is recorded. Answers come from the store, never from the card (T12).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlmodel import Session

from bot.incident import Incident, IncidentStatus, Severity
from bot.incident_requests import IncidentRequests
from bot.plan import Plan
from bot.services import Person, Service
from bot.stages import paging
from bot.stages.asking import AskOutcome, ask_for, consider
from bot.stages.base import Equipment
from bot.stages.enrich import observe, values
from bot.stages.match import choose, past_runs, step_of
from bot.stages.plan import make_plan
from bot.stages.reply import Reply, already, refused
from bot.stages.voting import answer_unknown, vote
from bot.store import incidents, proposals
from bot.transcript import EntryKind
from guards.decision import Deny
from runbooks.next_step import NextStep, NoStep

ASKED_IN_SLACK = "slack"


class Requests(IncidentRequests):
    """start: starts a run in the engine; wake: wakes a parked run (run id, topic)."""

    def __init__(
        self,
        equipment: Equipment,
        start: Callable[[str], Awaitable[None]],
        wake: Callable[[str, str], Awaitable[object]],
    ) -> None:
        super().__init__(equipment)
        self._start = start
        self._wake = wake

    async def run_step(self, proposal_id: str, person: Person) -> Reply:
        """The Run button: plan with fresh facts, ask the guards, then start or ask for approval."""
        found = await self._equipment.store.read(lambda s: proposals.get(s, proposal_id))
        if found is None:
            return refused("unknown_proposal", "This offer is not known here.", "Use the newest summary.")
        if found.state != "open":
            return already("This step was taken, skipped or replaced meanwhile; the thread shows the newest offer.")
        incident = await self._incident(found.incident_id)
        if incident is None:
            return refused("unknown_incident", "The incident is not in the store.", "Use the newest summary.")
        return await self._ask(incident, found.runbook, person, proposal_id)

    async def run_runbook(
        self, runbook: str, service: str, environment: str | None, person: Person, channel: str
    ) -> Reply:
        """`/runbook run`: the same path, for the newest open incident of that service."""
        entry = self._equipment.catalogue.named(service, environment)
        if entry is None:
            return self._unknown_service(service, environment)
        if self._equipment.library.get(runbook) is None:
            return refused("unknown_runbook", f"No runbook is called {runbook}.", "`/runbook list` shows all.")
        found = await self._equipment.store.read(lambda s: incidents.open_for_service(s, entry.name, entry.environment))
        if not found and not set(self._equipment.policy.requesters) & set(person.roles):
            return self._role_refusal()  # whoever may not ask must not open threads either
        incident = found[0] if found else await self._open_for(entry, runbook, person)
        current = await self._equipment.store.read(lambda s: proposals.current(s, incident.id))
        proposal = current.id if current and current.state == "open" and current.runbook == runbook else ""
        reply = await self._ask(incident, runbook, person, proposal)
        if not found and not reply.ok:  # planned work that may not be done is over, and its thread says so
            await self._equipment.store.write(lambda s: paging.resolve(s, self._equipment, incident, "bot"))
            self._equipment.wake()
        return reply

    async def _open_for(self, service: Service, runbook: str, person: Person) -> Incident:
        """Planned work belongs to no alert, but it has a thread and a transcript all the same."""
        now = self._equipment.clock()
        incident = Incident(
            id=self._equipment.new_id("inc"),
            source=ASKED_IN_SLACK,
            external_id=self._equipment.new_id("ask"),
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
        data = {
            "title": incident.title,
            "severity": "info",
            "service": service.name,
            "environment": service.environment,
        }

        def write(session: Session) -> None:
            incidents.save(session, incident)
            self._entry(session, incident, EntryKind.OPENED, person, data)

        await self._equipment.store.write(write)
        return incident

    async def _ask(self, incident: Incident, runbook: str, person: Person, proposal_id: str) -> Reply:
        made = await self._plan(incident, runbook, person)
        outcome: AskOutcome = await ask_for(self._equipment, incident, made, runbook, person, proposal_id)
        if outcome.run_id:
            await self._start(outcome.run_id)
        return outcome.reply

    async def _plan(self, incident: Incident, runbook_id: str, person: Person) -> Plan | Deny:
        """The plan of this runbook's next step for this incident, from facts observed now."""
        equipment = self._equipment
        service = equipment.service_of(incident)
        runbook = equipment.library.get(runbook_id)
        if service is None:
            return Deny("unknown_service", "The catalogue does not know this service.", "Add it to services.yaml.")
        if runbook is None:
            return Deny("unknown_runbook", f"No runbook is called {runbook_id}.", "`/runbook list` shows all.")
        scopes = sorted({scope for step in runbook.steps if step.safety for scope in step.safety.scopes})
        if scopes and service.environment not in scopes:
            reason = f"{runbook.title} is for {', '.join(scopes)}, not for {service.environment}."
            return Deny("wrong_environment", reason, f"Run it in {', '.join(scopes)}, or have it promoted.")
        if incident.status is IncidentStatus.RESOLVED:
            return Deny("incident_resolved", "This incident is resolved.", "Nothing needs to be done.")
        if await equipment.live_status(incident) is IncidentStatus.RESOLVED:
            return Deny("incident_resolved", "The monitor says this incident is over.", "Nothing needs to be done.")
        facts = values(await observe(equipment, service, incident))
        past = await equipment.store.read(lambda s: past_runs(s, incident.id))
        best, _ = choose(equipment, incident, facts, past)
        matches = isinstance(best, NextStep) and best.runbook.id == runbook_id
        chosen = best if matches else step_of(equipment, incident, runbook, facts, past, f"{person.name} asked for it")
        if isinstance(chosen, NoStep):
            return Deny("no_safe_step", chosen.why, "Look at the incident by hand, or choose another runbook.")
        return make_plan(
            equipment,
            incident=incident,
            service=service,
            runbook=runbook,
            steps=chosen.steps,
            given={},
            facts=facts,
            requester=person.id,
            why=chosen.why,
            created_at=equipment.clock(),
        )

    async def show_plan(self, proposal_id: str, person: Person) -> Reply:
        """The exact plan and what the guards would say to this person; nothing is started."""
        found = await self._equipment.store.read(lambda s: proposals.get(s, proposal_id))
        incident = await self._incident(found.incident_id) if found else None
        if found is None or incident is None or not found.runbook:
            return refused("unknown_proposal", "This offer is not known here.", "Use the newest summary.")
        return await self._show(incident, found.runbook, person)

    async def plan_runbook(self, runbook: str, service: str, environment: str | None, person: Person) -> Reply:
        """`/runbook plan`: for the newest open incident of that service."""
        entry = self._equipment.catalogue.named(service, environment)
        if entry is None:
            return self._unknown_service(service, environment)
        found = await self._equipment.store.read(lambda s: incidents.open_for_service(s, entry.name, entry.environment))
        if not found:
            return refused("no_incident", f"{entry.name} has no open incident.", "Plans are made for incidents.")
        return await self._show(found[0], runbook, person)

    async def _show(self, incident: Incident, runbook: str, person: Person) -> Reply:
        made = await self._plan(incident, runbook, person)
        if isinstance(made, Deny):
            return refused(made.code, made.reason, made.remedy)

        stops = await self._equipment.kill_switch.stops()
        now = self._equipment.clock()
        decisions, asks = await self._equipment.store.read(
            lambda s: consider(s, self._equipment, made, person, "", stops, now)
        )
        return Reply(
            True,
            "plan",
            {
                "plan": made.model_dump(mode="json"),
                "digest": made.short_digest,
                "decision": [
                    {
                        "rule": f.rule,
                        "verdict": type(f.verdict).__name__.lower(),
                        "reason": getattr(f.verdict, "reason", ""),
                    }
                    for d in decisions
                    for f in d.trace
                ],
                "asks": [{"kind": a.kind, "message": a.message} for a in asks],
            },
        )

    async def vote(self, approval_id: str, person: Person, approve: bool, reason: str, channel: str, ts: str) -> Reply:
        """Approve or reject; every click gets an answer (P4)."""
        reply, wake = await vote(self._equipment, approval_id, person, approve, reason, channel, ts)
        if wake:
            await self._wake(*wake)
        return reply

    async def answer_unknown(self, approval_id: str, person: Person, answer: str) -> Reply:
        """It happened / it did not, do it again / stop."""
        reply, wake = await answer_unknown(self._equipment, approval_id, person, answer)
        if wake:
            await self._wake(*wake)
        return reply
