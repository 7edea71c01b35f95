"""Closing: what is written when a step proved itself or not, and when a run ends. Every function is safe to enter twice.

Called by bot/flow.py. Ends a run in one transaction: state, lease, entries, automation event, page and resolution
together, so that nothing is half-told after a crash.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlmodel import Session

from bot.errors import Permanent
from bot.incident import Incident, IncidentStatus
from bot.stages import promoted
from bot.stages.base import Equipment
from bot.stages.execute import Attempt
from bot.stages.follow_up import ask_for_review
from bot.stages.kept import count_end
from bot.stages.paging import escalate, resolve
from bot.store import approvals, attempts, automation_events, entries, incidents, leases, runs
from bot.store.approvals import Approval
from bot.store.runs import Run
from bot.transcript import Entry, EntryKind, Outcome

UNKNOWN_ANSWER = timedelta(hours=1)
HALF_WAY = (Outcome.REFUSED, Outcome.STOPPED)  # these page only when something was changed already
NEEDS_A_PERSON = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.ROLLED_BACK)


def load(session: Session, run_id: str) -> tuple[Run, Incident]:
    """The run and its incident. Raises Permanent when either is gone."""
    run = runs.get(session, run_id)
    incident = incidents.get(session, run.incident_id) if run else None
    if run is None or incident is None:
        raise Permanent(f"run {run_id} or its incident is not in the store")
    return run, incident


def note(
    session: Session, equipment: Equipment, run: Run, incident: Incident, kind: EntryKind, data: dict[str, Any]
) -> Entry:
    """One entry of this run by the bot, now."""
    return equipment.record(
        session,
        incident,
        Entry(incident_id=incident.id, run_id=run.id, kind=kind, at=equipment.clock(), actor="bot", data=data),
    )


def _once(
    session: Session, equipment: Equipment, run: Run, incident: Incident, kind: EntryKind, data: dict[str, Any]
) -> None:
    """The same, unless a pass that was cut off after its commit has told it about this step already."""
    if not any(e.kind is kind and e.data.get("step") == data["step"] for e in entries.for_run(session, run.id)):
        note(session, equipment, run, incident, kind, data)


async def verified(equipment: Equipment, run_id: str, index: int, proof: dict[str, Any]) -> None:
    """The proof, or its absence, with the evidence."""

    def write(session: Session) -> None:
        run, incident = load(session, run_id)
        step = run.plan.steps[index]
        data = {
            "step": step.id,
            "fact": step.check.fact if step.check else "",
            "expect": step.check.expect if step.check else "",
            **proof,
        }
        _once(session, equipment, run, incident, EntryKind.VERIFIED if proof["ok"] else EntryKind.VERIFY_FAILED, data)

    await equipment.store.write(write)
    equipment.wake()


async def rolled_back(equipment: Equipment, run_id: str, index: int) -> None:
    """Every declared undo of the step was carried out."""

    def write(session: Session) -> None:
        run, incident = load(session, run_id)
        step = run.plan.steps[index]
        shown = "; ".join(act.shown for act in step.rollback)
        _once(session, equipment, run, incident, EntryKind.ROLLED_BACK, {"step": step.id, "shown": shown})

    await equipment.store.write(write)
    equipment.wake()


async def rollback_failed(equipment: Equipment, run_id: str, index: int, reason: str) -> None:
    """An undo did not work; the lease stays (trust case T60)."""

    def write(session: Session) -> None:
        run, incident = load(session, run_id)
        data = {"step": run.plan.steps[index].id, "reason": reason}
        _once(session, equipment, run, incident, EntryKind.ROLLBACK_FAILED, data)

    await equipment.store.write(write)
    equipment.wake()


async def ask_unknown(equipment: Equipment, attempt: Attempt, reason: str) -> str:
    """Put an ambiguous outcome to a person; returns the question's id, the same one after a crash."""
    return await _ask(equipment, attempt, reason, "unknown", EntryKind.UNKNOWN)


async def ask_paused(equipment: Equipment, attempt: Attempt, reason: str) -> str:
    """A rule that holds for a time stands in the way of the next step: say so, page, and ask whether to go on (X11)."""
    return await _ask(equipment, attempt, reason, "paused", EntryKind.PAUSED)


async def _ask(equipment: Equipment, attempt: Attempt, reason: str, kind: str, said: EntryKind) -> str:
    now, reason = equipment.clock(), equipment.redactor.text(reason)

    def write(session: Session) -> str:
        run, incident = load(session, attempt.run_id)
        step_id = f"{attempt.step_id(run.plan)}/{attempt.number}"
        for earlier in approvals.for_run(session, run.id):
            if earlier.kind == kind and earlier.step_id == step_id:
                return earlier.id
        question = Approval(
            id=equipment.new_id("apr"),
            run_id=run.id,
            step_id=step_id,
            kind=kind,
            digest=run.digest,
            approvers={"count": 1, "any_of": [], "all_of": []},
            requester=run.requester,
            message=reason,
            state="pending",
            created_at=now,
            expires_at=now + UNKNOWN_ANSWER,
        )
        approvals.open(session, question)
        step, shown = run.plan.steps[attempt.step], attempt.act(run.plan).shown
        data = {"step": step.id, "shown": shown, "reason": reason, "approval_id": question.id}
        note(session, equipment, run, incident, said, data)
        if kind == "paused":
            escalate(session, equipment, incident, f"the run is paused before {step.title}: {reason}", run=run)
        return question.id

    question_id = await equipment.store.write(write)
    equipment.wake()
    return question_id


async def end(
    equipment: Equipment,
    run_id: str,
    outcome: Outcome,
    reason: str,
    *,
    code: str = "",
    page: bool = False,
    keep_lease: bool = False,
) -> str:
    """Close the run. keep_lease: the target stays locked until a person releases it (engine.md, T60)."""
    now = equipment.clock()
    reason = equipment.redactor.text(reason)

    def write(session: Session) -> str:
        run, incident = load(session, run_id)
        if run.state == "closed":
            return str(run.outcome)
        runs.close(session, run_id, outcome.value, reason, now)
        for question in approvals.for_run(session, run_id):  # nobody need answer it, and nobody is left to be woken
            approvals.decide(session, question.id, "void", now)
            approvals.mark_delivered(session, question.id)
        if not keep_lease:
            leases.release(session, run_id)
        _outcome_entries(session, equipment, run, incident, outcome, reason, code)
        took = (now - (run.started_at or run.created_at)).total_seconds()
        voters = [
            vote.person
            for approval in approvals.for_run(session, run_id)
            for vote in approvals.votes(session, approval.id)
            if vote.approve
        ]
        half_way = outcome in HALF_WAY and attempts.changed_something(session, run_id)
        if page or half_way:
            text = f"the run was stopped half-way: {reason}" if half_way else reason
            escalate(session, equipment, incident, text, run=run)
        count_end(session, equipment, run, incident, outcome)
        if run.plan.break_glass:  # every use is reviewed afterwards, whatever came of it (T14)
            ask_for_review(session, equipment, run, incident, outcome)
        note(
            session,
            equipment,
            run,
            incident,
            EntryKind.FINISHED,
            {"outcome": outcome.value, "took_seconds": round(took, 3), "runbook": run.plan.runbook, "reason": reason},
        )
        automation_events.add(
            session,
            at=now,
            action=run.plan.action,
            service=run.plan.service,
            environment=run.plan.environment,
            status="requires_manual" if outcome in NEEDS_A_PERSON else outcome.value,
            run_id=run_id,
            incident_id=incident.id,
            runbook=run.plan.runbook,
            requester=run.requester,
            approvers=voters,
            duration_seconds=took,
        )
        if outcome in NEEDS_A_PERSON:
            promoted.tell(session, equipment, run, incident)
        proved = any(step.check is not None and not step.read_only for step in run.plan.steps)
        asked = incident.source not in equipment.sources  # planned work is over when its run succeeded
        if outcome is Outcome.SUCCEEDED and (proved or asked) and incident.status is not IncidentStatus.RESOLVED:
            resolve(session, equipment, incident, "bot")
        return outcome.value

    word = await equipment.store.write(write)
    equipment.wake()
    run = await equipment.store.read(lambda session: runs.get(session, run_id))
    if run is not None:
        equipment.metrics.runs.labels(run.plan.service, word).inc()
    return word


def _outcome_entries(
    session: Session, equipment: Equipment, run: Run, incident: Incident, outcome: Outcome, reason: str, code: str
) -> None:
    if outcome is Outcome.EXPIRED:
        note(session, equipment, run, incident, EntryKind.EXPIRED, {"kind": "approval", "reason": reason})
    elif outcome is Outcome.STOPPED:
        note(session, equipment, run, incident, EntryKind.STOPPED, {"by": run.stop_requested_by, "reason": reason})
    elif outcome is Outcome.REFUSED and code not in ("rejected", "void"):
        data = {
            "code": code,
            "reason": reason,
            "remedy": "Ask for the step again if it is still needed.",
            "runbook": run.plan.runbook,
        }
        note(session, equipment, run, incident, EntryKind.REFUSED, data)
