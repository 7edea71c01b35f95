"""The audit table: every decision and act, hash-chained (the chain itself is in bot/audit.py).

Appended by bot/store/record.py and by whoever changes state without a transcript entry; read by `runbookctl audit`.
Must not redact (the caller did) and never updates: on SQLite triggers refuse UPDATE and DELETE.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Text, insert, select
from sqlalchemy import text as sql
from sqlmodel import Field, Session, SQLModel

from bot.audit import GENESIS, AuditRow, canonical, row_hash
from bot.errors import Permanent
from bot.store.columns import run, table, utc_text
from bot.store.statement import Statement

PAGE = 5000


class AuditTable(SQLModel, table=True):
    """seq: from 1, without gaps. at: ISO text. data: RFC 8785 JSON text. hash: 64 hex characters."""

    __tablename__ = "audit"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    event: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text, index=True)
    data: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)


AUDIT = table(AuditTable)
C = AUDIT.c
COLUMNS = (C.seq, C.at, C.actor, C.event, C.subject, C.data.label("data_text"), C.hash)
INSERT = Statement(insert(AUDIT))
LAST = Statement(select(C.seq, C.hash).order_by(C.seq.desc()).limit(1))


def append(session: Session, at: datetime, actor: str, event: str, subject: str, data: dict[str, Any]) -> AuditRow:
    """Add the next row. Raises Permanent when `data` has no canonical form: the transaction must end (T63)."""
    if session.get_bind().dialect.name == "postgresql":
        run(session, sql("LOCK TABLE audit IN EXCLUSIVE MODE"))  # one chain: two workers must not extend the same head
    last = LAST.first(session)
    seq, previous = (last[0] + 1, last[1]) if last else (1, GENESIS)
    try:
        text = canonical(data)
        bare = AuditRow(seq, utc_text(at), actor, event, subject, text, "")
        made = row_hash(previous, bare)
    except (ValueError, TypeError, RecursionError) as error:
        raise Permanent(f"this cannot be written to the audit: {error}") from error
    INSERT.change(session, seq=seq, at=bare.at, actor=actor, event=event, subject=subject, data=text, hash=made)
    return AuditRow(seq, bare.at, actor, event, subject, text, made)


def rows(session: Session, after: int = 0, limit: int = PAGE) -> list[AuditRow]:
    """At most `limit` rows after seq `after`, in order."""
    wanted = select(*COLUMNS).where(C.seq > after).order_by(C.seq).limit(limit)
    return [AuditRow(**row) for row in run(session, wanted).mappings()]


def every_row(session: Session) -> Iterator[AuditRow]:
    """The whole chain page by page, for `bot.audit.verify` inside one `Store.read`."""
    after = 0
    while page := rows(session, after):
        yield from page
        after = page[-1].seq


def head(session: Session) -> AuditRow | None:
    """The last row, or None for an empty chain."""
    row = run(session, select(*COLUMNS).order_by(C.seq.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else AuditRow(**row)
