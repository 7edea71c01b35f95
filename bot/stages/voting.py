"""Voting: one click on a question, decided from stored state in one transaction (P2-P4, trust cases T01-T08, T12).

Called by bot/requests.py. Returns the answer for the clicker and, when the question is decided, which run to wake.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session

from bot.incident import Incident
from bot.services import Person
from bot.stages.base import Equipment
from bot.stages.closing import load
from bot.stages.permission import approvers_of, count_votes
from bot.stages.reply import Reply, already, done, refused
from bot.store import approvals, leases, messages, runs
from bot.store.approvals import Approval
from bot.store.runs import Run
from bot.transcript import Entry, EntryKind
from guards.decision import Deny
from guards.tally import may_vote

Answer = tuple[Reply, tuple[str, str] | None]
UNKNOWN_ANSWERS = ("done", "retry", "abort")
DECIDED_WORDS = {
    "approved": "It was approved already.",
    "consumed": "It was approved already and the run has started.",
    "rejected": "It was declined already.",
    "expired": "It expired before anybody answered; ask for the step again.",
    "void": "It is no longer needed: the incident was resolved or the plan changed.",
}


async def vote(
    equipment: Equipment, approval_id: str, person: Person, approve: bool, reason: str, channel: str, ts: str
) -> Answer:
    """Record one person's answer. channel, ts: the card that was clicked, compared with ours (T12); empty from the CLI."""
    now = equipment.clock()
    answer = await equipment.store.write(
        lambda session: _vote(session, equipment, approval_id, person, approve, reason, channel, ts, now)
    )
    equipment.wake()
    return answer


def _vote(
    session: Session,
    equipment: Equipment,
    approval_id: str,
    person: Person,
    approve: bool,
    reason: str,
    channel: str,
    ts: str,
    now: datetime,
) -> Answer:
    approval = approvals.get(session, approval_id)
    if approval is None or approval.kind not in ("approval", "confirmation"):
        return refused("unknown_question", "This question is not known here.", "Use the card in the thread."), None
    run, incident = load(session, approval.run_id)
    card = messages.get(session, f"card:{run.id}")
    if channel and (card is None or (card.channel, card.ts) != (channel, ts)):
        return _deny(session, equipment, run, incident, person, now, *FORGED), None
    if approval.state in ("approved", "consumed") and not approve and run.state != "closed":
        return _withdraw(session, equipment, approval, run, incident, person, reason, now)
    if approval.state != "pending":
        return already(_decided(session, equipment, approval)), None
    if approval.expires_at <= now:
        approvals.expire(session, approval.id, now)
        return already(DECIDED_WORDS["expired"]), (run.id, approval.id)
    denied = _may(equipment, approval, person)
    if denied is not None:
        return _deny(session, equipment, run, incident, person, now, denied.code, denied.reason, denied.remedy), None
    if not approvals.add_vote(session, approval.id, person.id, approve, reason, now):
        return already("Your answer is already recorded."), None
    equipment.metrics.votes.labels("approve" if approve else "reject").inc()
    data = {"person": person.name, "approve": approve, "reason": reason}
    _entry(session, equipment, run, incident, EntryKind.VOTED, person, now, data)
    state, missing = _state(session, equipment, approval, approve)
    if state == "pending":
        return done(f"Recorded. Still needed: {missing}."), None
    approvals.decide(session, approval.id, state, now)
    names = _names(session, equipment, approval)
    if state == "approved":
        data = {"by": names, "digest": run.plan.short_digest, "kind": approval.kind}
        _entry(session, equipment, run, incident, EntryKind.APPROVED, person, now, data)
        word = "Confirmed" if approval.kind == "confirmation" else "Approved"
        return done(f"{word}. The card shows how it goes."), (run.id, approval.id)
    _entry(session, equipment, run, incident, EntryKind.DECLINED, person, now, {"by": person.name, "reason": reason})
    return done("Declined. Nothing will be done."), (run.id, approval.id)


FORGED = (
    "wrong_card",
    "This click does not come from the card of this question.",
    "Use the card in the incident's thread.",
)


def _may(equipment: Equipment, approval: Approval, person: Person) -> Deny | None:
    """A confirmation is for the requester; an approval never is."""
    if approval.kind == "confirmation":
        if person.id != approval.requester:
            return Deny(
                "not_requester",
                "This confirmation is for the person who asked for the step.",
                "Ask for the step yourself, or let them answer.",
            )
        return None
    verdict = may_vote(
        approvers_of(approval), person.id, equipment.people.groups_of(person.id), approval.requester, frozenset()
    )
    return verdict if isinstance(verdict, Deny) else None


def _state(session: Session, equipment: Equipment, approval: Approval, approve: bool) -> tuple[str, str]:
    if approval.kind == "confirmation":
        return ("approved" if approve else "rejected"), ""
    counted = count_votes(approval, approvals.votes(session, approval.id), equipment.people)
    return counted.state, counted.missing


def _withdraw(
    session: Session,
    equipment: Equipment,
    approval: Approval,
    run: Run,
    incident: Incident,
    person: Person,
    reason: str,
    now: datetime,
) -> Answer:
    """Reject wins until the first intent is written; after that it is a stop request (T06)."""
    denied = _may(equipment, approval, person)
    if denied is not None:
        return _deny(session, equipment, run, incident, person, now, denied.code, denied.reason, denied.remedy), None
    approvals.add_vote(session, approval.id, person.id, False, reason, now)
    if approvals.withdraw(session, approval.id, now):
        data = {"by": person.name, "reason": reason}
        _entry(session, equipment, run, incident, EntryKind.DECLINED, person, now, data)
        return done("Declined before the first step; nothing will be done."), (run.id, approval.id)
    if not runs.request_stop(session, run.id, person.id):
        return already("The run is being stopped already."), None
    data = {"by": person.name, "reason": reason}
    _entry(session, equipment, run, incident, EntryKind.STOPPED, person, now, data)
    return done("The run has started; no further step will start."), None


def _decided(session: Session, equipment: Equipment, approval: Approval) -> str:
    word = DECIDED_WORDS.get(approval.state, f"It is {approval.state}.")
    names = _names(session, equipment, approval)
    return f"{word} Answered by {', '.join(names)}." if names else word


def _names(session: Session, equipment: Equipment, approval: Approval) -> list[str]:
    found = [equipment.people.by_id(v.person) for v in approvals.votes(session, approval.id)]
    return [person.name for person in found if person is not None]


async def answer_unknown(equipment: Equipment, approval_id: str, person: Person, answer: str) -> Answer:
    """An operator (or responder) says what really happened. After the run closed, `abort` releases the target."""
    now = equipment.clock()

    def write(session: Session) -> Answer:
        question = approvals.get(session, approval_id)
        if question is None or question.kind != "unknown" or answer not in UNKNOWN_ANSWERS:
            return refused("unknown_question", "This question is not known here.", "Use the card in the thread."), None
        run, incident = load(session, question.run_id)
        allowed = equipment.policy.may_operate(frozenset(person.roles))
        if isinstance(allowed, Deny):
            parts = (allowed.code, allowed.reason, allowed.remedy)
            return _deny(session, equipment, run, incident, person, now, *parts), None
        if run.state == "closed":
            leases.release(session, run.id)
            return done("The run has ended; its target is released."), None
        if not approvals.decide(session, question.id, answer, now):
            return already(f"It was answered already: {question.state}."), None
        data = {"answer": answer, "by": person.name}
        _entry(session, equipment, run, incident, EntryKind.ANSWERED, person, now, data)
        return done("Recorded; the run goes on from your answer."), (run.id, question.id)

    result = await equipment.store.write(write)
    equipment.wake()
    return result


def _deny(
    session: Session,
    equipment: Equipment,
    run: Run,
    incident: Incident,
    person: Person,
    now: datetime,
    code: str,
    reason: str,
    remedy: str,
) -> Reply:
    """A refused click: answered, counted and in the transcript."""
    equipment.metrics.refusals.labels(code).inc()
    data = {"code": code, "reason": reason, "remedy": remedy, "runbook": run.plan.runbook}
    _entry(session, equipment, run, incident, EntryKind.REFUSED, person, now, data)
    return refused(code, reason, remedy)


def _entry(
    session: Session,
    equipment: Equipment,
    run: Run,
    incident: Incident,
    kind: EntryKind,
    person: Person,
    now: datetime,
    data: dict[str, Any],
) -> None:
    equipment.record(
        session,
        incident,
        Entry(incident_id=incident.id, run_id=run.id, kind=kind, at=now, actor=person.id, data=data),
    )
