"""The inbox's file: a batch in one statement says of every row what one statement a row would have said."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Permanent
from bot.store.inbox_rows import ROWS, TABLES, Row, add_all, checkpointed, connect, mark_done

AT = "2026-11-21T12:00:00.000000Z"
NAMES = st.sampled_from(["pagerduty", "github", "sour\ud800ce"])
KEYS = st.sampled_from(["a", "b", "c", "é", "long " * 20])
BATCHES = st.lists(st.lists(st.tuples(NAMES, KEYS, st.binary(max_size=5)), max_size=12), max_size=4)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect(tmp_path / "inbox.db")
    connection.executescript(TABLES)
    yield connection
    connection.close()


def row(key: str, source: str = "pagerduty", body: bytes = b"{}") -> Row:
    return (source, key, "{}", body, AT)


def stored(file: sqlite3.Connection) -> list[tuple[str, str, bytes]]:
    return file.execute("SELECT source, key, body FROM inbox ORDER BY id").fetchall()


def test_T21_each_row_is_told_whether_it_was_new(file: sqlite3.Connection) -> None:
    assert add_all(file, [row("a"), row("b"), row("a")]) == [True, True, False]
    assert add_all(file, [row("b"), row("c"), row("a", "github"), row("c")]) == [False, True, True, False]
    assert add_all(file, [row("a"), row("b")]) == [False, False]
    assert [(source, key) for source, key, _ in stored(file)] == [
        ("pagerduty", "a"),
        ("pagerduty", "b"),
        ("pagerduty", "c"),
        ("github", "a"),
    ]
    assert add_all(file, []) == []


def test_T21_repeats_are_found_across_statements_of_one_batch(file: sqlite3.Connection) -> None:
    many = [row(str(number % (ROWS + 7))) for number in range(3 * ROWS)]
    assert add_all(file, many) == [number < ROWS + 7 for number in range(3 * ROWS)]
    assert len(stored(file)) == ROWS + 7


def test_one_bad_row_is_its_own_fault_alone(file: sqlite3.Connection) -> None:
    answers = add_all(file, [row("a"), row("bad", "sour\ud800ce"), row("b")])
    assert [type(answer) for answer in answers] == [bool, Permanent, bool]
    assert [key for _, key, _ in stored(file)] == ["a", "b"]


def test_after_the_newest_was_deleted_the_answers_are_still_right(file: sqlite3.Connection) -> None:
    add_all(file, [row("a"), row("b")])
    file.execute("DELETE FROM inbox WHERE key = 'b'")
    assert add_all(file, [row("a"), row("b"), row("c")]) == [False, True, True]


@given(batches=BATCHES)
def test_a_batch_answers_as_its_rows_would_one_by_one(batches: list[list[tuple[str, str, bytes]]]) -> None:
    together, single = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    for each in (together, single):
        each.executescript(TABLES)
    for batch in batches:
        rows = [row(key, source, body) for source, key, body in batch]
        at_once = [str(answer) for answer in add_all(together, rows)]
        assert at_once == [str(answer) for one in rows for answer in add_all(single, [one])]
    assert stored(together) == stored(single)
    together.close()
    single.close()


def test_done_ones_are_marked(file: sqlite3.Connection) -> None:
    add_all(file, [row(str(number)) for number in range(5)])
    mark_done(file, [1, 3, 99])
    assert file.execute("SELECT id FROM inbox WHERE state = 1").fetchall() == [(1,), (3,)]


def test_commits_are_on_disk_and_the_log_is_folded_back_when_asked(file: sqlite3.Connection, tmp_path: Path) -> None:
    assert file.execute("PRAGMA synchronous").fetchone() == (2,)
    assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    place = tmp_path / "inbox.db"
    before = place.stat().st_size
    add_all(file, [row(str(number), body=b"x" * 4000) for number in range(1500)])
    assert place.stat().st_size == before, "not by itself at SQLite's 1000 pages"
    assert checkpointed(file)
    assert place.stat().st_size > 1500 * 4000


def test_a_log_that_cannot_be_folded_back_is_no_exception(tmp_path: Path) -> None:
    closed = connect(tmp_path / "inbox.db")
    closed.close()
    assert not checkpointed(closed)
