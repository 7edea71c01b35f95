"""What people may ask about an incident and the emergency stop: skip, stop, escalate, acknowledge, resolve, kill, resume.

Base of bot/requests.py (the one authorisation path). Every act is one transaction with its transcript entry. Must not
start runs: that is bot/requests.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlmodel import Session

from bot.errors import CountersignError
from bot.incident import Incident, IncidentStatus
from bot.questions import Questions
from bot.services import Person
from bot.stages import paging
from bot.stages.correlate import cancel_open_work
from bot.stages.paging import assign_in_pagerduty, status_to_pagerduty
from bot.stages.reply import Reply, already, done, refused
from bot.store import incidents, leases, proposals, runs
from bot.telemetry import log
from bot.transcript import Entry, EntryKind
from guards.decision import Deny

MAY_RESPOND = frozenset({"responder", "approver", "operator", "admin"})


class IncidentRequests(Questions):
    """Everything about an incident that is not running a runbook."""

    async def skip_step(self, proposal_id: str, person: Person, reason: str) -> Reply:
        """Not this step: recorded; the offer is withdrawn."""
        if not MAY_RESPOND & set(person.roles):
            return self._role_refusal()

        def write(session: Session) -> Reply:
            found = proposals.get(session, proposal_id)
            incident = incidents.get(session, found.incident_id) if found else None
            if found is None or incident is None:
                return refused("unknown_proposal", "This offer is not known here.", "Use the newest summary.")
            if found.state != "open":
                return already("This step was taken, skipped or replaced meanwhile.")
            proposals.set_state(session, proposal_id, "skipped")
            self._entry(session, incident, EntryKind.SKIPPED, person, {"by": person.name, "reason": reason})
            return done("Skipped. The thread says so.")

        return await self._write(write)

    async def stop(self, run_id: str, person: Person) -> Reply:
        """No further step of this run; the present one ends by itself."""
        if not MAY_RESPOND & set(person.roles):
            return self._role_refusal()

        def write(session: Session) -> Reply:
            run = runs.get(session, run_id)
            incident = incidents.get(session, run.incident_id) if run else None
            if run is None or incident is None:
                return refused("unknown_run", "This run is not known here.", "Use the newest card.")
            if run.state == "closed":
                return already(f"The run has ended: {run.outcome}.")
            runs.request_stop(session, run_id, person.id)
            data = {"by": person.name, "reason": "asked to stop; no further step will start"}
            self._entry(session, incident, EntryKind.STOPPED, person, data, run_id)
            return done("Stopping: no further step will start.")

        return await self._write(write)

    async def escalate(self, incident_id: str, person: Person, reason: str) -> Reply:
        """Page people now."""
        if not MAY_RESPOND & set(person.roles):
            return self._role_refusal()

        def write(session: Session, incident: Incident) -> Reply:
            text = reason or f"{person.name} asked for help"
            paging.escalate(session, self._equipment, incident, text, actor=person.id)
            return done("Escalated: people are being paged.")

        return await self._write_about(incident_id, write)

    async def acknowledge(self, incident_id: str, person: Person) -> Reply:
        """Acknowledge here and in PagerDuty."""
        return await self._move(incident_id, person, IncidentStatus.ACKNOWLEDGED)

    async def resolve(self, incident_id: str, person: Person) -> Reply:
        """Resolve here and in PagerDuty."""
        return await self._move(incident_id, person, IncidentStatus.RESOLVED)

    async def _move(self, incident_id: str, person: Person, status: IncidentStatus) -> Reply:
        if not MAY_RESPOND & set(person.roles):
            return self._role_refusal()

        def write(session: Session, incident: Incident) -> Reply:
            if incident.status in (status, IncidentStatus.RESOLVED):
                return already(f"The incident is {incident.status.value}.")
            if status is IncidentStatus.RESOLVED:
                paging.resolve(session, self._equipment, incident, person.name)
                cancel_open_work(session, self._equipment, incident, [])  # the reconciler wakes the runs that wait
            else:
                now = self._equipment.clock()
                moved = incident.model_copy(update={"status": status, "updated_at": now})
                incidents.save(session, moved)
                self._entry(
                    session, moved, EntryKind.ACKNOWLEDGED, person, {"by": person.name, "via": "slack", "assignees": []}
                )
                if self._equipment.pagerduty and incident.source == "pagerduty":
                    status_to_pagerduty(session, moved, status, now)
            return done(f"The incident is {status.value}.")

        return await self._write_about(incident_id, write)

    async def reassign(self, incident_id: str, person: Person, name: str) -> Reply:
        """Give it to somebody of the directory (`me`, an id or a first name), here and in PagerDuty."""
        if not MAY_RESPOND & set(person.roles):
            return self._role_refusal()
        found = [person] if name == "me" else self._equipment.people.called(name)
        if len(found) != 1 or not found[0].pagerduty:
            why = "is not in people.yaml with a PagerDuty id" if len(found) < 2 else "is the name of several people"
            return refused("unknown_person", f"{name} {why}.", "Use an id of people.yaml that has `pagerduty`.")
        assignee = found[0]

        def write(session: Session, incident: Incident) -> Reply:
            if incident.status is IncidentStatus.RESOLVED:
                return already("The incident is resolved.")
            moved = incident.model_copy(update={"assignees": (assignee.name,)})
            incidents.save(session, moved)
            data = {"by": person.name, "via": "slack", "assignees": [assignee.name]}
            self._entry(session, moved, EntryKind.REASSIGNED, person, data)
            if self._equipment.pagerduty and incident.source == "pagerduty":
                assign_in_pagerduty(session, moved, [assignee.pagerduty], self._equipment.clock())
            return done(f"The incident is now {assignee.name}'s.")

        return await self._write_about(incident_id, write)

    async def release(self, run_id: str, person: Person, reason: str) -> Reply:
        """Unlock the targets that an ended run kept because its outcome was unknown or its rollback failed (T60)."""
        allowed = self._equipment.policy.may_operate(frozenset(person.roles))
        if isinstance(allowed, Deny):
            return refused(allowed.code, allowed.reason, allowed.remedy)
        if not reason.strip():
            return refused("reason_missing", "Releasing a target needs a reason.", "Say what you looked at.")

        def write(session: Session) -> Reply:
            run = runs.get(session, run_id)
            incident = incidents.get(session, run.incident_id) if run else None
            if run is None or incident is None:
                return refused("unknown_run", "This run is not known here.", "`history` shows the ids of runs.")
            if run.state != "closed":
                return refused("run_under_way", "The run has not ended.", "Stop it first, or answer its question.")
            held = [target for target, holder in leases.holders(session).items() if holder == run_id]
            if not held:
                return already("This run holds nothing any more.")
            leases.release(session, run_id)
            data = {"answer": f"released {', '.join(held)}: {reason}", "by": person.name}
            self._entry(session, incident, EntryKind.ANSWERED, person, data, run_id)
            return done(f"Released: {', '.join(held)}.")

        return await self._write(write)

    async def kill(self, level: str, name: str, reason: str, person: Person) -> Reply:
        """Engage the kill switch; anyone who may respond may stop things."""
        if not MAY_RESPOND & set(person.roles):
            return self._role_refusal()
        reason = self._equipment.redactor.text(reason)
        await self._equipment.kill_switch.engage(level, name, reason, person.id)
        try:
            await self._about_switch(EntryKind.KILLED, level, name, reason, person)
        except CountersignError as error:  # it is engaged, and whoever pressed it must hear so
            log().error("the emergency stop is engaged, but the threads were not told", error=str(error))
        engaged = f"Emergency stop engaged for {name or level}: no new step starts. Lift it with `/runbook resume`."
        return done(f"{engaged} {self._doubt(level, name)}".strip())

    def _doubt(self, level: str, name: str) -> str:
        """What to say of a stop that names nothing of ours: a typing mistake must not pass for a stop (T55)."""
        equipment = self._equipment
        known: dict[str, Collection[str]] = {
            "environment": equipment.policy.environments,
            "service": [service.name for service in equipment.catalogue.services],
            "action": equipment.operations,
        }
        wanted = name.strip().casefold()
        if level not in known or any(wanted == each.casefold() for each in known[level]):
            return ""
        return f"But no {level} here is called {name}, so it may stop nothing: `/runbook kill all` stops everything."

    async def resume(self, level: str, name: str, reason: str, person: Person) -> Reply:
        """Lift it: an operator with a reason (safety rule 12, G10)."""
        allowed = self._equipment.policy.may_operate(frozenset(person.roles))
        if isinstance(allowed, Deny):
            return refused(allowed.code, allowed.reason, allowed.remedy)
        if not reason.strip():
            return refused("reason_missing", "Lifting the emergency stop needs a reason.", "Add it after the level.")
        reason = self._equipment.redactor.text(reason)
        if not await self._equipment.kill_switch.lift(level, name, reason, person.id):
            return already("No such emergency stop is engaged.")
        await self._about_switch(EntryKind.RESUMED, level, name, reason, person)
        return done(f"Emergency stop lifted for {name or level}.")

    async def _about_switch(self, kind: EntryKind, level: str, name: str, reason: str, person: Person) -> None:
        data = {"level": level, "name": name, "reason": reason}

        def write(session: Session) -> None:
            for incident in incidents.open_incidents(session):
                self._entry(session, incident, kind, person, data)

        await self._equipment.store.write(write)
        self._equipment.wake()

    def _entry(
        self,
        session: Session,
        incident: Incident,
        kind: EntryKind,
        person: Person,
        data: dict[str, Any],
        run_id: str = "",
    ) -> None:
        at = self._equipment.clock()
        self._equipment.record(
            session,
            incident,
            Entry(incident_id=incident.id, run_id=run_id, kind=kind, at=at, actor=person.id, data=data),
        )

    async def _write_about(self, incident_id: str, work: Callable[[Session, Incident], Reply]) -> Reply:
        """One transaction about an incident as it is stored now, or the refusal that there is none."""

        def write(session: Session) -> Reply:
            incident = incidents.get(session, incident_id)
            if incident is None:
                return refused("unknown_incident", "This incident is not known here.", "Use the newest summary.")
            return work(session, incident)

        return await self._write(write)

    async def _write(self, work: Callable[[Session], Reply]) -> Reply:
        reply = await self._equipment.store.write(work)
        self._equipment.wake()
        return reply

    def _unknown_service(self, service: str, environment: str | None) -> Reply:
        several = [s.environment for s in self._equipment.catalogue.services if s.name == service]
        if several and environment is None:
            return refused(
                "which_environment",
                f"{service} runs in {', '.join(several)}.",
                f"Say which: `in {several[0]}`.",
            )
        return refused(
            "unknown_service",
            f"{service}{f' in {environment}' if environment else ''} is not in the catalogue.",
            "Add it to services.yaml with name, environment, owner, tier and targets.",
        )

    @staticmethod
    def _role_refusal() -> Reply:
        return refused("wrong_role", "Your roles do not allow this.", "Ask for the responder role in people.yaml.")
