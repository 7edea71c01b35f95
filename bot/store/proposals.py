"""Proposals: the next step that was offered for an incident, at most one open at a time.

Written by bot/stages/propose.py and bot/requests.py; read by the board. Must not choose a step.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, select, update
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import JsonText, UtcText, changed, run, table, upsert

STATES = ("open", "taken", "superseded", "skipped", "none")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One offer. state: open, taken, superseded, skipped, or none (no safe step; `why` says so).

    plan: the Plan as JSON when one was built. score: 0 to 1. reasons: why this one. alternatives: what lost, and why.
    """

    id: str
    incident_id: str
    runbook: str
    step_id: str
    why: str
    state: str
    plan: dict[str, Any] | None
    score: float
    reasons: list[str]
    alternatives: list[dict[str, Any]] = field(default_factory=list)
    created_at: datetime = field(kw_only=True)


class ProposalRow(SQLModel, table=True):
    """number: order of storing."""

    __tablename__ = "proposal"
    __table_args__ = (
        Index("ix_proposal_incident", "incident_id", "state"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True, sa_type=Text)
    incident_id: str = Field(sa_type=Text)
    runbook: str = Field(sa_type=Text)
    step_id: str = Field(sa_type=Text)
    why: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    plan: dict[str, Any] | None = Field(sa_type=JsonText, nullable=True)
    score: float
    reasons: list[Any] = Field(sa_type=JsonText)
    alternatives: list[Any] = Field(sa_type=JsonText)
    created_at: datetime = Field(sa_type=UtcText)


PROPOSAL = table(ProposalRow)
C = PROPOSAL.c
COLUMNS = [column for column in C if column.name != "number"]


def save(session: Session, proposal: Proposal) -> None:
    """Store it; the incident's open (or none) proposal becomes superseded. Raises ValueError for an unknown state."""
    if proposal.state not in STATES:
        raise ValueError(f"{proposal.state!r} is not a state of a proposal")
    run(
        session,
        update(PROPOSAL)
        .where(C.incident_id == proposal.incident_id, C.state.in_(("open", "none")), C.id != proposal.id)
        .values(state="superseded"),
    )
    upsert(session, PROPOSAL, ("id",), asdict(proposal))


def get(session: Session, proposal_id: str) -> Proposal | None:
    """The proposal with that id."""
    row = run(session, select(*COLUMNS).where(C.id == proposal_id)).mappings().one_or_none()
    return None if row is None else Proposal(**row)


def current(session: Session, incident_id: str) -> Proposal | None:
    """The newest proposal of an incident that is open, taken or none."""
    wanted = (
        select(*COLUMNS)
        .where(C.incident_id == incident_id, C.state.in_(("open", "taken", "none")))
        .order_by(C.number.desc())
        .limit(1)
    )
    row = run(session, wanted).mappings().one_or_none()
    return None if row is None else Proposal(**row)


def take(session: Session, proposal_id: str) -> bool:
    """Compare-and-set open to taken: of two clicks one gets True (T05)."""
    return changed(session, update(PROPOSAL).where(C.id == proposal_id, C.state == "open").values(state="taken"))


def set_state(session: Session, proposal_id: str, state: str) -> None:
    """Set the state whatever it was. Raises ValueError for an unknown state."""
    if state not in STATES:
        raise ValueError(f"{state!r} is not a state of a proposal")
    run(session, update(PROPOSAL).where(C.id == proposal_id).values(state=state))
