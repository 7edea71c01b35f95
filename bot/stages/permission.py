"""Permission: the approvals of a run are checked again and used up at the moment of the first intent.

Called by bot/stages/execute.py inside the transaction that writes the intent. An approval is bound to the plan digest,
single-use, unexpired, and its voters must still be in the groups that made them count (trust cases T03, T08, T09, T11).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from bot.services import People
from bot.stages.base import Equipment
from bot.store import approvals
from bot.store.approvals import Approval, Vote
from bot.store.runs import Run
from guards.decision import Approvers, Decision, Deny
from guards.tally import Tally, tally
from guards.tally import Vote as CountedVote

ASKED_BEFORE_START = ("confirmation", "approval")


def approvers_of(approval: Approval) -> Approvers:
    """The stored question's approvers as the guards' value."""
    stored = approval.approvers
    return Approvers(
        count=int(stored.get("count", 1)),
        any_of=tuple(stored.get("any_of", ())),
        all_of=tuple(stored.get("all_of", ())),
    )


def count_votes(approval: Approval, votes: Sequence[Vote], people: People) -> Tally:
    """The tally with today's group membership; people who left the directory do not count."""
    counted = [
        CountedVote(person=vote.person, approve=vote.approve, groups=people.groups_of(vote.person))
        for vote in votes
        if people.by_id(vote.person) is not None
    ]
    return tally(approvers_of(approval), counted, approval.requester)


def use_approvals(session: Session, equipment: Equipment, run: Run, decision: Decision, now: datetime) -> Deny | None:
    """Consume every question of the run, or say why it cannot start. Questions used before stay used."""
    asked = [a for a in approvals.for_run(session, run.id) if a.kind in ASKED_BEFORE_START]
    kinds = {approval.kind for approval in asked}
    for question in decision.questions:
        if question.kind not in kinds:
            return Deny("not_approved", f"Policy now asks for {question.kind} of this step.", "Ask for the step again.")
    for approval in asked:
        if approval.digest != run.plan.digest:
            return Deny("plan_changed", "The approval belongs to another plan.", "Ask again.")
        if approval.state == "consumed":
            continue
        if approval.kind == "approval":
            counted = count_votes(approval, approvals.votes(session, approval.id), equipment.people)
            if counted.state != "approved":
                return Deny("approval_void", f"The approval no longer stands: {counted.missing}.", "Ask again.")
        if not approvals.consume(session, approval.id, run.plan.digest, now):
            return Deny("expired", f"The {approval.kind} is {_word(approval, now)}.", "Ask for the step again.")
    return None


def _word(approval: Approval, now: datetime) -> str:
    return "expired" if approval.expires_at <= now else approval.state
