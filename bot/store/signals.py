"""Signals: each one that arrived and was folded into an incident, once (T21).

Written by bot/stages/correlate.py through triage; read to show related alerts. Must not correlate.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint, select
from sqlmodel import Field, Session, SQLModel

from bot.incident import Signal
from bot.store.columns import UtcText, insert, insert_new, run, table

AT_ONCE = 500  # SQLite allows 32,766 variables in one statement; this stays far below


class SignalRow(SQLModel, table=True):
    """body: the Signal as JSON. One row per (source, key)."""

    __tablename__ = "signal"
    __table_args__ = (
        UniqueConstraint("source", "key", name="uq_signal_key"),
        Index("ix_signal_incident", "incident_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    incident_id: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=UtcText)
    body: str = Field(sa_type=Text)


SIGNAL = table(SignalRow)
C = SIGNAL.c


def seen(session: Session, source: str, keys: Collection[str]) -> set[str]:
    """Which of the sender's keys are already stored."""
    wanted = list(keys)
    found: set[str] = set()
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        found.update(run(session, select(C.key).where(C.source == source, C.key.in_(some))).scalars())
    return found


def add(session: Session, signal: Signal, incident_id: str) -> bool:
    """Store it under its incident; False when (source, key) is already there."""
    return insert_new(session, SIGNAL, _row(signal, incident_id))


def add_all(session: Session, found: Sequence[tuple[Signal, str]]) -> None:
    """Store (signal, incident id) pairs in one statement; those whose (source, key) is already there stay as they are."""
    values = [_row(signal, incident_id) for signal, incident_id in found]
    if values:
        session.connection().execute(insert(session, SIGNAL).on_conflict_do_nothing(), values)


def recent(session: Session, incident_id: str, limit: int) -> list[Signal]:
    """The newest signals of an incident, newest first."""
    wanted = select(C.body).where(C.incident_id == incident_id).order_by(C.id.desc()).limit(limit)
    return [Signal.model_validate_json(body) for body in run(session, wanted).scalars()]


def _row(signal: Signal, incident_id: str) -> dict[str, object]:
    return {
        "source": signal.source,
        "key": signal.key,
        "kind": signal.kind.value,
        "incident_id": incident_id,
        "occurred_at": signal.occurred_at,
        "body": signal.model_dump_json(),
    }
