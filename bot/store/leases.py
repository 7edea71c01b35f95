"""Leases: which run holds which target. The owner is the run, never a process, so a crash loses no lease.

Written by bot/flow.py (acquire, release); read by the gate. Must not wait: the caller polls.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Text, bindparam, delete, select
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import UtcText, insert_new, run, table
from bot.store.statement import Statement


class LeaseRow(SQLModel, table=True):
    """target: `kind:environment/name`."""

    __tablename__ = "lease"

    target: str = Field(primary_key=True, sa_type=Text)
    run_id: str = Field(index=True, sa_type=Text)
    at: datetime = Field(sa_type=UtcText)


LEASE = table(LeaseRow)
C = LEASE.c
ALL = Statement(select(C.target, C.run_id))
HOLDER = Statement(select(C.run_id).where(C.target == bindparam("wanted")))


def acquire(session: Session, targets: Collection[str], run_id: str, now: datetime) -> dict[str, str]:
    """Take all targets or none. Empty when this run holds them all now, else target -> the other run that holds it.

    Re-entrant for the same run. Raises ValueError for no target at all: an empty selector is never "all" (G5).
    """
    if not targets:
        raise ValueError("no target to lease")
    keys = sorted(set(targets))
    others = _others(session, keys, run_id)
    if others:
        return others
    new = [key for key in keys if insert_new(session, LEASE, {"target": key, "run_id": run_id, "at": now})]
    others = _others(session, keys, run_id)  # on Postgres another worker may have been quicker in between
    if others and new:
        run(session, delete(LEASE).where(C.target.in_(new), C.run_id == run_id))
    return others


def release(session: Session, run_id: str) -> None:
    """Give back everything the run holds."""
    run(session, delete(LEASE).where(C.run_id == run_id))


def holders(session: Session) -> dict[str, str]:
    """Every leased target -> the run that holds it."""
    return dict(ALL.rows(session))


def holder(session: Session, target: str) -> str:
    """The run that holds a target, '' when none does."""
    row = HOLDER.first(session, wanted=target)
    return row[0] if row else ""


def _others(session: Session, keys: list[str], run_id: str) -> dict[str, str]:
    wanted = select(C.target, C.run_id).where(C.target.in_(keys), C.run_id != run_id)
    return {row.target: row.run_id for row in run(session, wanted)}
