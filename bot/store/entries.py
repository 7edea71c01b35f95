"""Transcript entries: append-only, in one sequence.

Appended by bot/store/record.py only (it redacts and audits); read by the board, recorders and `runbookctl`.
Must not change or delete an entry.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Select, Text, insert, select
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import JsonText, UtcText, run, table
from bot.store.statement import Statement
from bot.transcript import Entry


class EntryRow(SQLModel, table=True):
    """seq: never used twice."""

    __tablename__ = "entry"
    __table_args__ = (
        Index("ix_entry_incident", "incident_id", "seq"),
        Index("ix_entry_run", "run_id", "seq"),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = Field(default=None, primary_key=True)
    incident_id: str = Field(sa_type=Text)
    run_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcText)
    actor: str = Field(sa_type=Text)
    data: dict[str, Any] = Field(sa_type=JsonText)


ENTRY = table(EntryRow)
C = ENTRY.c
INSERT = Statement(insert(ENTRY), columns=[column.name for column in C if column.name != "seq"])


def append(session: Session, entry: Entry) -> Entry:
    """Store it at the end and return it with its seq. The data must already be redacted."""
    seq = INSERT.add(
        session,
        incident_id=entry.incident_id,
        run_id=entry.run_id,
        kind=entry.kind.value,
        at=entry.at,
        actor=entry.actor,
        data=entry.data,
    )
    return entry.model_copy(update={"seq": seq})


def for_incident(session: Session, incident_id: str, limit: int = 500) -> list[Entry]:
    """The newest `limit` entries of an incident, in the order they happened."""
    return _entries(session, select(ENTRY).where(C.incident_id == incident_id).order_by(C.seq.desc()).limit(limit))[
        ::-1
    ]


def for_run(session: Session, run_id: str) -> list[Entry]:
    """Every entry of a run, in the order they happened."""
    return _entries(session, select(ENTRY).where(C.run_id == run_id).order_by(C.seq))


def get(session: Session, seq: int) -> Entry | None:
    """The entry at that place."""
    return next(iter(_entries(session, select(ENTRY).where(C.seq == seq))), None)


def _entries(session: Session, wanted: Select[Any]) -> list[Entry]:
    return [Entry(**row) for row in run(session, wanted).mappings()]
