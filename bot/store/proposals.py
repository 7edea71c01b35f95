"""Proposals: the next step that was offered for an incident, at most one open at a time.

Written by bot/stages/propose.py and bot/requests.py; read by the board. Must not choose a step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Insert, Text, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import JsonText, UtcText, table
from bot.store.statement import Row, Statement

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
NAMES = [column.name for column in COLUMNS]


def _saving(into: sqlite.Insert | postgresql.Insert) -> Insert:
    rest = {name: into.excluded[name] for name in NAMES if name != "id"}
    return into.on_conflict_do_update(index_elements=["id"], set_=rest)


SAVE = Statement(_saving(sqlite.insert(PROPOSAL)), columns=NAMES, elsewhere=_saving(postgresql.insert(PROPOSAL)))
SUPERSEDE = Statement(
    update(PROPOSAL)
    .where(C.incident_id == bindparam("of"), or_(C.state == "open", C.state == "none"), C.id != bindparam("but"))
    .values(state="superseded")
)
ONE = Statement(select(*COLUMNS).where(C.id == bindparam("wanted")))
CURRENT = Statement(
    select(*COLUMNS)
    .where(C.incident_id == bindparam("wanted"), or_(C.state == "open", C.state == "taken", C.state == "none"))
    .order_by(C.number.desc())
    .limit(1)
)
TAKE = Statement(update(PROPOSAL).where(C.id == bindparam("wanted"), C.state == "open").values(state="taken"))
SET = Statement(update(PROPOSAL).where(C.id == bindparam("wanted")).values(state=bindparam("to")))


def save(session: Session, proposal: Proposal) -> None:
    """Store it; the incident's open (or none) proposal becomes superseded. Raises ValueError for an unknown state."""
    if proposal.state not in STATES:
        raise ValueError(f"{proposal.state!r} is not a state of a proposal")
    SUPERSEDE.change(session, of=proposal.incident_id, but=proposal.id)
    SAVE.change(session, **{name: getattr(proposal, name) for name in NAMES})


def get(session: Session, proposal_id: str) -> Proposal | None:
    """The proposal with that id."""
    return _one(ONE.first(session, wanted=proposal_id))


def current(session: Session, incident_id: str) -> Proposal | None:
    """The newest proposal of an incident that is open, taken or none."""
    return _one(CURRENT.first(session, wanted=incident_id))


def take(session: Session, proposal_id: str) -> bool:
    """Compare-and-set open to taken: of two clicks one gets True (T05)."""
    return TAKE.change(session, wanted=proposal_id)


def set_state(session: Session, proposal_id: str, state: str) -> None:
    """Set the state whatever it was. Raises ValueError for an unknown state."""
    if state not in STATES:
        raise ValueError(f"{state!r} is not a state of a proposal")
    SET.change(session, wanted=proposal_id, to=state)


def _one(row: Row | None) -> Proposal | None:
    return None if row is None else Proposal(**dict(zip(NAMES, row, strict=True)))
