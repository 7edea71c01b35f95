"""The inbox's SQLite file: its table, its connections, and how a batch of deliveries gets into it in one statement.

Used by bot/store/inbox.py only, inside its threads. Every call into SQLite gives the GIL away and has to win it back from
whoever computes meanwhile (triage folds in a thread), so what can be one statement is one. Must not look inside a body.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from bot.errors import Permanent

ROWS = 150  # in one INSERT: 750 values, below the oldest limit of SQLite (999)
CHECKPOINT_PAGES = 16_000  # 64 MB: in a storm the log is folded back at the latest then
TABLES = """
CREATE TABLE IF NOT EXISTS inbox (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, key TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL,
    received_at TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', UNIQUE (source, key));
CREATE INDEX IF NOT EXISTS ix_inbox_waiting ON inbox (id) WHERE state = 0;
CREATE INDEX IF NOT EXISTS ix_inbox_quarantined ON inbox (id) WHERE state = 2;
"""
WRITE = "INSERT OR IGNORE INTO inbox (source, key, headers, body, received_at) VALUES "
ONE = "(?, ?, ?, ?, ?)"
NEWEST = "SELECT source, key FROM inbox ORDER BY id DESC LIMIT ?"
DONE = "UPDATE inbox SET state = 1 WHERE id IN (SELECT value FROM json_each(?))"
# what SQLite or its driver cannot hold, as opposed to a disk or a file that fails
BAD_VALUE = (ValueError, OverflowError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)

Row = tuple[str, str, str, bytes, str]
"""source, key, headers as JSON, body, received_at as `utc_text`."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose commits are on disk when they return. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=30, cached_statements=ROWS + 50
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    return connection


def checkpointed(connection: sqlite3.Connection) -> bool:
    """Fold the write-ahead log back. False when that failed; nothing is lost, the log keeps what was committed."""
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.Error:
        return False
    return True


def add_all(connection: sqlite3.Connection, rows: Sequence[Row]) -> list[bool | Permanent]:
    """Insert what is new, inside the caller's transaction.

    For each row in the order given: True when it was new, False for a repeat of (source, key), Permanent when SQLite
    cannot hold it (the others are stored all the same). Raises sqlite3.Error when the file or the disk fails.
    """
    answers: list[bool | Permanent] = []
    for start in range(0, len(rows), ROWS):
        answers += _add(connection, rows[start : start + ROWS])
    return answers


def _add(connection: sqlite3.Connection, rows: Sequence[Row]) -> list[bool | Permanent]:
    try:
        values = [value for row in rows for value in row]
        count = connection.execute(WRITE + ", ".join([ONE] * len(rows)), values).rowcount
    except BAD_VALUE as error:  # nothing of the statement was done
        if len(rows) == 1:
            return [Permanent(f"this delivery cannot be stored: {error}")]
        return [answer for row in rows for answer in _add(connection, [row])]
    if count == len(rows):
        return [True] * count
    new = set(connection.execute(NEWEST, (count,)).fetchall())  # what this statement added has the highest ids
    answers: list[bool | Permanent] = []
    for source, key, *_ in rows:
        answers.append((source, key) in new)
        new.discard((source, key))
    return answers


def mark_done(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """They are processed. Raises sqlite3.Error."""
    connection.execute(DONE, (json.dumps(list(ids)),))
