"""Permission: the approvals of a run are checked again and used up at the moment of the first intent.

Called by bot/stages/execute.py inside the transaction that writes the intent. An approval is bound to the plan digest,
single-use, unexpired, and its voters must still be in the groups that made them count (trust cases T03, T08, T09, T11).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from bot.errors import Permanent
from bot.membership import Membership
from bot.services import People
from bot.store import approvals
from bot.store.approvals import Approval, Vote
from bot.store.runs import Run
from guards.decision import Approvers, Decision, Deny
from guards.policy import Policy
from guards.tally import Tally, tally
from guards.tally import Vote as CountedVote

CLOCK_JUMPED = Deny(
    "clock_jumped",
    "The clock of this machine was turned by more than 30 seconds, so nobody can tell how old the approval is.",
    "Ask for the step again in five minutes.",
)
ASKED_BEFORE_START = ("confirmation", "approval")


def approvers_of(approval: Approval, now: datetime) -> Approvers:
    """Who may answer at this moment: the question's groups, and those that it was widened to when nobody answered."""
    stored = approval.approvers
    widened = approval.widen_to if approval.widen_at is not None and approval.widen_at <= now else ()
    earlier = [group for at, groups in chain_of(approval) if at <= now for group in groups]
    return Approvers(
        count=int(stored.get("count", 1)),
        any_of=tuple(dict.fromkeys((*stored.get("any_of", ()), *earlier, *widened))),
        all_of=tuple(stored.get("all_of", ())),
    )


def chain_of(approval: Approval) -> list[tuple[datetime, list[str]]]:
    """The groups that an unanswered question is opened to, each with its time, the earliest first."""
    return [(datetime.fromisoformat(each["at"]), list(each["to"])) for each in approval.approvers.get("chain", ())]


def groups_of(approval: Approval) -> tuple[str, ...]:
    """Every group whose members may matter to this question, now or later."""
    stored = approval.approvers
    later = [group for _, groups in chain_of(approval) for group in groups]
    return tuple(dict.fromkeys((*stored.get("any_of", ()), *stored.get("all_of", ()), *approval.widen_to, *later)))


def groups_asked(run_id: str, session: Session) -> tuple[str, ...]:
    """Every group that the questions of a run name; to be looked up before the transaction that counts votes."""
    asked = [groups_of(approval) for approval in approvals.for_run(session, run_id)]
    return tuple(dict.fromkeys(name for names in asked for name in names))


def count_votes(
    approval: Approval, votes: Sequence[Vote], members: Membership, people: People, now: datetime
) -> Tally | Deny:
    """The tally with the groups as they are now; people who left the directory do not count.

    A Deny `authz_unavailable` when a group that matters could not be looked up: fail closed (T02).
    """
    approvers = approvers_of(approval, now)
    unknown = members.why_unknown((*approvers.any_of, *approvers.all_of))
    if unknown:
        return unavailable(unknown)
    counted = [
        CountedVote(person=vote.person, approve=vote.approve, groups=members.of(vote.person))
        for vote in votes
        if people.by_id(vote.person) is not None
    ]
    return tally(approvers, counted, approval.requester)


def asks_for_approval(policy: Policy, environment: str) -> bool:
    """Whether policy asks for approvals there: then no confirmation is used either after the clock was turned (T65)."""
    return any(policy.word(environment, risk) == "approve" for risk in ("safe", "caution"))


def unavailable(why: str) -> Deny:
    """Nobody can be let through on a guess."""
    return Deny(
        "authz_unavailable",
        f"It cannot be looked up who may approve this ({why}).",
        "Try again in a moment; `runbookctl doctor` says what is wrong.",
    )


def use_approvals(
    session: Session,
    run: Run,
    decision: Decision,
    members: Membership,
    people: People,
    now: datetime,
    *,
    jumped: bool = False,
    confirmations_too: bool = True,
) -> Deny | None:
    """Consume every question of the run, or none of them and say why it cannot start. Questions used before stay used.

    jumped: the clock was turned just now, so that nobody knows how old an approval is (T65); confirmations_too: nor how
    old a confirmation is.
    """
    asked = [a for a in approvals.for_run(session, run.id) if a.kind in ASKED_BEFORE_START]
    kinds = {approval.kind for approval in asked}
    for question in decision.questions:
        if question.kind not in kinds:
            return Deny("not_approved", f"Policy now asks for {question.kind} of this step.", "Ask for the step again.")
        if question.approvers and not any(_as_strict(approval, question.approvers) for approval in asked):
            return Deny("not_approved", "Policy now asks other people about this step.", "Ask for the step again.")
    for approval in asked:
        if approval.digest != run.plan.digest:
            return Deny("plan_changed", "The approval belongs to another plan.", "Ask again.")
        if approval.state == "consumed":
            continue
        if jumped and (confirmations_too or approval.kind == "approval"):
            return CLOCK_JUMPED
        if approval.kind == "approval":
            counted = count_votes(approval, approvals.votes(session, approval.id), members, people, now)
            if isinstance(counted, Deny):
                return counted
            if counted.state != "approved":
                return Deny("approval_void", f"The approval no longer stands: {counted.missing}.", "Ask again.")
        if approval.state != "approved" or approval.expires_at <= now:
            return Deny("expired", f"The {approval.kind} is {_word(approval, now)}.", "Ask for the step again.")
    for approval in asked:  # only when all of them stand: a refusal is committed too, and must use up none (T11)
        if approval.state != "consumed" and not approvals.consume(session, approval.id, run.plan.digest, now):
            raise Permanent(f"{approval.kind} {approval.id} changed inside the transaction that uses it")
    return None


def _as_strict(asked: Approval, now: Approvers) -> bool:
    """Whether the people who were asked are at least those that policy asks for at this moment.

    One single group beside the others was asked as one that must be represented (bot/stages/gate.py `questions`).
    """
    before = approvers_of(asked, asked.created_at)
    narrower = not now.any_of or (bool(before.any_of) and set(before.any_of) <= set(now.any_of))
    narrower = narrower or (len(now.any_of) == 1 and now.any_of[0] in before.all_of)
    return asked.kind == "approval" and before.count >= now.count and narrower and set(before.all_of) >= set(now.all_of)


def _word(approval: Approval, now: datetime) -> str:
    return "expired" if approval.expires_at <= now else approval.state
