"""Decisions of the guards as they were made, with everything they looked at, for `explain` and `backtest` (mission G12).

Written in the transaction that acts on the decision (bot/stages/asking.py, bot/stages/execute.py); read by
bot/explanations.py and `runbookctl backtest`. The history of past acts is not stored here: bot/store/history.py rebuilds it
for any moment. Must not decide anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, bindparam, insert, select
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import JsonText, UtcText, table
from bot.store.statement import Statement

PHASES = ("asked", "act")


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """id: 0 before it is stored. phase: `asked` when somebody asked for it, `act` when the step was about to start.

    run_id: empty for a refusal that started nothing. context, findings: as guards/recording.py makes them. looked_back:
    seconds of history that the guards saw.
    """

    at: datetime
    incident_id: str
    run_id: str
    step_id: str
    phase: str
    runbook: str
    service: str
    environment: str
    action: str
    actor: str
    outcome: str
    policy_digest: str
    looked_back: float
    standing: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    id: int = 0


class DecisionRow(SQLModel, table=True):
    """One row per step and phase."""

    __tablename__ = "decision"
    __table_args__ = (
        Index("ix_decision_at", "at"),
        Index("ix_decision_run", "run_id"),
        Index("ix_decision_incident", "incident_id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcText)
    incident_id: str = Field(sa_type=Text)
    run_id: str = Field(sa_type=Text)
    step_id: str = Field(sa_type=Text)
    phase: str = Field(sa_type=Text)
    runbook: str = Field(sa_type=Text)
    service: str = Field(sa_type=Text)
    environment: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    outcome: str = Field(sa_type=Text)
    policy_digest: str = Field(sa_type=Text)
    looked_back: float
    standing: str = Field(sa_type=Text)
    context: dict[str, Any] = Field(sa_type=JsonText)
    findings: list[dict[str, Any]] = Field(sa_type=JsonText)


DECISION = table(DecisionRow)
C = DECISION.c
NAMES = tuple(name for name in RecordedDecision.__slots__ if name != "id")
COLUMNS = [C[name] for name in (*NAMES, "id")]
ADD = Statement(insert(DECISION), columns=NAMES)
ONE = Statement(select(*COLUMNS).where(C.id == bindparam("wanted")))
OF_RUN = Statement(select(*COLUMNS).where(C.run_id == bindparam("of")).order_by(C.id))
OF_INCIDENT = Statement(
    select(*COLUMNS).where(C.incident_id == bindparam("of")).order_by(C.id.desc()).limit(bindparam("most"))
)
PAGE = Statement(
    select(*COLUMNS)
    .where(C.at >= bindparam("since"), C.id > bindparam("after"))
    .order_by(C.id)
    .limit(bindparam("most"))
)


def add(session: Session, decision: RecordedDecision) -> int:
    """Store it and return its number. Raises ValueError for an unknown phase."""
    if decision.phase not in PHASES:
        raise ValueError(f"{decision.phase!r} is not a phase of a decision")
    return ADD.add(session, **{name: getattr(decision, name) for name in NAMES})


def get(session: Session, decision_id: int) -> RecordedDecision | None:
    """The decision with that number."""
    row = ONE.first(session, wanted=decision_id)
    return None if row is None else RecordedDecision(*row)


def for_run(session: Session, run_id: str) -> list[RecordedDecision]:
    """Every decision of a run, oldest first."""
    return [RecordedDecision(*row) for row in OF_RUN.rows(session, of=run_id)]


def for_incident(session: Session, incident_id: str, limit: int = 20) -> list[RecordedDecision]:
    """The newest decisions of an incident, newest first."""
    return [RecordedDecision(*row) for row in OF_INCIDENT.rows(session, of=incident_id, most=limit)]


def page(session: Session, since: datetime, after: int = 0, limit: int = 1000) -> list[RecordedDecision]:
    """Decisions made at or after `since` with a number above `after`, in order: the next page for a backtest."""
    return [RecordedDecision(*row) for row in PAGE.rows(session, since=since, after=after, most=limit)]
