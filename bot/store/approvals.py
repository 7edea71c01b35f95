"""Approvals and votes: the question put to people about one plan digest, and each person's answer.

Written by bot/requests.py (votes, decisions) and bot/flow.py (open, expire, consume). Every change of state is one
compare-and-set, so two clicks, two people or a click against the timeout give one answer (T04, T05, T11).
Must not know who is allowed to vote: bot/requests.py checks that before.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Select, Text, and_, bindparam, or_, select, update
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import JsonText, UtcText, changed, insert_new, run, table
from bot.store.statement import Statement

KINDS = ("approval", "confirmation", "unknown", "paused")
# What a pending question of each kind may become through `decide`. Only a person's yes needs to be in time.
DECISIONS = {
    "approved": ("approval", "confirmation"),
    "rejected": ("approval", "confirmation"),
    "done": ("unknown",),
    "retry": ("unknown", "paused"),
    "abort": ("unknown", "paused"),
    "expired": KINDS,
    "void": KINDS,
}
IN_TIME = frozenset({"approved", "done", "retry"})


@dataclass(frozen=True, slots=True)
class Approval:
    """One question. kind: approval, confirmation, unknown (what became of an act) or paused (go on?).

    approvers: `{"count": int, "any_of": [group], "all_of": [group], "chain"?: [{"at": time, "to": [group]}]}`; chain: the
    groups that may answer as well from each time on, the earliest first. widen_to: the groups of the chain that the
    thread is told about next, at widen_at; widened_at: it was told about the last. remind_at, reminded_at: the same for the reminder.
    state: pending, approved, rejected, expired, void, consumed, done, retry or abort. delivered: the waiting run was woken.
    """

    id: str
    run_id: str
    step_id: str
    kind: str
    digest: str
    approvers: dict[str, Any]
    requester: str
    message: str
    state: str
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None
    delivered: bool = False
    widen_to: list[str] = field(default_factory=list)
    widen_at: datetime | None = None
    widened_at: datetime | None = None
    remind_at: datetime | None = None
    reminded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's answer. reason: empty when none was given. via: `slack` or `key` (signed, mission P5)."""

    person: str
    approve: bool
    reason: str
    at: datetime
    via: str = "slack"


class ApprovalRow(SQLModel, table=True):
    """One row per question; never deleted."""

    __tablename__ = "approval"
    __table_args__ = (
        Index("ix_approval_run", "run_id", "created_at"),
        Index("ix_approval_state", "state", "delivered"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    run_id: str = Field(sa_type=Text)
    step_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    approvers: dict[str, Any] = Field(sa_type=JsonText)
    requester: str = Field(sa_type=Text)
    message: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcText)
    expires_at: datetime = Field(sa_type=UtcText)
    decided_at: datetime | None = Field(sa_type=UtcText, nullable=True)
    delivered: bool
    widen_to: list[str] = Field(sa_type=JsonText)
    widen_at: datetime | None = Field(sa_type=UtcText, nullable=True)
    widened_at: datetime | None = Field(sa_type=UtcText, nullable=True)
    remind_at: datetime | None = Field(sa_type=UtcText, nullable=True)
    reminded_at: datetime | None = Field(sa_type=UtcText, nullable=True)


class VoteRow(SQLModel, table=True):
    """The primary key makes a person's second answer impossible (T04)."""

    __tablename__ = "vote"

    approval_id: str = Field(primary_key=True, foreign_key="approval.id", sa_type=Text)
    person: str = Field(primary_key=True, sa_type=Text)
    approve: bool
    reason: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcText)
    via: str = Field(sa_type=Text)


APPROVAL = table(ApprovalRow)
VOTE = table(VoteRow)
C = APPROVAL.c
NAMES = [column.name for column in C]
OF_RUN = Statement(select(APPROVAL).where(C.run_id == bindparam("wanted")).order_by(C.created_at, C.id))


def open(session: Session, approval: Approval) -> bool:  # noqa: A001  reason: the contract's word; called as approvals.open
    """Store the question; False when its id exists (a recovered run asks again). Raises ValueError for a bad kind."""
    if approval.kind not in KINDS:
        raise ValueError(f"{approval.kind!r} is not a kind of approval")
    return insert_new(session, APPROVAL, asdict(approval))


def get(session: Session, approval_id: str) -> Approval | None:
    """The question with that id."""
    return next(iter(_approvals(session, select(APPROVAL).where(C.id == approval_id))), None)


def for_run(session: Session, run_id: str) -> list[Approval]:
    """Every question of a run, oldest first."""
    return [Approval(**dict(zip(NAMES, row, strict=True))) for row in OF_RUN.rows(session, wanted=run_id)]


def pending(session: Session) -> list[Approval]:
    """Every question without an answer, the one that expires first at the front."""
    return _approvals(session, select(APPROVAL).where(C.state == "pending").order_by(C.expires_at, C.id))


def votes(session: Session, approval_id: str) -> list[Vote]:
    """Every answer to a question, oldest first."""
    wanted = (
        select(VOTE.c.person, VOTE.c.approve, VOTE.c.reason, VOTE.c.at, VOTE.c.via)
        .where(VOTE.c.approval_id == approval_id)
        .order_by(VOTE.c.at, VOTE.c.person)
    )
    return [Vote(**row) for row in run(session, wanted).mappings()]


def add_vote(
    session: Session, approval_id: str, person: str, approve: bool, reason: str, now: datetime, via: str = "slack"
) -> bool:
    """Record an answer; False when that person already answered. A vote on a question that is not there is refused."""
    values = {"approval_id": approval_id, "person": person, "approve": approve, "reason": reason, "at": now, "via": via}
    return insert_new(session, VOTE, values)


def decide(session: Session, approval_id: str, state: str, now: datetime) -> bool:
    """Compare-and-set pending to a decision; of two at once one gets True (T05).

    False also when the kind has no such answer, or when a yes (approved, done, retry) comes after expires_at.
    Raises ValueError for a state that is not a decision.
    """
    if state not in DECISIONS:
        raise ValueError(f"{state!r} is not a decision")
    wanted = update(APPROVAL).where(C.id == approval_id, C.state == "pending", C.kind.in_(DECISIONS[state]))
    if state in IN_TIME:
        wanted = wanted.where(C.expires_at > now)
    return changed(session, wanted.values(state=state, decided_at=now))


def withdraw(session: Session, approval_id: str, now: datetime) -> bool:
    """A reject after the approval but before the first intent wins: approved to rejected (T06).

    False once it is consumed: then the reject is a stop request.
    """
    return changed(
        session,
        update(APPROVAL)
        .where(C.id == approval_id, C.state == "approved")
        .values(state="rejected", decided_at=now, delivered=False),
    )


def expire(session: Session, approval_id: str, now: datetime) -> bool:
    """Compare-and-set pending to expired; the run's own timer says when. False when somebody was quicker."""
    return decide(session, approval_id, "expired", now)


def consume(session: Session, approval_id: str, digest: str, now: datetime) -> bool:
    """Compare-and-set approved to consumed, only for this digest and before expires_at (T11, P3).

    Call it in the transaction that writes the first intent.
    """
    return changed(
        session,
        update(APPROVAL)
        .where(C.id == approval_id, C.state == "approved", C.digest == digest, C.expires_at > now)
        .values(state="consumed"),
    )


def undelivered(session: Session) -> list[Approval]:
    """Decided questions whose run was not woken yet (engine.md pitfall 11), oldest decision first."""
    wanted = select(APPROVAL).where(C.state.in_(tuple(DECISIONS)), C.delivered.is_(False))
    return _approvals(session, wanted.order_by(C.decided_at, C.id))


def mark_delivered(session: Session, approval_id: str) -> None:
    """The run was woken."""
    run(session, update(APPROVAL).where(C.id == approval_id).values(delivered=True))


def _approvals(session: Session, wanted: Select[Any]) -> list[Approval]:
    return [Approval(**row) for row in run(session, wanted).mappings()]


def due(session: Session, now: datetime) -> list[Approval]:
    """Pending questions whose thread must be told by now: a reminder, or that more people may answer."""
    wanted = select(APPROVAL).where(
        C.state == "pending",
        or_(
            and_(C.widen_at <= now, C.widened_at.is_(None)),
            and_(C.remind_at <= now, C.reminded_at.is_(None)),
        ),
    )
    return _approvals(session, wanted.order_by(C.created_at, C.id))


def mark_told(
    session: Session,
    approval_id: str,
    *,
    widened: datetime | None,
    reminded: datetime | None,
    following: tuple[datetime, list[str]] | None = None,
) -> None:
    """The thread was told about one or both. following: when it is to be told of more groups, and of which."""
    values: dict[str, Any] = {"widened_at": widened, "reminded_at": reminded}
    values = {name: at for name, at in values.items() if at is not None}
    if following is not None:
        values |= {"widen_at": following[0], "widen_to": following[1], "widened_at": None}
    run(session, update(APPROVAL).where(C.id == approval_id).values(**values))
