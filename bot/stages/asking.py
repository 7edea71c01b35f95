"""Asking: a finished plan meets the guards; it is refused, or it becomes a run with the questions people must answer.

Called by bot/requests.py. One transaction writes run, questions, entries and outbox rows together; the engine is started
after the commit, and a run that was committed but not started is started by the reconciler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

import guards
from bot.incident import Incident, IncidentStatus
from bot.plan import Plan
from bot.services import Person
from bot.stages.base import Equipment
from bot.stages.gate import decide_step, questions, snapshot
from bot.stages.paging import status_to_pagerduty
from bot.stages.reply import Reply, already, done, refused
from bot.store import approvals, automation_events, incidents, proposals, runs
from bot.store.approvals import Approval
from bot.store.runs import Run
from bot.transcript import Entry, EntryKind
from guards.decision import Deny


@dataclass(frozen=True, slots=True)
class AskOutcome:
    """run_id is empty when nothing was started."""

    reply: Reply
    run_id: str = ""


def consider(
    session: Session,
    equipment: Equipment,
    plan: Plan,
    person: Person | None,
    run_id: str,
    stops: Sequence[guards.Stop],
    now: datetime,
) -> tuple[tuple[guards.Decision, ...], tuple[guards.Ask, ...]]:
    """The guards' decision for every step of the plan, and what must be asked for all of it."""
    decisions = tuple(
        decide_step(equipment, plan, step, snapshot(session, equipment, plan, step, person, run_id, stops, now))
        for step in plan.steps
    )
    return decisions, questions(equipment, plan, decisions)


async def ask_for(
    equipment: Equipment, incident: Incident, made: Plan | Deny, runbook: str, person: Person, proposal_id: str
) -> AskOutcome:
    """Refuse with a record, or open the run."""
    if isinstance(made, Deny):
        return AskOutcome(await _refuse(equipment, incident, made, runbook, person))
    stops = await equipment.kill_switch.stops()
    now = equipment.clock()

    def write(session: Session) -> AskOutcome | Deny:
        fresh = incidents.get(session, incident.id) or incident  # planning took a while, and it may have moved (T23)
        if fresh.status is IncidentStatus.RESOLVED:
            return Deny("incident_resolved", "This incident is resolved.", "Nothing needs to be done.")
        decisions, asks = consider(session, equipment, made, person, "", stops, now)
        denials = [denial for decision in decisions for denial in decision.denials]
        if denials:
            return denials[0]
        unfinished = [r for r in runs.for_incident(session, incident.id) if r.state != "closed"]
        if unfinished:
            return AskOutcome(already("A run of this incident is already under way; its card is in the thread."))
        if proposal_id and not proposals.take(session, proposal_id):
            return AskOutcome(already("Somebody else was faster; the card is in the thread."))
        return _open(session, equipment, fresh, made, asks, person, proposal_id, now)

    outcome = await equipment.store.write(write)
    equipment.wake()
    if isinstance(outcome, Deny):
        return AskOutcome(await _refuse(equipment, incident, outcome, runbook, person))
    return outcome


def _open(
    session: Session,
    equipment: Equipment,
    incident: Incident,
    plan: Plan,
    asks: Sequence[guards.Ask],
    person: Person,
    proposal_id: str,
    now: datetime,
) -> AskOutcome:
    run_id = equipment.new_id("run")
    runs.create(
        session,
        Run(
            id=run_id,
            incident_id=incident.id,
            proposal_id=proposal_id,
            plan=plan,
            digest=plan.digest,
            state="waiting",
            outcome="",
            requester=person.id,
            created_at=now,
            started_at=None,
            finished_at=None,
            stop_requested_by="",
            note="",
        ),
    )
    if incident.status is IncidentStatus.TRIGGERED:
        incident = incident.model_copy(update={"status": IncidentStatus.ACKNOWLEDGED, "updated_at": now})
        incidents.save(session, incident)
        _write(
            session, equipment, incident, EntryKind.ACKNOWLEDGED, person.id, now, {"by": person.name, "via": "slack"}
        )
        if equipment.pagerduty and incident.source == "pagerduty":
            status_to_pagerduty(session, incident, IncidentStatus.ACKNOWLEDGED, now)
    data: dict[str, Any] = {
        "runbook": plan.runbook,
        "digest": plan.short_digest,
        "requester": person.name,
        "steps": [step.act.shown for step in plan.steps],
    }
    _write(session, equipment, incident, EntryKind.REQUESTED, person.id, now, data, run_id)
    for question in asks:
        approval = _approval(equipment, run_id, plan, question, person, now)
        approvals.open(session, approval)
        approvers = question.approvers
        data = {
            "kind": question.kind,
            "message": question.message,
            "digest": plan.short_digest,
            "needed": approvers.count if approvers else 1,
            "groups": [*approvers.any_of, *approvers.all_of] if approvers else [],
            "expires_at": approval.expires_at.isoformat(),
            "approval_id": approval.id,
        }
        _write(session, equipment, incident, EntryKind.ASKED, "bot", now, data, run_id)
    kinds = {question.kind for question in asks}
    if {"confirmation", "approval"} <= kinds:
        text = "Two questions: the card in the thread waits for your confirmation, then for somebody else's approval."
    elif "approval" in kinds:
        text = "Asked for approval: the card in the thread waits for somebody else than you."
    elif kinds:
        text = "One question first: the card in the thread waits for your confirmation."
    else:
        text = "Started; the card in the thread shows how it goes."
    return AskOutcome(done(text), run_id)


def _approval(
    equipment: Equipment, run_id: str, plan: Plan, question: guards.Ask, person: Person, now: datetime
) -> Approval:
    approvers = question.approvers
    ends = min(now + timedelta(seconds=question.timeout_seconds), plan.expires_at)
    return Approval(
        id=equipment.new_id("apr"),
        run_id=run_id,
        step_id="",
        kind=question.kind,
        digest=plan.digest,
        approvers={
            "count": approvers.count if approvers else 1,
            "any_of": list(approvers.any_of) if approvers else [],
            "all_of": list(approvers.all_of) if approvers else [],
        },
        requester=person.id,
        message=question.message,
        state="pending",
        created_at=now,
        expires_at=ends,
        decided_at=None,
        delivered=False,
    )


def _write(
    session: Session,
    equipment: Equipment,
    incident: Incident,
    kind: EntryKind,
    actor: str,
    now: datetime,
    data: dict[str, Any],
    run_id: str = "",
) -> None:
    equipment.record(
        session,
        incident,
        Entry(incident_id=incident.id, run_id=run_id, kind=kind, at=now, actor=actor, data=data),
    )


async def _refuse(equipment: Equipment, incident: Incident, denial: Deny, runbook: str, person: Person) -> Reply:
    """A refusal has no side effect, one audited entry with its reason code, and an answer (trust 1.5)."""
    now = equipment.clock()
    equipment.metrics.refusals.labels(denial.code).inc()

    def write(session: Session) -> None:
        data = {"code": denial.code, "reason": denial.reason, "remedy": denial.remedy, "runbook": runbook}
        _write(session, equipment, incident, EntryKind.REFUSED, person.id, now, data)
        automation_events.add(
            session,
            at=now,
            action=runbook,
            service=incident.service,
            environment=incident.environment,
            status="refused",
            run_id="",
            incident_id=incident.id,
            runbook=runbook,
            requester=person.id,
            approvers=[],
            duration_seconds=0.0,
        )

    await equipment.store.write(write)
    equipment.wake()
    return refused(denial.code, denial.reason, denial.remedy)
