"""Which patterns are slow in engines that backtrack, judged on their automaton; the judging is bounded itself."""

from __future__ import annotations

import time

import pytest

from runbooks.lint.ambiguity import speed
from runbooks.lint.regex import Unreadable, read

EXPONENTIAL = [
    "(a+)+",
    "(a*)*b",
    "(a|a)*b",
    "(a|aa)+$",
    r"^(\w+\s*)+$",
    r"(\d+|\w+)*x",
    "(.*,)*x",
    "([a-z]+)*[0-9]",
    "(?i)(a|A)+x",
    "(a+b?)+c",
    "((ab)*)*c",
    "(?:x+x+)+y",
    r"(\s|\n)*$",
    "(a{1,})+b",
    r"(\x61|a)+b",
    "([a-c]|[b-d])+x",
]
QUADRATIC = [r"\s+\s+$", ".*.*x", "a*a*b", r"\d+[0-9]*x", r"\w+\d+x"]
LINEAR = [
    "OK",
    "(a+b)+",
    r"(\w+\s)+",
    r"^[a-z]+\.[a-z]+$",
    r"(\d+,)*\d+",
    "(foo|far)+",
    ".*started",
    "a{2,5}",
    "(a|b)+c",
    r"([a-z]+\.)*com",
    r"\Q(a+)+\E",
    "[(a+)+]x",
    "(empty list or set)",
    r"out of memory|OutOfMemory(Error)?",
    r"(?P<word>\w+): (?:connection) (refused|reset)",
    "a{,3}",
    "{x}+",
    "(?i:ab)+c",
    "",
    "()",
    r"\pL+\d",
]


@pytest.mark.parametrize("pattern", EXPONENTIAL)
def test_T40_two_ways_through_one_text_are_exponential(pattern: str) -> None:
    assert speed(pattern) == "exponential"


@pytest.mark.parametrize("pattern", QUADRATIC)
def test_T40_neighbouring_repeats_of_one_text_are_quadratic(pattern: str) -> None:
    assert speed(pattern) == "quadratic"


@pytest.mark.parametrize("pattern", LINEAR)
def test_an_ordinary_pattern_is_not_suspected(pattern: str) -> None:
    assert speed(pattern) == "linear"


def test_a_pattern_that_cannot_be_read_or_is_too_large_is_not_judged() -> None:
    assert speed("a+" * 200) == "linear"
    assert speed(r"\C+(") == "linear"
    for text in ("(", "[a", r"\k", "a)", r"\x{zz}"):
        with pytest.raises(Unreadable):
            read(text)


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
HEAVY = [
    f"({'|'.join(LETTERS)})*x",
    "(.{3}){3}(.{3}){3}" * 9,
    "((((((((((a?){3}){3}){3}){3}){3}){3}){3}){3}){3}){3}+",
    "(" * 30 + "){3}" * 30 + "+",
    "(" * 200 + "a" + ")*" * 100 + ")" * 100,
    "(" * 249 + "a+" + ")" * 249,
    "[" * 499 + "+",
]


@pytest.mark.parametrize("pattern", HEAVY, ids=range(len(HEAVY)))
def test_T40_judging_a_pattern_is_bounded_itself(pattern: str) -> None:
    began = time.process_time()
    assert speed(pattern) in ("linear", "quadratic", "exponential")
    assert time.process_time() - began < 2
