"""What the matcher looks at: text of the alert, log lines of facts, bounded, whatever their shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.search import MAX_TEXT
from runbooks.situation import MAX_FIELDS, MAX_LINES, Situation, alert_texts, passages

ALERT = Situation(title="Payments are slow", alert="HighErrorRate", details={"host": "web-1\nweb-2"})


def _texts(situation: Situation, **facts: dict[str, Any]) -> list[tuple[str, str]]:
    return [(p.place, p.text) for p in passages(situation, facts)]


def test_the_alert_comes_first_then_lines_given_then_lines_of_facts_newest_first() -> None:
    situation = Situation(title="slow", log_lines=("given",), details={"host": "web-1\nweb-2"})
    assert _texts(situation, logs={"lines": ["old", "new"]}) == [
        ("the title", "slow"),
        ("the alert's host", "web-1"),
        ("the alert's host", "web-2"),
        ("log line 1", "given"),
        ("a log line (logs)", "new"),
        ("a log line (logs)", "old"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"lines": ["boom"]},
        {"lines": "boom"},
        {"log": "boom\n"},
        {"excerpt": ("boom",)},
        {"messages": [{"message": "boom", "at": 1}]},
        {"lines": [{"line": "boom"}, 7, None]},
    ],
)
def test_the_shapes_in_which_facts_carry_log_lines(value: dict[str, Any]) -> None:
    assert _texts(Situation(), logs=value) == [("a log line (logs)", "boom")]


@pytest.mark.parametrize(
    "value", [{"past": [{"title": "boom"}]}, {"lines": 7}, {"lines": {"a": "boom"}}, {"summary": "boom"}, {}]
)
def test_other_values_are_not_log_lines(value: dict[str, Any]) -> None:
    assert _texts(Situation(), changes=value) == []


def test_what_the_monitor_said_counts_as_the_alert() -> None:
    said = {"alert_details": {"summary": "heap full", "details": {"error": "OutOfMemoryError", "count": 3}}}
    assert ("the monitor's error", "OutOfMemoryError") in _texts(Situation(), **said)
    assert alert_texts(Situation(), said) == (("heap", "full"), ("outofmemoryerror",))


def test_the_alerts_name_is_taken_apart_for_words() -> None:
    assert alert_texts(ALERT, {}) == (
        ("high", "error", "rate"), ("payment", "are", "slow"), ("web", "1", "web", "2"),
    )  # fmt: skip


def test_everything_is_bounded() -> None:
    situation = Situation(details={f"k{n}": "v" for n in range(1000)}, log_lines=tuple(f"l{n}" for n in range(1000)))
    found = _texts(situation, logs={"lines": [f"f{n}" for n in range(1000)]})
    assert len(found) == MAX_FIELDS + 2 * MAX_LINES
    assert ("a log line (logs)", "f999") in found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["lines", "log", "details", "summary", "x"])


@given(st.dictionaries(st.sampled_from(["logs", "alert_details"]), st.dictionaries(KEYS, JSON, max_size=4), max_size=2))
def test_facts_of_any_shape_can_be_looked_at(facts: dict[str, dict[str, Any]]) -> None:
    assert all(isinstance(p.text, str) and p.place for p in passages(ALERT, facts))
    assert alert_texts(ALERT, facts)


def test_conditions_see_the_incidents_fields() -> None:
    seen = Situation(title="t", alert="A", labels={"a": "b"}).variables()
    assert (seen["alert"], seen["alert_name"], seen["labels"], seen["environment"]) == ("A", "A", {"a": "b"}, "")


def test_a_talkative_alert_neither_hides_the_log_nor_costs_more_than_its_bound() -> None:
    loud = Situation(title="x", details={f"k{n}": "word\n" * 5000 for n in range(40)})
    assert _texts(loud, logs={"lines": ["boom"]})[-1] == ("a log line (logs)", "boom")
    assert sum(len(" ".join(text)) for text in alert_texts(loud, {})) <= MAX_TEXT
