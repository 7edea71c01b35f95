"""Patterns and names: RE2 only, full matches, ASCII."""

from __future__ import annotations

import time

import pytest

from runbooks import pattern

BAD = ["(", "(?=x)", r"(a)\1", "(a{1000}){1000}", "a" * 501, "\ud800", "[z-a]"]


@pytest.mark.parametrize("text", BAD)
def test_T40_what_re2_does_not_accept_is_an_error(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(pattern.PatternError):
        pattern.check(text)
    assert capfd.readouterr().err == ""


def test_T40_catastrophic_pattern_is_linear() -> None:
    started = time.perf_counter()
    assert pattern.search("(a+)+$", "a" * 1_000_000 + "b") is False
    assert time.perf_counter() - started < 1.0


def test_search_finds_and_survives_odd_output() -> None:
    assert pattern.search("OK", "+OK\n")
    assert not pattern.search("(empty list or set)", "OK")
    assert pattern.search("OK", "\ud800 OK")
    assert pattern.matches_anything("a*")
    assert not pattern.matches_anything("OK")


NOT_NAMES = [
    "",
    "-a",
    "--all",
    ".a",
    "_a",
    "a\n",
    "a b",
    "a;b",
    "w\u0435b-1",
    "\uff57eb",
    "a\x00",
    "A",
    "x" * 64,
    "@file",
    "a=b",
]


@pytest.mark.parametrize("text", NOT_NAMES)
def test_T33_identifiers_begin_with_a_letter_or_digit_and_match_whole(text: str) -> None:
    assert not pattern.is_identifier(text)


def test_names_that_are_fine() -> None:
    assert pattern.is_identifier("web-1.a_b")
    assert pattern.is_target_name("Demo:web-1")
    assert pattern.is_choice("v1.2+build/3")
    assert pattern.is_environment("prod")
    assert pattern.is_parameter_name("older_than_days")


@pytest.mark.parametrize(
    ("title", "wanted"),
    [("Restart the API!", "restart-the-api"), ("  ", ""), ("ÄÖ", ""), ("x" * 80, "x" * 63), ("a--b", "a-b")],
)
def test_an_id_is_made_of_a_title(title: str, wanted: str) -> None:
    assert pattern.identifier(title) == wanted
