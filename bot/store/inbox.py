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
from bot.store.inbox_rows import BAD_VALUE, TABLES, Row, add_all, checkpointed, connect, mark_done

T = TypeVar("T")

BATCH = 1000
WAITING = 10_000
RETRY_AFTER = 5.0
IDLE_AFTER = 0.25  # seconds without work after which the write-ahead log may be folded back
CHECKPOINT_AFTER = 1000  # jobs since the last time: about the 4 MB after which SQLite would do it, storm or not


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
    row: Row | None = None
    work: Callable[[sqlite3.Connection], Any] | None = None


class Inbox:
    """Made by `Inbox.open`; its methods belong to the event loop that calls them."""

    def __init__(self, path: Path, waiting: int) -> None:
        self._path = path
        self._limit = waiting
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._unanswered = 0
        self._crowd = 0
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
        self._unanswered += 1
        self._crowd = max(self._crowd, self._unanswered)
        try:
            return bool(await job.answer)
        finally:
            self._unanswered -= 1

    @property
    def crowd(self) -> int:
        """The most deliveries that waited at once for their commit since `count_anew`: how hard it pours."""
        return self._crowd

    def count_anew(self) -> None:
        """Begin another count of the crowd with those who wait now."""
        self._crowd = self._unanswered

    async def take(self, limit: int, *, only: str = "", but: str = "") -> list[Delivered]:
        """The oldest deliveries that are neither done nor quarantined; they stay until `done`. Raises Transient.

        only: of this source; but: of every source except this one.
        """
        sql = (
            "SELECT id, source, key, headers, body, received_at FROM inbox WHERE state = 0 "
            "AND (? = '' OR source = ?) AND source <> ? ORDER BY id LIMIT ?"
        )
        return await self._read(lambda connection: delivered(connection.execute(sql, (only, only, but, limit))))

    async def done(self, ids: Iterable[int]) -> None:
        """They are processed; the rows stay, so that a late repeat is still a duplicate. Raises Transient."""
        some = list(ids)
        if some:
            await self._do(lambda connection: mark_done(connection, some))

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
        jobs = 0  # since the log was folded back
        while True:
            try:
                job = self._queue.get(timeout=IDLE_AFTER if jobs >= CHECKPOINT_AFTER else None)
            except queue.Empty:
                if connection is not None and not checkpointed(connection):
                    connection.close()
                    connection = None
                jobs = 0
                continue
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
                jobs += len(batch)
            if job is None:
                break
        if connection is not None:
            connection.close()

    def _commit(self, connection: sqlite3.Connection | None, batch: list[Job]) -> sqlite3.Connection | None:
        """One transaction for the whole batch, then every answer. After a failure the connection is made anew."""
        try:
            connection = connection or connect(self._path)
            connection.execute("BEGIN IMMEDIATE")
            answers = perform(connection, batch)
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


def delivered(rows: Iterable[tuple[int, str, str, str, bytes, str]]) -> list[Delivered]:
    """Rows of the table as values; the headers of most deliveries are the same text."""
    known: dict[str, dict[str, str]] = {}
    found = []
    for number, source, key, headers, body, at in rows:
        if headers not in known:
            known[headers] = json.loads(headers)
        found.append(Delivered(number, source, key, dict(known[headers]), body, parse_utc(at)))
    return found


def perform(connection: sqlite3.Connection, batch: list[Job]) -> list[Any]:
    """Every job inside the transaction: its result, or the exception that is its own fault alone."""
    added = iter(add_all(connection, [job.row for job in batch if job.row is not None]))
    return [next(added) if job.row is not None else done_alone(connection, job) for job in batch]


def done_alone(connection: sqlite3.Connection, job: Job) -> Any:
    """A job that is no row to insert."""
    try:
        return job.work(connection) if job.work is not None else None
    except BAD_VALUE as error:
        return Permanent(f"this cannot be stored: {error}")


def settle(answers: list[tuple[asyncio.Future[Any], Any]]) -> None:
    """Hand the answers to those who wait, in their loop; one that was cancelled meanwhile needs none."""
    for future, answer in answers:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
