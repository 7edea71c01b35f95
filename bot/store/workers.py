"""Workers: which process owns a worker id, by boot token and heartbeat (engine.md pitfalls 1 and 5).

Written by bot/engine only. A process whose beat returns False has been replaced and must leave at once.
Must not start or stop anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Text, bindparam, delete, or_, select, update
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import UtcText, changed, insert_new, run, table
from bot.store.statement import Statement


class WorkerRow(SQLModel, table=True):
    """boot: random token of one process start. beat_at: last sign of life."""

    __tablename__ = "worker"

    id: str = Field(primary_key=True, sa_type=Text)
    boot: str = Field(sa_type=Text)
    beat_at: datetime = Field(sa_type=UtcText)


WORKER = table(WorkerRow)
C = WORKER.c
BOOT = Statement(select(C.boot).where(C.id == bindparam("wanted")))


def claim(session: Session, worker_id: str, boot: str, now: datetime, stale_after: float) -> bool:
    """Own the id from now on; False while another boot gave a sign of life within `stale_after` seconds."""
    if insert_new(session, WORKER, {"id": worker_id, "boot": boot, "beat_at": now}):
        return True
    stale = now - timedelta(seconds=stale_after)
    return changed(
        session,
        update(WORKER).where(C.id == worker_id, or_(C.boot == boot, C.beat_at < stale)).values(boot=boot, beat_at=now),
    )


def beat(session: Session, worker_id: str, boot: str, now: datetime) -> bool:
    """A sign of life; False when another boot owns the id: leave at once."""
    return changed(session, update(WORKER).where(C.id == worker_id, C.boot == boot).values(beat_at=now))


def alive(session: Session, worker_id: str, boot: str) -> bool:
    """Whether the id is still ours: the last look before an act (trust case T53)."""
    return BOOT.first(session, wanted=worker_id) == (boot,)


def release(session: Session, worker_id: str, boot: str) -> None:
    """Give the id back at a clean stop."""
    run(session, delete(WORKER).where(C.id == worker_id, C.boot == boot))
