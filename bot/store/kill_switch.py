"""Rows of the kill switch: what is stopped, by whom and why, and who lifted it (T55).

Called by bot/kill_switch.py only, which adds the file and the signal. A lifted stop keeps its row.
Must not decide whether a person may lift one (bot/requests.py does).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, select, text, update
from sqlmodel import Field, Session, SQLModel

from bot.stop_file import check
from bot.store.columns import UtcText, changed, insert_new, table
from bot.store.statement import Statement
from guards.context import Stop


class StopRow(SQLModel, table=True):
    """At most one engaged row (lifted_at empty) per level and name."""

    __tablename__ = "stop"
    __table_args__ = (
        Index(
            "ux_stop_engaged",
            "level",
            "name",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    level: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    engaged_by: str = Field(sa_type=Text)
    engaged_at: datetime = Field(sa_type=UtcText)
    lifted_reason: str = Field(sa_type=Text)
    lifted_by: str = Field(sa_type=Text)
    lifted_at: datetime | None = Field(sa_type=UtcText, nullable=True)


STOP = table(StopRow)
C = STOP.c
ENGAGED = Statement(select(C.level, C.name, C.reason, C.engaged_by).where(C.lifted_at.is_(None)).order_by(C.id))


def engage(session: Session, level: str, name: str, reason: str, by: str, now: datetime) -> bool:
    """Stop it; False when it was stopped already (the first reason stays). Raises ValueError as `check`."""
    check(level, name)
    values = {
        "level": level,
        "name": name,
        "reason": reason,
        "engaged_by": by,
        "engaged_at": now,
        "lifted_reason": "",
        "lifted_by": "",
        "lifted_at": None,
    }
    return insert_new(session, STOP, values)


def lift(session: Session, level: str, name: str, reason: str, by: str, now: datetime) -> bool:
    """Lift exactly that stop; False when it was not engaged. Raises ValueError as `check`."""
    check(level, name)
    return changed(
        session,
        update(STOP)
        .where(C.level == level, C.name == name, C.lifted_at.is_(None))
        .values(lifted_reason=reason, lifted_by=by, lifted_at=now),
    )


def engaged(session: Session) -> tuple[Stop, ...]:
    """Everything that is stopped now, oldest first."""
    return tuple(Stop(*row) for row in ENGAGED.rows(session))
