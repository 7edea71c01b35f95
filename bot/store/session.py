"""The store: opens the app database and runs one function per transaction, in a thread of its own.

Made by bot/app.py and by CLI commands; every other module gets it as an argument. Writes are serialised in one thread and
start with BEGIN IMMEDIATE; reads run beside them on their own connections (WAL). A whole transaction costs one hop between
threads instead of one per statement, which was ten times slower (docs/adr/0008). Foreign errors end here: nobody above sees
SQLAlchemy. Must not hold a transaction open across anything but the given synchronous function.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError
from sqlmodel import Session

from bot.errors import ConfigurationError, Permanent, Transient
from bot.store import schema

T = TypeVar("T")

READERS = 4
BUSY_MS = 30_000
# SQLite primary result codes that say "not now" (https://www.sqlite.org/rescode.html): BUSY, LOCKED, READONLY,
# INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL. Everything else is our mistake and will not pass by itself.
PASSING = frozenset({5, 6, 8, 9, 10, 13, 14, 15})
READONLY = 8


class Store:
    """The app database. Safe for concurrent use in one event loop; `work` must not touch the loop."""

    def __init__(self, reader: Engine, writer: Engine) -> None:
        self._reader = reader
        self._writer = writer
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._under_way: set[asyncio.Future[Any]] = set()

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

    async def close(self) -> None:
        """Finish the transactions under way and close every connection."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for pool in (self._writing, self._reading):
            pool.shutdown()  # idle now, so this does not hold up the loop; its own pool may be gone with the engine
        self._reader.dispose()
        self._writer.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            started = asyncio.get_running_loop().run_in_executor(pool, work)
        except RuntimeError as error:  # the pool was shut down
            raise Transient("the store is closed") from error
        self._under_way.add(started)
        started.add_done_callback(self._under_way.discard)
        return await asyncio.shield(started)

    def _read(self, work: Callable[[Session], T]) -> T:
        try:
            with Session(self._reader) as session:
                return work(session)
        except DBAPIError as error:
            raise translated(error, reading=True) from error

    def _write(self, work: Callable[[Session], T]) -> T:
        try:
            with Session(self._writer, expire_on_commit=False) as session, session.begin():
                return work(session)
        except DBAPIError as error:
            raise translated(error, reading=False) from error

    def _migrate(self) -> None:
        try:
            with self._writer.connect() as connection:
                found = schema.version(connection)
            if found == schema.HEAD:
                return
            with self._writer.begin() as connection:
                schema.upgrade_connection(connection)
        except DBAPIError as error:
            raise translated(error, reading=False) from error


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
    engine = create_engine(place, connect_args={"check_same_thread": False}, **sizes)
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
        connection.exec_driver_sql(begin)

    return engine


def translated(error: DBAPIError, *, reading: bool) -> Transient | Permanent:
    """Our failure for a database failure: Transient when it may pass, else Permanent."""
    said = str(error.orig)
    code = getattr(error.orig, "sqlite_errorcode", None)
    if reading and code == READONLY:
        return Permanent(f"a read tried to write: {said}")
    if isinstance(error, IntegrityError):
        return Permanent(f"the database refused the row: {said}")
    passing = code & 0xFF in PASSING if code is not None else isinstance(error, OperationalError)
    if passing or error.connection_invalidated:
        return Transient(f"the database cannot do this now: {said}")
    return Permanent(f"the database cannot do this: {said}")
