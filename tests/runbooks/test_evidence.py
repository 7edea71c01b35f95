"""Observed values in words: short, plain, and never a line that may hold a secret."""

from __future__ import annotations

from typing import Any

import pytest

from runbooks.evidence import asked_for, in_words, observed

SEEN = {
    "facts": {"health": {"status": 200, "ok": True}, "state": {"state": "RUNNING"}, "pool": {"members": [1, 2]}},
    "incident": {"severity": "critical"},
}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("facts.health.status != 200", "health.status is 200"),
        ("!facts.health.ok", "health.ok is true"),
        (
            "incident.severity in ['error'] && facts.state.state != 'RUNNING'",
            "incident.severity is critical, state.state is RUNNING",
        ),
        ("size(facts.pool.members) < 2", "pool.members is 2 entries"),
        ("facts.health.status > 1 && facts.health.status < 9", "health.status is 200"),
        ("facts.nothing.here == 1", ""),
        ("facts.health.status.deeper == 1", ""),
        ("true", ""),
        ("", ""),
    ],
)
def test_the_values_a_condition_asks_about(condition: str, said: str) -> None:
    assert observed(condition, SEEN) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.1 + 0.2, "0.3"),
        (None, "not known"),
        ({"a": 1}, "1 values"),
        ("v2.3-rc1", "v2.3-rc1"),
        ("password = hunter2", "another text"),
        ("<!channel>", "another text"),
        ("line\nbreak", "another text"),
        ("x" * 25, "another text"),
        ("", "another text"),
        ("\ud800", "another text"),
    ],
)
def test_T46_a_value_is_shown_only_when_it_is_short_and_plain(value: Any, said: str) -> None:
    assert in_words(value) == said


def test_no_more_than_four_values() -> None:
    condition = " && ".join(f"facts.f.v{n} == 1" for n in range(9))
    assert observed(condition, {"facts": {"f": {f"v{n}": n for n in range(9)}}}).count(" is ") == 4


def test_the_fields_of_facts_that_a_condition_asks_for() -> None:
    condition = "incident.severity == 'x' && (facts.health.status != 200 || facts.a.b.c > 1) && facts.health.status > 1"
    assert asked_for(condition) == ("health.status", "a.b.c")
    assert asked_for("true") == ()
