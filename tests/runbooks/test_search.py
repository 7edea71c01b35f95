"""Text search: BM25 over what a runbook says of itself, with the words that a hit was found by."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.model import Runbook
from runbooks.search import MAX_TEXT, TextSearch, name_in_words, texts_of, words

TEXTS = {
    "heap": ("Java heap is full", "The process ran out of memory and the garbage collector cannot keep up."),
    "disk": ("Disk is nearly full", "Old logs and temporary files fill the volume."),
    "queue": ("Dead letters pile up", "Messages that nobody could read wait in the dead letter queue."),
    "certificate": ("A certificate ends soon", "Clients will refuse the connection once the certificate has ended."),
}


@pytest.fixture
def books(make: Callable[..., Runbook]) -> dict[str, Runbook]:
    plain = make('  symptoms: ["service down", "elevated 5xx"]\n', "")
    return {
        name: plain.model_copy(update={"id": name, "title": title, "description": description})
        for name, (title, description) in TEXTS.items()
    }


@pytest.mark.parametrize(
    ("text", "first", "by"),
    [
        ("garbage collector of the heap", "heap", {"garbage", "collector", "heap"}),
        ("LOGS fill /var", "disk", {"log", "fill"}),
        ("dead letters", "queue", {"dead", "letter"}),
        ("certificates have ended", "certificate", {"certificate", "ended"}),
    ],
)
def test_R6_the_most_telling_text_comes_first_and_says_why(
    books: dict[str, Runbook], text: str, first: str, by: set[str]
) -> None:
    hits = TextSearch(texts_of(books))(words(text))
    assert hits[0].name == first
    assert set(hits[0].words) == by
    assert 0 < hits[0].share < 1


@pytest.mark.parametrize("text", ["", "the of and is to", "zebra", "\ud800\udc00 \x00"])
def test_nothing_that_tells_is_no_hit(books: dict[str, Runbook], text: str) -> None:
    assert TextSearch(texts_of(books))(words(text)) == ()


def test_repeating_a_word_does_not_make_it_more_telling(books: dict[str, Runbook]) -> None:
    search = TextSearch(texts_of(books))
    assert search(["heap"] * 10_000) == search(["heap"])


def test_words_that_most_runbooks_have_tell_none_apart(books: dict[str, Runbook]) -> None:
    many = {f"{name}-{n}": book for n in range(5) for name, book in books.items()}
    common = {name: book.model_copy(update={"meaning": "something is slow"}) for name, book in many.items()}
    assert TextSearch(texts_of(common))(["slow"]) == ()


def test_one_word_that_several_of_a_few_runbooks_have_is_chance(books: dict[str, Runbook]) -> None:
    common = {name: book.model_copy(update={"meaning": "something is slow"}) for name, book in books.items()}
    assert TextSearch(texts_of(common))(["slow"]) == ()
    assert TextSearch(texts_of(common))(["slow", "garbage"])[0].words == ("garbage", "slow")


def test_equals_are_ordered_by_name_whatever_the_order_of_the_catalogue(books: dict[str, Runbook]) -> None:
    twins = dict.fromkeys(("c", "a", "b"), books["heap"]) | books
    backwards = dict(reversed(twins.items()))
    assert [h.name for h in TextSearch(texts_of(twins))(["garbage", "heap", "java"])] == ["a", "b", "c", "heap"]
    assert TextSearch(texts_of(twins))(["heap", "full"]) == TextSearch(texts_of(backwards))(["heap", "full"])


def test_an_empty_catalogue_and_empty_texts_can_be_searched(books: dict[str, Runbook]) -> None:
    silent = {"x": books["heap"].model_copy(update={"title": "", "description": ""})}
    assert TextSearch({})(["heap"]) == ()
    assert TextSearch(texts_of(silent))(["heap"]) == ()


def test_it_agrees_with_fts5_about_the_best_hit(books: dict[str, Runbook]) -> None:
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE VIRTUAL TABLE texts USING fts5(name UNINDEXED, body)")
    except sqlite3.OperationalError:
        pytest.skip("this Python's SQLite has no FTS5")
    database.executemany(
        "INSERT INTO texts VALUES (?, ?)", [(n, " ".join(words(f"{t}\n{d}"))) for n, (t, d) in TEXTS.items()]
    )
    search = TextSearch(texts_of(books))
    for asked in ("heap memory", "disk logs volume", "dead queue", "certificate connection"):
        query = " OR ".join(words(asked))
        (theirs,) = database.execute("SELECT name FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT 1", (query,))
        assert search(words(asked))[0].name == theirs[0]
    database.close()


def test_a_long_text_is_read_to_its_bound() -> None:
    assert words("x" * MAX_TEXT + " beyond") == ("x" * MAX_TEXT,)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("HighErrorRate", "High Error Rate"),
        ("KubePodCrashLooping", "Kube Pod Crash Looping"),
        ("disk_full", "disk_full"),
        ("p95Latency", "p95 Latency"),
        ("OOMKilled", "OOMKilled"),
        ("", ""),
    ],
)
def test_an_alert_name_is_taken_apart(name: str, said: str) -> None:
    assert name_in_words(name) == said


@given(st.text(max_size=300))
def test_any_text_has_words(text: str) -> None:
    assert all(word and word == word.strip() for word in words(name_in_words(text)))
