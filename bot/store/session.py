"""The store: opens the app database and runs one function per transaction, in a thread of its own.

Made by bot/app.py and by CLI commands; every other module gets it as an argument. Writes are serialised in one thread and
start with BEGIN IMMEDIATE; reads run beside them on their own connections (WAL). A whole transaction costs one hop between
threads instead of one per statement, which was ten times slower (docs/adr/0008). Foreign errors end here: nobody above sees
SQLAlchemy or SQLite. Must not hold a transaction open across anything but the given synchronous function.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError
from sqlmodel import Session

from bot.errors import ConfigurationError, Permanent, Transient
from bot.store import schema

T = TypeVar("T")
U = TypeVar("U")

READERS = 4
BUSY_MS = 30_000
BEGIN = "countersign_begin"  # execution option of an engine: how its transactions start
# SQLite primary result codes that say "not now" (https://www.sqlite.org/rescode.html): BUSY, LOCKED, READONLY,
# INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL. Everything else is our mistake and will not pass by itself.
PASSING = frozenset({5, 6, 8, 9, 10, 13, 14, 15})
READONLY = 8
REFUSED = (IntegrityError, sqlite3.IntegrityError)
LATER = (OperationalError, sqlite3.OperationalError)


class Store:
    """The app database. Safe for concurrent use in one event loop; `work` must not touch the loop."""

    def __init__(self, reader: Engine, writer: Engine) -> None:
        self._reader = reader
        self._writer = writer
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._under_way: set[Future[Any]] = set()
        self._kept = threading.local()
        self._opened: list[Connection] = []

    @classmethod
    async def open(cls, url: str) -> Store:
        """Open the database and bring its tables up to date.

        url: `sqlite+aiosqlite:///path` or `sqlite:///path` (one process), `postgresql+psycopg://…` (several workers).
        Raises ConfigurationError for a bad url or a database newer than this program, Transient when it is not there.
        """
        place = parse_url(url)
        if place.get_backend_name() == "sqlite":
            prepare_file(place)
            reader = sqlite_engine(place, begin="BEGIN", query_only=True)
            writer = sqlite_engine(place, begin="BEGIN IMMEDIATE", query_only=False)
        else:
            reader = writer = create_engine(place, pool_size=READERS, max_overflow=READERS)
        store = cls(reader, writer)
        async with AsyncExitStack() as stack:  # no connection stays open behind a database that cannot be used
            stack.push_async_callback(store.close)
            await store._in(store._writing, store._migrate)
            stack.pop_all()
        return store

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one read transaction (a consistent picture). work: synchronous, must only read, no other I/O.

        Raises Transient when the database cannot be read now, Permanent when `work` tried to write.
        """
        return await self._in(self._reading, lambda: self._read(work))

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in ONE transaction: all of it is committed, or none when it raises (no audit, no act: T63).

        A cancelled caller does not cut the transaction in two: it is finished before the next write starts.
        Raises Transient when the database is full, locked or read-only (T62), Permanent when a constraint forbids it.
        """
        return await self._in(self._writing, lambda: self._write(work))

    async def write_then(self, work: Callable[[Session], T], look: Callable[[Session], U]) -> tuple[T, U | None]:
        """`write`, and when that is committed what `look` finds, in a transaction of its own but in the same hop.

        look: as for `read`. None for what it finds when the database cannot be read: `work` is committed all the same.
        """

        def both() -> tuple[T, U | None]:
            done = self._write(work)
            try:
                return done, self._transact(self._writer, look, reading=True)
            except Transient:
                return done, None

        return await self._in(self._writing, both)

    async def close(self) -> None:
        """Finish the transactions under way and close every connection."""
        await asyncio.gather(*map(asyncio.wrap_future, self._under_way), return_exceptions=True)
        for pool in (self._writing, self._reading):
            pool.shutdown()  # idle now, so this does not hold up the loop; its own pool may be gone with the engine
        while self._opened:
            self._opened.pop().close()
        self._reader.dispose()
        self._writer.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def tell(done: Future[T]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._settle, answer, done)

        try:
            started = pool.submit(work)
        except RuntimeError as error:  # the pool was shut down
            raise Transient("the store is closed") from error
        self._under_way.add(started)
        started.add_done_callback(tell)
        return await answer  # a caller that goes away leaves the work alone: half a transaction is none

    def _settle(self, answer: asyncio.Future[T], done: Future[T]) -> None:
        self._under_way.discard(done)
        if answer.done():
            return
        error = done.exception()
        if error is None:
            answer.set_result(done.result())
        else:
            answer.set_exception(error)

    def _read(self, work: Callable[[Session], T]) -> T:
        return self._transact(self._reader, work, reading=True)

    def _write(self, work: Callable[[Session], T]) -> T:
        return self._transact(self._writer, work, reading=False)

    def _migrate(self) -> None:
        self._transact(self._writer, lambda session: schema.upgrade_connection(session.connection()), reading=False)

    def _transact(self, engine: Engine, work: Callable[[Session], T], *, reading: bool) -> T:
        try:
            return self._own(engine).carry_out(work)
        except (DBAPIError, sqlite3.Error) as error:
            self._forget()
            raise translated(error, reading=reading) from error

    def _own(self, engine: Engine) -> _Lent:
        """This thread's session: to take a connection from the pool costs more than a small transaction."""
        kept: _Lent | None = getattr(self._kept, "session", None)
        if kept is None:
            kept = self._kept.session = _Lent(engine.connect())
            self._opened.append(kept.lent)
        return kept

    def _forget(self) -> None:
        """The next transaction of this thread gets a new connection: nobody knows what is left of a failed one."""
        kept: _Lent | None = getattr(self._kept, "session", None)
        if kept is not None:
            self._kept.session = None
            self._opened.remove(kept.lent)
            kept.lent.invalidate()
            kept.lent.close()


class _Lent(Session):
    """What `work` is given: for Core statements on a connection that one thread of the store keeps.

    A Session that begins a transaction of its own asks for its connection through six layers, at every statement, and
    SQLAlchemy's own transactions take longer than most of ours (docs/adr/0008). What only an ORM session could do is
    refused: this one is never flushed. info: what may be remembered about committed rows; emptied by every failure.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(bind=connection)
        self.lent = connection
        sqlite = connection.dialect.name == "sqlite"
        self.driver = cast("sqlite3.Connection", connection.connection.driver_connection) if sqlite else None
        self._begin = str(connection.engine.get_execution_options().get(BEGIN, "BEGIN"))

    def carry_out(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one transaction. Raises what it raises, and what the database raises."""
        done = False
        try:
            if self.driver is None:
                with self.lent.begin():
                    result = work(self)
            else:
                self.driver.execute(self._begin)
                result = work(self)
                self.driver.commit()
            done = True
        finally:
            if not done:
                self.info.clear()
                if self.driver is not None:
                    self.driver.rollback()
        return result

    def connection(self, bind_arguments: Any = None, execution_options: Any = None) -> Connection:
        return self.lent

    def add(self, instance: object, _warn: bool = True) -> None:
        raise TypeError("rows are written with statements of Core (bot/store/statement.py)")

    def execute(self, *_: Any, **__: Any) -> Any:
        raise TypeError("use bot.store.statement.Statement or session.connection().execute")


def parse_url(url: str) -> URL:
    """The parsed url. Raises ConfigurationError unless it names a SQLite file or Postgres with psycopg."""
    fix = "write sqlite+aiosqlite:///path/to/countersign.db or postgresql+psycopg://user@host/name."
    try:
        place = make_url(url)
        place.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigurationError("is not a database address.", place="DATABASE_URL", fix=fix) from error
    in_memory = place.get_backend_name() == "sqlite" and place.database in (None, "", ":memory:")
    if in_memory or place.drivername not in ("sqlite", "sqlite+aiosqlite", "postgresql+psycopg"):
        raise ConfigurationError(f"{place.drivername} cannot be used.", place="DATABASE_URL", fix=fix)
    return place.set(drivername="sqlite") if place.get_backend_name() == "sqlite" else place


def prepare_file(place: URL) -> None:
    """Create the folder and the file readable by the owner only; SQLite gives its side files the same mode."""
    path = Path(place.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be opened ({error.strerror}).",
            place="DATABASE_URL",
            fix="name a file in a folder this user may write to.",
        ) from error


def sqlite_engine(place: URL, *, begin: str, query_only: bool) -> Engine:
    """An engine whose connections have the pragmas of the design and whose transactions start with `begin`."""
    sizes = {"pool_size": READERS, "max_overflow": READERS} if query_only else {"pool_size": 1, "max_overflow": 0}
    options = {BEGIN: begin}
    engine = create_engine(place, connect_args={"check_same_thread": False}, execution_options=options, **sizes)
    pragmas = (
        f"PRAGMA busy_timeout={BUSY_MS}",
        "PRAGMA journal_mode=WAL" if not query_only else "PRAGMA query_only=ON",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; the next listener does
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        if not driver.in_transaction:  # the store has begun already, in `_Lent.carry_out`
            driver.execute(begin)

    return engine


def translated(error: DBAPIError | sqlite3.Error, *, reading: bool) -> Transient | Permanent:
    """Our failure for a database failure: Transient when it may pass, else Permanent."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = str(cause)
    code = getattr(cause, "sqlite_errorcode", None)
    if reading and code == READONLY:
        return Permanent(f"a read tried to write: {said}")
    if isinstance(error, REFUSED):
        return Permanent(f"the database refused the row: {said}")
    passing = code & 0xFF in PASSING if code is not None else isinstance(error, LATER)
    if passing or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return Transient(f"the database cannot do this now: {said}")
    return Permanent(f"the database cannot do this: {said}")
