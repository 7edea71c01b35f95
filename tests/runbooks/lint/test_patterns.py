"""Patterns that look for nothing, and what may be cut off one without changing what it finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks import pattern
from runbooks.lint.patterns import fits_any_output, without_padding


@pytest.mark.parametrize("text", ["", ".*", ".", "(?s).+", "a|", "(OK)?", "[^q]", r"\b|$", "x*"])
def test_it_fits_anything(text: str) -> None:
    assert fits_any_output(text)


@pytest.mark.parametrize("text", ["OK", r"\d", "^[a-z]+$", "(empty list or set)", "error|fail"])
def test_it_looks_for_something(text: str) -> None:
    assert not fits_any_output(text)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        (".*OK.*", "OK"),
        (".*?OK", "OK"),
        ("OK.*?", "OK"),
        ("OK", "OK"),
        (r"OK\.*", r"OK\.*"),
        (r"OK\\.*", r"OK\\"),
        (".*", ".*"),
        ("(?s).*OK", "(?s).*OK"),
        (".*?+", ".*?+"),
        ("a.*b", "a.*b"),
        (r"\Q.*", r"\Q.*"),
        (".*|a", ".*|a"),
    ],
)
def test_only_what_says_nothing_is_cut(text: str, bare: str) -> None:
    assert without_padding(text) == bare


PIECES = st.lists(
    st.sampled_from(["a", "b", r"\.", ".", ".*", ".*?", "|", "(ab)", "^", "$", "[a.]", r"\\", "+"]), max_size=6
)


@given(PIECES, st.lists(st.text("ab.\\\n", max_size=6), min_size=1, max_size=5))
def test_the_shorter_pattern_finds_what_the_longer_one_found(pieces: list[str], texts: list[str]) -> None:
    text = "".join(pieces)
    try:
        pattern.check(text)
    except pattern.PatternError:
        return
    bare = without_padding(text)
    pattern.check(bare)
    assert [pattern.search(text, each) for each in texts] == [pattern.search(bare, each) for each in texts]
