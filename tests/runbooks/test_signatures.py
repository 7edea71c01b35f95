"""Known error signatures: found in any text given, all at once, in linear time, and never left out."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import re2

from runbooks import pattern, signatures
from runbooks.model import Match, Runbook
from runbooks.pattern import PatternError
from runbooks.signatures import MAX_LINE, MAX_PLACES, TOGETHER, Found, Passage, SignatureSearch

OOM = r"java\.lang\.OutOfMemoryError"
REFUSED = r"(?i)cannot connect to \w+"


@pytest.fixture
def books(make: Callable[..., Runbook]) -> Callable[..., dict[str, Runbook]]:
    plain = make()

    def _books(**wanted: tuple[str, ...]) -> dict[str, Runbook]:
        return {n: plain.model_copy(update={"id": n, "match": Match(signatures=s)}) for n, s in wanted.items()}

    return _books


Books = Callable[..., dict[str, Runbook]]


def test_R6_a_signature_is_found_with_its_place(books: Books) -> None:
    search = SignatureSearch(books(heap=(OOM,), net=(REFUSED, OOM), other=("never",)))
    found = search([Passage("the title", "payments slow"), Passage("line 7", "x java.lang.OutOfMemoryError: heap")])
    assert found == {"heap": Found(OOM, "line 7"), "net": Found(OOM, "line 7")}
    assert search([Passage("a", "Cannot Connect to db")]) == {"net": Found(REFUSED, "a")}


@pytest.mark.parametrize("text", ["", " ", "\ud800", "\x00", "java-lang-OutOfMemoryError", "x" * 100_000])
def test_other_text_has_none(books: Books, text: str) -> None:
    assert SignatureSearch(books(heap=(OOM,)))([Passage("t", text)]) == {}


def test_the_first_passage_wins_and_twice_is_once(books: Books) -> None:
    line = "java.lang.OutOfMemoryError"
    found = SignatureSearch(books(heap=(OOM,)))([Passage("one", line), Passage("two", line)])
    assert found["heap"].place == "one"


def test_a_pattern_that_re2_refuses_is_an_error_and_not_left_out(books: Books) -> None:
    with pytest.raises(PatternError):
        SignatureSearch(books(bad=("(?=x)",)))


def test_more_patterns_than_one_set_holds_are_all_looked_for(books: Books) -> None:
    many = books(**{f"r{n}": (f"Error{n}x",) for n in range(2 * TOGETHER + 3)})
    found = SignatureSearch(many)([Passage("t", f"Error0x Error{TOGETHER}x Error{2 * TOGETHER + 2}x")])
    assert set(found) == {"r0", f"r{TOGETHER}", f"r{2 * TOGETHER + 2}"}


def test_when_re2_has_no_memory_for_a_set_the_patterns_are_looked_for_one_by_one(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "MEMORY", 1 << 12)
    wanted = books(**{f"r{n}": (f"Error{n}x.*(timeout|refused)",) for n in range(200)})
    options = re2.Options()
    options.log_errors, options.max_mem = False, 1 << 12
    full = re2.Set.SearchSet(options)
    for book in wanted.values():
        full.Add(book.match.signatures[0])
    with pytest.raises(re2.error):
        full.Compile()
    assert set(SignatureSearch(wanted)([Passage("t", "Error77x: refused")])) == {"r77"}


def test_T40_hostile_patterns_and_lines_stay_quick(books: Books) -> None:
    wanted = books(**{f"r{n}": (f"(a+)+b{n}(x+x+)+y",) for n in range(100)})
    search = SignatureSearch(wanted)
    began = time.perf_counter()
    assert search([Passage("t", "a" * MAX_LINE + "x" * n) for n in range(50)]) == {}
    assert time.perf_counter() - began < 5


def test_what_is_looked_at_is_bounded(books: Books) -> None:
    search = SignatureSearch(books(heap=("needle",)))
    assert search([Passage("t", "y" * MAX_LINE + "needle")]) == {}
    assert search([*(Passage("t", f"line {n}") for n in range(MAX_PLACES)), Passage("t", "needle")]) == {}


def test_it_finds_what_a_search_one_by_one_finds(books: Books) -> None:
    wanted = books(a=("^start",), b=("end$",), c=(r"\bword\b",), d=("é+",), e=(".",), f=("(?i)UPPER",))
    for text in ("start", "a start", "the end", "wordy word", "caféé", "upper", "end\n", ""):
        one_by_one = {n for n, book in wanted.items() if text and pattern.search(book.match.signatures[0], text)}
        assert set(SignatureSearch(wanted)([Passage("t", text)])) == one_by_one
