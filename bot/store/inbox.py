"""The inbox: every verified webhook, on disk before it is answered. A separate SQLite file with group commit.

Filled by bot/web.py, emptied by bot/triage.py. One writer thread commits whatever has arrived since the last fsync, so
a storm costs one fsync per batch (reference/performance.md section 1). A correctly signed delivery is stored or refused
with Transient (503), never lost and never doubled (T21, T62). Must not look inside a body.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from bot.errors import ConfigurationError, Permanent, Transient
from bot.store.columns import parse_utc, utc_text

T = TypeVar("T")

BATCH = 1000
WAITING = 10_000
RETRY_AFTER = 5.0
WRITE = "INSERT OR IGNORE INTO inbox (source, key, headers, body, received_at) VALUES (?, ?, ?, ?, ?)"
TABLES = """
CREATE TABLE IF NOT EXISTS inbox (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, key TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL,
    received_at TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', UNIQUE (source, key));
CREATE INDEX IF NOT EXISTS ix_inbox_waiting ON inbox (id) WHERE state = 0;
CREATE INDEX IF NOT EXISTS ix_inbox_quarantined ON inbox (id) WHERE state = 2;
"""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One stored delivery. headers: only those the web server kept, lower-case names. body: the raw bytes."""

    id: int
    source: str
    key: str
    headers: dict[str, str]
    body: bytes
    received_at: datetime


@dataclass(slots=True)
class Job:
    """Work for the writer thread: a row to insert, or another statement to run in the same commit."""

    answer: asyncio.Future[Any]
    row: tuple[str, str, str, bytes, str] | None = None
    work: Callable[[sqlite3.Connection], Any] | None = None


class Inbox:
    """Made by `Inbox.open`; its methods belong to the event loop that calls them."""

    def __init__(self, path: Path, waiting: int) -> None:
        self._path = path
        self._limit = waiting
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inbox-reader")
        self._reading: sqlite3.Connection | None = None
        self._writer = threading.Thread(target=self._write_batches, name="inbox-writer", daemon=True)

    @classmethod
    def open(cls, path: Path | str, *, waiting: int = WAITING) -> Inbox:
        """Open or create the file and start the writer. waiting: deliveries that may queue for the disk.

        Raises ConfigurationError when the file cannot be opened.
        """
        place = Path(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = connect(place)
            connection.executescript(TABLES)
            connection.close()
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"{place} cannot be opened ({error}).", place="state_dir", fix="name a folder this user may write to."
            ) from error
        inbox = cls(place, waiting)
        inbox._writer.start()
        return inbox

    async def accept(
        self, source: str, key: str, headers: Mapping[str, str], body: bytes, received_at: datetime
    ) -> bool:
        """Store one delivery; returns after its commit is on disk. True when new, False for a duplicate (source, key).

        headers: the few that are needed later. Raises Transient when it cannot be stored or too many are waiting, and
        then it is not stored as far as anybody may rely on (the sender repeats it, the key makes that harmless).
        """
        if self._closed or self._queue.qsize() >= self._limit:
            raise Transient("the inbox takes nothing at the moment", retry_after=RETRY_AFTER)
        if not key.isascii():  # header bytes may be half characters, which SQLite refuses; escaped they stay distinct
            key = key.encode("utf-8", "backslashreplace").decode()
        row = (source, key, json.dumps(dict(headers)), body, utc_text(received_at))
        job = Job(asyncio.get_running_loop().create_future(), row)
        self._queue.put(job)
        return bool(await job.answer)

    async def take(self, limit: int, *, only: str = "", but: str = "") -> list[Delivered]:
        """The oldest deliveries that are neither done nor quarantined; they stay until `done`. Raises Transient.

        only: of this source; but: of every source except this one.
        """
        sql = (
            "SELECT id, source, key, headers, body, received_at FROM inbox WHERE state = 0 "
            "AND (? = '' OR source = ?) AND source <> ? ORDER BY id LIMIT ?"
        )
        rows = await self._read(lambda connection: connection.execute(sql, (only, only, but, limit)).fetchall())
        return [Delivered(i, s, k, json.loads(h), bytes(b), parse_utc(at)) for i, s, k, h, b, at in rows]

    async def done(self, ids: Iterable[int]) -> None:
        """They are processed; the rows stay, so that a late repeat is still a duplicate. Raises Transient."""
        some = [(number,) for number in ids]
        if some:
            await self._do(lambda connection: connection.executemany("UPDATE inbox SET state = 1 WHERE id = ?", some))

    async def quarantine(self, delivery_id: int, reason: str) -> None:
        """It cannot be read: kept apart with the reason, never offered again (T22). Raises Transient."""
        sql = "UPDATE inbox SET state = 2, reason = ? WHERE id = ?"
        clean = reason.encode("utf-8", "backslashreplace").decode()
        await self._do(lambda connection: connection.execute(sql, (clean, delivery_id)))

    async def counts(self) -> dict[str, int]:
        """`queued` (not on disk yet), `waiting` (not processed), `quarantined`. Raises Transient."""
        sql = "SELECT (SELECT count(*) FROM inbox WHERE state = 0), (SELECT count(*) FROM inbox WHERE state = 2)"
        waiting, quarantined = await self._read(lambda connection: connection.execute(sql).fetchone())
        return {"queued": self._queue.qsize(), "waiting": waiting, "quarantined": quarantined}

    async def prune(self, before: datetime) -> int:
        """Delete processed deliveries received before an instant; quarantined ones stay. How many. Raises Transient."""
        # ids grow with the time of arrival, so only the old end is looked at and no index is kept for it
        find = "SELECT id FROM inbox WHERE received_at >= ? ORDER BY id LIMIT 1"
        drop = "DELETE FROM inbox WHERE state = 1 AND id < ? AND received_at < ?"
        instant = utc_text(before)

        def work(connection: sqlite3.Connection) -> int:
            kept = connection.execute(find, (instant,)).fetchone()
            return connection.execute(drop, (kept[0] if kept else 2**62, instant)).rowcount

        return int(await self._do(work))

    def close(self) -> None:
        """Take nothing more, store what was accepted for storing, and stop the threads."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._writer.join()
        self._reader.submit(self._close_reader).result()
        self._reader.shutdown()

    async def _do(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        if self._closed:
            raise Transient("the inbox is closed")
        job = Job(asyncio.get_running_loop().create_future(), work=work)
        self._queue.put(job)
        return await job.answer

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise Transient("the inbox is closed")
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._read_now, work)

    def _read_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._reading is None:
                self._reading = connect(self._path)
            return work(self._reading)
        except sqlite3.Error as error:
            self._close_reader()
            raise Transient(f"the inbox cannot be read: {error}") from error

    def _close_reader(self) -> None:
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def _write_batches(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            job = self._queue.get()
            batch: list[Job] = []
            while job is not None:
                batch.append(job)
                if len(batch) == BATCH:
                    break
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch:
                connection = self._commit(connection, batch)
            if job is None:
                break
        if connection is not None:
            connection.close()

    def _commit(self, connection: sqlite3.Connection | None, batch: list[Job]) -> sqlite3.Connection | None:
        """One transaction for the whole batch, then every answer. After a failure the connection is made anew."""
        try:
            connection = connection or connect(self._path)
            connection.execute("BEGIN IMMEDIATE")
            answers = [perform(connection, job) for job in batch]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            failure = Transient(f"the inbox cannot be written: {error}", retry_after=RETRY_AFTER)
            answers = [failure] * len(batch)
            if connection is not None:
                connection.close()  # rolls back
            connection = None
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for job, answer in zip(batch, answers, strict=True):
            by_loop.setdefault(job.answer.get_loop(), []).append((job.answer, answer))
        for loop, some in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, some)
        return connection


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose commits are on disk when they return."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def perform(connection: sqlite3.Connection, job: Job) -> Any:
    """One job inside the transaction: its result, or the exception that is its own fault alone."""
    try:
        if job.row is not None:
            return connection.execute(WRITE, job.row).rowcount == 1
        return job.work(connection) if job.work is not None else None
    except (ValueError, OverflowError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError) as error:
        return Permanent(f"this delivery cannot be stored: {error}")


def settle(answers: list[tuple[asyncio.Future[Any], Any]]) -> None:
    """Hand the answers to those who wait, in their loop; one that was cancelled meanwhile needs none."""
    for future, answer in answers:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
