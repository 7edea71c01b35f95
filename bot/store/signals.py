"""Signals: each one that arrived and was folded into an incident, once (T21).

Written by bot/stages/correlate.py through triage; read to show related alerts. Must not correlate.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel

from bot.incident import Signal
from bot.store.among import among, among_elsewhere, listed
from bot.store.columns import UtcText, table
from bot.store.statement import Statement

AT_ONCE = 500  # keys in one look


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
SEEN = Statement(
    select(C.key).where(C.source == bindparam("sender"), among(C.key, "wanted")),
    elsewhere=select(C.key).where(C.source == bindparam("sender"), among_elsewhere(C.key, "wanted")),
)
ADD = Statement(
    sqlite.insert(SIGNAL).on_conflict_do_nothing(),
    columns=[column.name for column in C if column.name != "id"],
    elsewhere=postgresql.insert(SIGNAL).on_conflict_do_nothing(),
)
RECENT = Statement(
    select(C.body).where(C.incident_id == bindparam("wanted")).order_by(C.id.desc()).limit(bindparam("most"))
)


def seen(session: Session, source: str, keys: Collection[str]) -> set[str]:
    """Which of the sender's keys are already stored."""
    wanted = list(keys)
    found: set[str] = set()
    for start in range(0, len(wanted), AT_ONCE):
        some = listed(wanted[start : start + AT_ONCE])
        found.update(row[0] for row in SEEN.rows(session, sender=source, wanted=some))
    return found


def add(session: Session, signal: Signal, incident_id: str) -> bool:
    """Store it under its incident; False when (source, key) is already there."""
    return ADD.change(session, **_row(signal, incident_id))


def add_all(session: Session, found: Sequence[tuple[Signal, str]]) -> None:
    """Store (signal, incident id) pairs in one statement; those whose (source, key) is already there stay as they are."""
    ADD.add_all(session, [_row(signal, incident_id) for signal, incident_id in found])


def recent(session: Session, incident_id: str, limit: int) -> list[Signal]:
    """The newest signals of an incident, newest first."""
    return [Signal.model_validate_json(row[0]) for row in RECENT.rows(session, wanted=incident_id, most=limit)]


def _row(signal: Signal, incident_id: str) -> dict[str, object]:
    return {
        "source": signal.source,
        "key": signal.key,
        "kind": signal.kind.value,
        "incident_id": incident_id,
        "occurred_at": signal.occurred_at,
        "body": signal.model_dump_json(),
    }
