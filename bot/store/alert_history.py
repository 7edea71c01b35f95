"""Alert history: past incidents, a page at a time, for the report of what no runbook covers (mission R8).

Read by bot/coverage.py through `runbookctl coverage`. Must not write.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlmodel import Session

from bot.incident import Incident
from bot.store.columns import run
from bot.store.incidents import INCIDENT

C = INCIDENT.c


def page(session: Session, since: datetime, after: tuple[datetime, str] | None, limit: int) -> list[Incident]:
    """At most `limit` incidents opened at or after `since`, oldest first. after: (opened_at, id) of the last one had."""
    wanted = select(C.body).where(C.opened_at >= since)
    if after is not None:
        at, last = after
        wanted = wanted.where(or_(C.opened_at > at, and_(C.opened_at == at, C.id > last)))
    rows = run(session, wanted.order_by(C.opened_at, C.id).limit(limit))
    return [Incident.model_validate_json(row[0]) for row in rows]
