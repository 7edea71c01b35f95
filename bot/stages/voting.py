"""Voting: one click on a question, decided from stored state in one transaction (P2-P4, trust cases T01-T08, T12).

Called by bot/requests.py. Group members are looked up before the transaction. Returns the answer for the clicker, which is
also their receipt, and, when the question is decided, which run to wake.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session

from bot.incident import Incident
from bot.membership import Membership
from bot.services import Person
from bot.stages.base import Equipment
from bot.stages.closing import load
from bot.stages.permission import approvers_of, count_votes, groups_of, unavailable
from bot.stages.reply import Reply, already, done, refused
from bot.store import approvals, leases, messages, runs
from bot.store.approvals import Approval
from bot.store.runs import Run
from bot.transcript import Entry, EntryKind
from guards.decision import Deny
from guards.tally import may_vote

Answer = tuple[Reply, tuple[str, str] | None]
DOUBTS = {"unknown": ("done", "retry", "abort"), "paused": ("retry", "abort")}
DECIDED_WORDS = {
    "approved": "It was approved already.",
    "consumed": "It was approved already and the run has started.",
    "rejected": "It was declined already.",
    "expired": "It expired before anybody answered; ask for the step again.",
    "void": "It is no longer needed: the incident was resolved or the plan changed.",
}
FORGED = Deny(
    "wrong_card",
    "This click does not come from the card of this question.",
    "Use the card in the incident's thread.",
)
NOT_REQUESTER = Deny(
    "not_requester",
    "This confirmation is for the person who asked for the step.",
    "Ask for the step yourself, or let them answer.",
)


@dataclass(frozen=True, slots=True)
class Click:
    """One person's answer. channel, ts: the card that was clicked, compared with ours (T12); empty with a signed one."""

    person: Person
    approve: bool
    reason: str = ""
    channel: str = ""
    ts: str = ""
    via: str = "slack"


async def vote(equipment: Equipment, approval_id: str, click: Click) -> Answer:
    """Record one person's answer."""
    names = await equipment.store.read(partial(_groups, approval_id))
    members = await equipment.groups.resolve(names)
    now, click = equipment.clock(), replace(click, reason=equipment.redactor.text(click.reason))

    def write(session: Session) -> Answer:
        approval = approvals.get(session, approval_id)
        if approval is None or approval.kind not in ("approval", "confirmation"):
            return refused("unknown_question", "This question is not known here.", "Use the card in the thread."), None
        run, incident = load(session, approval.run_id)
        return _Ballot(session, equipment, approval, run, incident, click, members, now).count()

    answer = await equipment.store.write(write)
    equipment.wake()
    return answer


def _groups(approval_id: str, session: Session) -> tuple[str, ...]:
    approval = approvals.get(session, approval_id)
    return groups_of(approval) if approval is not None else ()


@dataclass(frozen=True, slots=True)
class _Ballot:
    """One click inside its transaction."""

    session: Session
    equipment: Equipment
    approval: Approval
    run: Run
    incident: Incident
    click: Click
    members: Membership
    now: datetime

    def count(self) -> Answer:
        approval, click = self.approval, self.click
        if self._forged():
            return self._deny(FORGED), None
        if approval.state in ("approved", "consumed") and not click.approve and self.run.state != "closed":
            return self._withdraw()
        if approval.state != "pending":
            return already(self._decided()), None
        if approval.expires_at <= self.now:
            approvals.expire(self.session, approval.id, self.now)
            return already(DECIDED_WORDS["expired"]), (self.run.id, approval.id)
        denied = self._may()
        if denied is not None:
            return self._deny(denied), None
        if not self._add(approve=click.approve):
            return already("Your answer is already recorded."), None
        self.equipment.metrics.votes.labels("approve" if click.approve else "reject").inc()
        self._entry(
            EntryKind.VOTED,
            {"person": click.person.name, "approve": click.approve, "reason": click.reason, "via": click.via},
        )
        return self._decide()

    def _decide(self) -> Answer:
        """What the votes say together now."""
        approval, person = self.approval, self.click.person
        state, missing = "approved" if self.click.approve else "rejected", ""
        if approval.kind != "confirmation" and self.click.approve:
            votes = approvals.votes(self.session, approval.id)
            counted = count_votes(approval, votes, self.members, self.equipment.people, self.now)
            if isinstance(counted, Deny):
                return done(f"Recorded. {counted.reason}"), None
            state, missing = counted.state, counted.missing
        if state == "pending":
            return done(f"Recorded. {missing}"), None
        approvals.decide(self.session, approval.id, state, self.now)
        plan, wake = self.run.plan, (self.run.id, approval.id)
        if state == "approved":
            data = {"by": self._names(), "digest": plan.short_digest, "kind": approval.kind}
            self._entry(EntryKind.APPROVED, data)
            word = "Confirmed" if approval.kind == "confirmation" else "Approved"
            what = f"plan {plan.short_digest}, {plan.runbook_title} on {plan.service} in {plan.environment}"
            return done(f"{word}: {what}. The card shows how it goes."), wake
        self._entry(EntryKind.DECLINED, {"by": person.name, "reason": self.click.reason})
        return done("Declined. Nothing will be done."), wake

    def _forged(self) -> bool:
        if self.click.via != "slack" or not self.click.channel:
            return False
        card = messages.get(self.session, f"card:{self.run.id}")
        return card is None or (card.channel, card.ts) != (self.click.channel, self.click.ts)

    def _may(self) -> Deny | None:
        """A confirmation is for the requester; an approval never is."""
        approval, person = self.approval, self.click.person
        if approval.kind == "confirmation":
            return None if person.id == approval.requester else NOT_REQUESTER
        approvers = approvers_of(approval, self.now)
        verdict = may_vote(approvers, person.id, self.members.of(person.id), approval.requester, frozenset())
        unknown = self.members.why_unknown((*approvers.any_of, *approvers.all_of))
        if isinstance(verdict, Deny):
            return unavailable(unknown) if verdict.code == "not_approver" and unknown else verdict
        # A yes that cannot be counted is not taken: nobody could give it again (T02). A no needs nobody else.
        return unavailable(unknown) if unknown and self.click.approve else None

    def _withdraw(self) -> Answer:
        """Reject wins until the first intent is written; after that it is a stop request (T06)."""
        denied = self._may()
        if denied is not None:
            return self._deny(denied), None
        person, data = self.click.person, {"by": self.click.person.name, "reason": self.click.reason}
        self._add(approve=False)
        if approvals.withdraw(self.session, self.approval.id, self.now):
            self._entry(EntryKind.DECLINED, data)
            return done("Declined before the first step; nothing will be done."), (self.run.id, self.approval.id)
        if not runs.request_stop(self.session, self.run.id, person.id):
            return already("The run is being stopped already."), None
        self._entry(EntryKind.STOPPED, data)
        return done("The run has started; no further step will start."), None

    def _add(self, *, approve: bool) -> bool:
        click = self.click
        return approvals.add_vote(
            self.session, self.approval.id, click.person.id, approve, click.reason, self.now, click.via
        )

    def _decided(self) -> str:
        word = DECIDED_WORDS.get(self.approval.state, f"It is {self.approval.state}.")
        names = self._names()
        return f"{word} Answered by {', '.join(names)}." if names else word

    def _names(self) -> list[str]:
        voted = approvals.votes(self.session, self.approval.id)
        found = [self.equipment.people.by_id(vote.person) for vote in voted]
        return [person.name for person in found if person is not None]

    def _deny(self, denial: Deny) -> Reply:
        return _refuse(self.session, self.equipment, self.run, self.incident, self.click.person, denial, self.now)

    def _entry(self, kind: EntryKind, data: dict[str, Any]) -> None:
        _write(self.session, self.equipment, self.run, self.incident, kind, self.click.person, data, self.now)


async def answer_doubt(equipment: Equipment, approval_id: str, person: Person, answer: str) -> Answer:
    """An operator says what really happened, or whether a paused run goes on. After the run closed, `abort` releases what
    it kept; any other answer comes too late.
    """
    now = equipment.clock()

    def write(session: Session) -> Answer:
        question = approvals.get(session, approval_id)
        if question is None or answer not in DOUBTS.get(question.kind, ()):
            return refused("unknown_question", "This question is not known here.", "Use the card in the thread."), None
        run, incident = load(session, question.run_id)
        allowed = equipment.policy.may_operate(frozenset(person.roles))
        mine = question.kind == "paused" and person.id == run.requester and run.state != "closed"
        if isinstance(allowed, Deny) and not mine:
            return _refuse(session, equipment, run, incident, person, allowed, now), None
        if run.state == "closed":
            return _release(session, equipment, run, incident, person, answer, now), None
        if not approvals.decide(session, question.id, answer, now):
            return already(f"It was answered already: {question.state}."), None
        data = {"answer": answer, "by": person.name, "question": question.kind}
        _write(session, equipment, run, incident, EntryKind.ANSWERED, person, data, now)
        return done("Recorded; the run goes on from your answer."), (run.id, question.id)

    result = await equipment.store.write(write)
    equipment.wake()
    return result


def _release(
    session: Session, equipment: Equipment, run: Run, incident: Incident, person: Person, answer: str, now: datetime
) -> Reply:
    """Unlock what an ended run kept, with an entry that says who did (T60)."""
    held = sorted(target for target, holder in leases.holders(session).items() if holder == run.id)
    if not held:
        return already(f"The run has ended: {run.outcome}.")
    if answer != "abort":
        return already(
            f"The run has ended ({run.outcome}) and holds {', '.join(held)}: *Give up* or `release` unlocks it."
        )
    leases.release(session, run.id)
    data = {"answer": f"released {', '.join(held)}", "by": person.name}
    _write(session, equipment, run, incident, EntryKind.ANSWERED, person, data, now)
    return done("The run has ended; its target is released.")


def _refuse(
    session: Session,
    equipment: Equipment,
    run: Run,
    incident: Incident,
    person: Person,
    denial: Deny,
    now: datetime,
) -> Reply:
    """A refused click: answered, counted and in the transcript."""
    equipment.metrics.refusals.labels(denial.code).inc()
    data = {"code": denial.code, "reason": denial.reason, "remedy": denial.remedy, "runbook": run.plan.runbook}
    _write(session, equipment, run, incident, EntryKind.REFUSED, person, data, now)
    return refused(denial.code, denial.reason, denial.remedy)


def _write(
    session: Session,
    equipment: Equipment,
    run: Run,
    incident: Incident,
    kind: EntryKind,
    person: Person,
    data: dict[str, Any],
    now: datetime,
) -> None:
    equipment.record(
        session,
        incident,
        Entry(incident_id=incident.id, run_id=run.id, kind=kind, at=now, actor=person.id, data=data),
    )
