"""Did you mean: the nearest known word, or nothing (runbooks/spelling.py)."""

from __future__ import annotations

import time

import pytest

from runbooks.spelling import did_you_mean, nearest

KNOWN = ("precheck", "rollback", "rollback_note", "verify", "supervisor.restart", "caution")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("pre_check", "precheck"),
        ("Precheck", "precheck"),
        ("verfiy", "verify"),
        ("roll-back", "rollback"),
        ("supervisor_restart", "supervisor.restart"),
        ("cautious", "caution"),
        ("", ""),
        ("x", ""),
        ("kubernetes", ""),
    ],
)
def test_the_nearest_word_or_none(word: str, found: str) -> None:
    assert nearest(word, KNOWN) == found
    assert did_you_mean(word, KNOWN) == (f"did you mean {found}?" if found else "")


def test_T40_a_huge_word_is_compared_in_no_time() -> None:
    began = time.perf_counter()
    assert nearest("precheck" * 100_000, KNOWN) == ""
    assert time.perf_counter() - began < 0.5
    assert nearest("anything", ()) == ""
