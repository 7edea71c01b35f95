"""Attempts: the intent to act, committed before the act, and its result after (engine.md "How to build it").

Written by bot/flow.py only. The primary key is what makes a second act with the same key impossible (trust rule 8).
Must not retry or judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, select, update
from sqlmodel import Field, Session, SQLModel

from bot.plan import Act
from bot.store.columns import JsonText, UtcText, changed, insert_new, run, table

FINISHED = ("done", "failed", "unknown")


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
    """One row per (run, step, attempt); a row in state `intended` after a crash is an unknown outcome."""

    __tablename__ = "attempt"
    __table_args__ = (Index("ix_attempt_started", "started_at"),)

    run_id: str = Field(primary_key=True, sa_type=Text)
    step_id: str = Field(primary_key=True, sa_type=Text)
    attempt: int = Field(primary_key=True)
    state: str = Field(sa_type=Text)
    act: str = Field(sa_type=Text)
    worker: str = Field(sa_type=Text)
    started_at: datetime = Field(sa_type=UtcText)
    finished_at: datetime | None = Field(sa_type=UtcText, nullable=True)
    result: dict[str, Any] = Field(sa_type=JsonText)


ATTEMPT = table(AttemptRow)
C = ATTEMPT.c


def intend(session: Session, run_id: str, step_id: str, attempt: int, act: Act, worker: str, now: datetime) -> bool:
    """Write the intent; False when it exists, and then the act must not be carried out again (T11)."""
    return insert_new(
        session,
        ATTEMPT,
        {
            "run_id": run_id,
            "step_id": step_id,
            "attempt": attempt,
            "state": "intended",
            "act": act.model_dump_json(),
            "worker": worker,
            "started_at": now,
            "finished_at": None,
            "result": {},
        },
    )


def get(session: Session, run_id: str, step_id: str, attempt: int) -> Attempt | None:
    """The attempt with that key."""
    wanted = select(ATTEMPT).where(C.run_id == run_id, C.step_id == step_id, C.attempt == attempt)
    row = run(session, wanted).mappings().one_or_none()
    return None if row is None else _attempt(dict(row))


def finish(
    session: Session, run_id: str, step_id: str, attempt: int, state: str, result: dict[str, Any], now: datetime
) -> bool:
    """Write the result; state: done, failed or unknown. `done` and `failed` are final; `unknown` may be corrected.

    False when there is no such attempt or it already has a final result. Raises ValueError for another state.
    """
    if state not in FINISHED:
        raise ValueError(f"{state!r} is not a result of an attempt")
    return changed(
        session,
        update(ATTEMPT)
        .where(C.run_id == run_id, C.step_id == step_id, C.attempt == attempt, C.state.in_(("intended", "unknown")))
        .values(state=state, result=result, finished_at=now),
    )


def for_run(session: Session, run_id: str) -> list[Attempt]:
    """Every attempt of a run, oldest first."""
    wanted = select(ATTEMPT).where(C.run_id == run_id).order_by(C.started_at, C.step_id, C.attempt)
    return [_attempt(dict(row)) for row in run(session, wanted).mappings()]


def _attempt(row: dict[str, Any]) -> Attempt:
    return Attempt(**{**row, "act": Act.model_validate_json(row["act"])})
