"""Changes made on purpose: deployments, flags, configuration (S3). Kept to be shown beside an incident.

Written by bot/triage.py, read by enrich and the board. Must not judge whether a change is the cause.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel

from bot.incident import Change
from bot.store.columns import UtcText, table
from bot.store.statement import Statement


class ChangeRow(SQLModel, table=True):
    """body: the Change as JSON. One row per (source, key)."""

    __tablename__ = "change"
    __table_args__ = (
        UniqueConstraint("source", "key", name="uq_change_key"),
        Index("ix_change_service", "service", "environment", "at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    service: str = Field(sa_type=Text)
    environment: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcText)
    body: str = Field(sa_type=Text)


CHANGE = table(ChangeRow)
C = CHANGE.c
ADD = Statement(
    sqlite.insert(CHANGE).on_conflict_do_nothing(),
    columns=[column.name for column in C if column.name != "id"],
    elsewhere=postgresql.insert(CHANGE).on_conflict_do_nothing(),
)
RECENT = Statement(
    select(C.body)
    .where(C.service == bindparam("wanted"), C.environment == bindparam("where"), C.at >= bindparam("since"))
    .order_by(C.at.desc(), C.id.desc())
    .limit(bindparam("most"))
)


def add(session: Session, change: Change) -> bool:
    """Store it; False when (source, key) is already there."""
    return ADD.change(
        session,
        source=change.source,
        key=change.key,
        service=change.service,
        environment=change.environment,
        at=change.at,
        body=change.model_dump_json(),
    )


def recent(session: Session, service: str, environment: str, since: datetime, limit: int) -> list[Change]:
    """Changes of one service in one environment since an instant, newest first."""
    found = RECENT.rows(session, wanted=service, where=environment, since=since, most=limit)
    return [Change.model_validate_json(row[0]) for row in found]
