"""Attempts: the intent to act, committed before the act, and its result after (engine.md "How to build it").

Written by bot/flow.py only. The primary key is what makes a second act with the same key impossible (trust rule 8).
Must not retry or judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, bindparam, or_, select, text, update
from sqlmodel import Field, Session, SQLModel

from bot.plan import Act
from bot.store.columns import JsonText, UtcText, run, table
from bot.store.statement import Statement, new_row

FINISHED = ("done", "failed", "unknown")
PURPOSES = ("look", "change", "undo")  # a look changes nothing and counts for no limit


@dataclass(frozen=True, slots=True)
class Attempt:
    """state: intended, done, failed or unknown. result: JSON of the ActResult, empty until finished."""

    run_id: str
    step_id: str
    attempt: int
    state: str
    act: Act
    worker: str
    started_at: datetime
    finished_at: datetime | None
    result: dict[str, Any]


class AttemptRow(SQLModel, table=True):
    """One row per (run, step, attempt); a row in state `intended` after a crash is an unknown outcome.

    act: the Act as JSON; operation, environment, target (its key), purpose, cost and standing (id of the standing
    approval it used up) are what limits count by.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        Index("ix_attempt_started", "started_at"),
        Index(
            "ix_attempt_standing",
            "started_at",
            sqlite_where=text("standing <> ''"),
            postgresql_where=text("standing <> ''"),
        ),
    )

    run_id: str = Field(primary_key=True, sa_type=Text)
    step_id: str = Field(primary_key=True, sa_type=Text)
    attempt: int = Field(primary_key=True)
    state: str = Field(sa_type=Text)
    act: str = Field(sa_type=Text)
    operation: str = Field(sa_type=Text)
    environment: str = Field(sa_type=Text)
    target: str = Field(sa_type=Text)
    purpose: str = Field(sa_type=Text)
    worker: str = Field(sa_type=Text)
    started_at: datetime = Field(sa_type=UtcText)
    finished_at: datetime | None = Field(sa_type=UtcText, nullable=True)
    result: dict[str, Any] = Field(sa_type=JsonText)
    cost: float
    standing: str = Field(sa_type=Text)


ATTEMPT = table(AttemptRow)
C = ATTEMPT.c
COLUMNS = [C[name] for name in Attempt.__slots__]
KEY = (C.run_id == bindparam("run"), C.step_id == bindparam("step"), C.attempt == bindparam("number"))
ADD = new_row(ATTEMPT)
ONE = Statement(select(*COLUMNS).where(*KEY))
FINISH = Statement(
    update(ATTEMPT)
    .where(*KEY, or_(C.state == "intended", C.state == "unknown"))
    .values(state=bindparam("becomes"), result=bindparam("of"), finished_at=bindparam("now"))
)


def intend(
    session: Session,
    run_id: str,
    step_id: str,
    attempt: int,
    act: Act,
    worker: str,
    now: datetime,
    purpose: str = "change",
    standing: str = "",
) -> bool:
    """Write the intent; False when it exists, and then the act must not be carried out again (T11).

    purpose: one of PURPOSES, `undo` for an act of a rollback. standing: id of the standing approval it uses up.
    Raises ValueError for another purpose.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"{purpose!r} is not the purpose of an act")
    return ADD.change(
        session,
        run_id=run_id,
        step_id=step_id,
        attempt=attempt,
        state="intended",
        act=act.model_dump_json(),
        operation=act.operation,
        environment=act.target.environment,
        target=act.target.key,
        purpose=purpose,
        worker=worker,
        started_at=now,
        finished_at=None,
        result={},
        cost=act.cost,
        standing=standing,
    )


def get(session: Session, run_id: str, step_id: str, attempt: int) -> Attempt | None:
    """The attempt with that key."""
    row = ONE.first(session, run=run_id, step=step_id, number=attempt)
    return None if row is None else _attempt(dict(zip(Attempt.__slots__, row, strict=True)))


def finish(
    session: Session, run_id: str, step_id: str, attempt: int, state: str, result: dict[str, Any], now: datetime
) -> bool:
    """Write the result; state: done, failed or unknown. `done` and `failed` are final; `unknown` may be corrected.

    False when there is no such attempt or it already has a final result. Raises ValueError for another state.
    """
    if state not in FINISHED:
        raise ValueError(f"{state!r} is not a result of an attempt")
    return FINISH.change(session, run=run_id, step=step_id, number=attempt, becomes=state, of=result, now=now)


def for_run(session: Session, run_id: str) -> list[Attempt]:
    """Every attempt of a run, oldest first."""
    wanted = select(*COLUMNS).where(C.run_id == run_id).order_by(C.started_at, C.step_id, C.attempt)
    return [_attempt(dict(row)) for row in run(session, wanted).mappings()]


def begun(session: Session, run_id: str) -> frozenset[str]:
    """Ids of the plan's steps whose act was begun in this run, whatever became of it; acts of a rollback do not count."""
    wanted = select(C.step_id).where(C.run_id == run_id, C.purpose != "undo")
    return frozenset(row[0] for row in run(session, wanted))


def changed_something(session: Session, run_id: str) -> bool:
    """Whether some act of this run that was to change something was carried out, or may have been: an intent without a
    result, which a crash leaves behind, may have been too.
    """
    maybe = ("done", "unknown", "intended")
    wanted = select(C.run_id).where(C.run_id == run_id, C.purpose == "change", C.state.in_(maybe))
    return run(session, wanted.limit(1)).first() is not None


def _attempt(row: dict[str, Any]) -> Attempt:
    return Attempt(**{**row, "act": Act.model_validate_json(row["act"])})
