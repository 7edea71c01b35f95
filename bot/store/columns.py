"""Column types and dialect-neutral inserts that every table of the store shares.

Used only inside bot/store. Instants are ISO 8601 text with six digits and `Z`, so that text order is time order on
every database; JSON is ASCII text, so that no untrusted character can be refused by the driver.
Must not know any table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import CursorResult, Dialect, Executable, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel

_written = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode  # json.dumps makes a writer at every call


@lru_cache(maxsize=1024)  # one `now` is written into several columns and rows
def utc_text(at: datetime) -> str:
    """`2026-11-21T07:41:20.000000Z`. Raises ValueError for a datetime without a zone: local time is never guessed."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def parse_utc(text: str) -> datetime:
    """The instant behind `utc_text`. Raises ValueError for anything else."""
    return datetime.fromisoformat(text)


class UtcText(TypeDecorator[datetime]):
    """A timezone-aware UTC datetime kept as sortable text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Database to Python."""
        return None if value is None else parse_utc(value)


class JsonText(TypeDecorator[Any]):
    """JSON values kept as compact ASCII text. Raises TypeError or ValueError for what JSON cannot hold."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else _written(value) if value or type(value) is not dict else "{}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Database to Python."""
        return None if value is None else json.loads(value)


def table(row: type[SQLModel]) -> Table:
    """The Core table of a SQLModel class: Core statements skip the ORM's identity map."""
    return SQLModel.metadata.tables[str(row.__tablename__)]


def run(session: Session, statement: Executable, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
    """Execute a Core statement in the session's transaction, past the ORM layer.

    A statement made once per module and given `values` here costs half of one that is put together at every call.
    """
    return cast("CursorResult[Any]", session.connection().execute(statement, values))


def changed(session: Session, statement: Executable) -> bool:
    """Execute an UPDATE or DELETE; whether it touched a row. The heart of every compare-and-set."""
    return run(session, statement).rowcount > 0


def insert(session: Session, into: Table) -> sqlite.Insert:
    """An INSERT that knows ON CONFLICT for the session's database (SQLite and Postgres spell it the same)."""
    if session.get_bind().dialect.name == "postgresql":
        return cast("sqlite.Insert", postgresql.insert(into))
    return sqlite.insert(into)


def insert_new(session: Session, into: Table, values: Mapping[str, Any]) -> bool:
    """INSERT, or nothing when a unique key already exists; whether a row was added."""
    return changed(session, insert(session, into).values(**values).on_conflict_do_nothing())


def upsert(session: Session, into: Table, keys: Sequence[str], values: Mapping[str, Any]) -> None:
    """INSERT, or replace every other column of the row with the same keys."""
    rest = {name: value for name, value in values.items() if name not in keys}
    run(session, insert(session, into).values(**values).on_conflict_do_update(index_elements=list(keys), set_=rest))
