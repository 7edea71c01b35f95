"""Open circuit breakers, so that neither a restart nor time closes one: only a trial that worked does (T57).

Opened in the transaction that writes an intent (bot/stages/execute.py), tried and closed in the one that ends a run
(bot/stages/closing.py). The rules are guards/circuit_breaker.py; must not count or decide.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, bindparam, delete, select, update
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import UtcText, table, upsert
from bot.store.statement import Statement
from guards.context import OpenBreaker


class BreakerRow(SQLModel, table=True):
    """key: as guards.circuit_breaker.key_of makes it. trial_run: the run that was let through to try, else empty."""

    __tablename__ = "breaker"

    key: str = Field(primary_key=True, sa_type=Text)
    opened_at: datetime = Field(sa_type=UtcText)
    trial_run: str = Field(sa_type=Text)


BREAKER = table(BreakerRow)
C = BREAKER.c
ALL = Statement(select(C.key, C.opened_at, C.trial_run).order_by(C.key))
TRY = Statement(update(BREAKER).where(C.key == bindparam("of"), C.trial_run == "").values(trial_run=bindparam("by")))
CLOSE = Statement(delete(BREAKER).where(C.key == bindparam("of")))


def opened(session: Session) -> tuple[OpenBreaker, ...]:
    """Every breaker that is open or half open."""
    return tuple(OpenBreaker(*row) for row in ALL.rows(session))


def open_anew(session: Session, key: str, now: datetime) -> None:
    """It opens, or opens anew after a trial that did not work."""
    upsert(session, BREAKER, ["key"], {"key": key, "opened_at": now, "trial_run": ""})


def take_trial(session: Session, key: str, run_id: str) -> bool:
    """This run is the one trial; False when another run is, or the breaker is closed."""
    return TRY.change(session, of=key, by=run_id)


def close(session: Session, key: str) -> bool:
    """The trial worked; False when it was not open."""
    return CLOSE.change(session, of=key)
