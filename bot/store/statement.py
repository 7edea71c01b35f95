"""Statements made once per module: compiled at their first use, then handed to the driver as they are.

SQLAlchemy builds, keys and wraps a statement again at every call, which costs ten times what SQLite needs to carry it out;
what happens at every act (bot/stages/execute.py) goes through here instead. Used only inside bot/store. On another
database than SQLite a Statement is an ordinary Core statement. Must not begin or end a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias, cast

from sqlalchemy import Delete, Insert, Select, Table, Update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

Core: TypeAlias = Select[Any] | Insert | Update | Delete
Convert = Callable[[Any], Any]
Row = tuple[Any, ...]
DIALECT = sqlite.dialect()


@dataclass(frozen=True, slots=True)
class _Compiled:
    """sql with `?`; pick: the values for them, in their order, from those that were given and those that never change.

    converts, results: (place, conversion) of the values and of the columns that need one.
    """

    sql: str
    pick: Callable[[Mapping[str, Any]], Sequence[Any]]
    converts: tuple[tuple[int, Convert], ...]
    results: tuple[tuple[int, Convert], ...]

    def parameters(self, given: Mapping[str, Any]) -> Sequence[Any]:
        made = self.pick(given)
        if not self.converts:
            return made
        made = list(made)
        for place, convert in self.converts:
            made[place] = convert(made[place])
        return made

    def converted(self, row: Row) -> Row:
        made = list(row)
        for place, convert in self.results:
            made[place] = convert(made[place])
        return tuple(made)


class Statement:
    """One statement. Values are given by the names of its `bindparam`s; an INSERT's are its columns.

    columns: those an INSERT fills, all when not given. elsewhere: the same where SQLite's spelling is not understood.
    `x IN (...)` cannot be compiled ahead; write it as `or_`. Every method raises what the driver raises: the Store
    translates. KeyError for a value that was not given.
    """

    def __init__(self, core: Core, *, columns: Sequence[str] | None = None, elsewhere: Core | None = None) -> None:
        self._core = core
        self._columns = columns
        self._elsewhere = elsewhere if elsewhere is not None else core
        self._made: _Compiled | None = None

    def rows(self, session: Session, /, **values: Any) -> list[Row]:
        """Every row of a SELECT, columns in its order."""
        driver = _driver(session)
        if driver is None:
            return [tuple(row) for row in session.connection().execute(self._elsewhere, values)]
        made = self._made or self._compiled()
        found = driver.execute(made.sql, made.parameters(values)).fetchall()
        return [made.converted(row) for row in found] if made.results else found

    def first(self, session: Session, /, **values: Any) -> Row | None:
        """The first row of a SELECT, None when there is none."""
        found = self.rows(session, **values)
        return found[0] if found else None

    def change(self, session: Session, /, **values: Any) -> bool:
        """Carry out an INSERT, UPDATE or DELETE; whether it touched a row. The heart of every compare-and-set."""
        driver = _driver(session)
        if driver is None:
            return session.connection().execute(self._elsewhere, values).rowcount > 0
        made = self._made or self._compiled()
        return driver.execute(made.sql, made.parameters(values)).rowcount > 0

    def add(self, session: Session, /, **values: Any) -> int:
        """Carry out an INSERT; the number the database gave the new row."""
        driver = _driver(session)
        if driver is None:
            key = session.connection().execute(self._elsewhere, values).inserted_primary_key
            return int(key[0]) if key else 0
        made = self._made or self._compiled()
        return driver.execute(made.sql, made.parameters(values)).lastrowid or 0

    def add_all(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry out an INSERT for each of many rows."""
        driver = _driver(session)
        if not rows:
            return
        if driver is None:
            session.connection().execute(self._elsewhere, [dict(row) for row in rows])
            return
        made = self._made or self._compiled()
        driver.executemany(made.sql, [made.parameters(row) for row in rows])

    def _compiled(self) -> _Compiled:
        if self._made is None:
            self._made = _compile(self._core, self._columns)
        return self._made


def new_row(into: Table) -> Statement:
    """INSERT of every column, or nothing when a unique key already exists: `change` says whether a row was added."""
    plain, elsewhere = sqlite.insert(into), postgresql.insert(into)
    return Statement(plain.on_conflict_do_nothing(), elsewhere=elsewhere.on_conflict_do_nothing())


def _driver(session: Session) -> sqlite3.Connection | None:
    """SQLite's own connection, in the session's transaction; None for another database."""
    kept = getattr(session, "driver", None)  # a session of the store has it at hand
    if kept is not None:
        return cast("sqlite3.Connection", kept)
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        return None
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _picker(names: Sequence[str], always: Sequence[Any]) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    if all(names) and len(names) > 1:
        return itemgetter(*names)  # in C: this happens at every call
    return lambda given: [given[name] if name else same for name, same in zip(names, always, strict=True)]


def _compile(core: Core, columns: Sequence[str] | None) -> _Compiled:
    made = core.compile(dialect=DIALECT, column_keys=None if columns is None else list(columns))
    if made.post_compile_params:
        raise TypeError(f"this statement changes with its values and cannot be compiled ahead: {made}")
    names: list[str] = []
    always: list[Any] = []
    converts: list[tuple[int, Convert]] = []
    for place, name in enumerate(made.positiontup or ()):
        bind = made.binds[name]
        convert = cast("Convert | None", bind.type.dialect_impl(DIALECT).bind_processor(DIALECT))
        names.append(bind.key if bind.required else "")
        always.append(None if bind.required else convert(bind.effective_value) if convert else bind.effective_value)
        if bind.required and convert is not None:
            converts.append((place, convert))
    results: list[tuple[int, Convert]] = []
    if isinstance(core, Select):
        for place, column in enumerate(core.selected_columns):
            back = column.type.dialect_impl(DIALECT).result_processor(DIALECT, None)
            if back is not None:
                results.append((place, cast("Convert", back)))
    return _Compiled(made.string, _picker(names, always), tuple(converts), tuple(results))
