"""Conditions: what cannot be answered is an error, never a yes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.expression import (
    ExpressionError,
    check,
    condition_variables,
    facts_named,
    holds,
    is_constant,
    proof_variables,
)

WRONG = [
    "",
    "a =",
    "status ===",
    "now() > 1",
    "1",
    "'yes'",
    "x" * 501,
    "f(x)",
    "a.all(b, b).all(c, c).all(d, d)",
    "a.?b",
]


@pytest.mark.parametrize("text", WRONG)
def test_check_refuses(text: str) -> None:
    with pytest.raises(ExpressionError):
        check(text)


@pytest.mark.parametrize(
    "text", ["status == 200", "incident.severity in ['critical', 'error']", "has(facts.disk) && size(x) > 1"]
)
def test_check_accepts(text: str) -> None:
    check(text)
    assert not is_constant(text)


UNPROVEN = [
    ("status == 200", {}),
    ("status != 200", {"status": None}),
    ("facts.health.status != 200", {"facts": {}}),
    ("facts.health.status != 200", {"facts": {"health": {}}}),
    ("status < 200", {"status": "100"}),
    ("status", {"status": 1}),
    ("status / zero > 1", {"status": 1, "zero": 0}),
    ("9223372036854775807 + n > 0", {"n": 1}),
]


@pytest.mark.parametrize(("text", "variables"), UNPROVEN)
def test_missing_or_odd_data_proves_nothing(text: str, variables: dict[str, object]) -> None:
    with pytest.raises(ExpressionError):
        holds(text, variables)


ANSWERS = [
    ("status == 200", {"status": 200}, True),
    ("status == 200", {"status": "200"}, False),
    ("status == 1", {"status": True}, False),
    ("used_percent < 80", {"used_percent": 79.9}, True),
    ("facts.state.state != 'RUNNING' || facts.health.status != 200", {"facts": {"state": {"state": "EXITED"}}}, True),
    ("tags.exists(t, t == 'a')", {"tags": ["b", "a"]}, True),
]


@pytest.mark.parametrize(("text", "variables", "answer"), ANSWERS)
def test_holds(text: str, variables: dict[str, object], answer: bool) -> None:
    assert holds(text, variables) is answer


def test_proof_and_condition_variables() -> None:
    assert holds("status == 200 && facts.health.status == 200", proof_variables("health", {"status": 200}))
    assert holds("incident.x == 1 && facts.a.b == 2", condition_variables({"x": 1}, {"a": {"b": 2}}))


def test_facts_named_reads_both_spellings() -> None:
    assert facts_named("facts.health.status == 1 || facts['disk'].x == facts [\"tcp\"].y") == {"health", "disk", "tcp"}


def test_T40_patterns_in_conditions_take_linear_time() -> None:
    started = time.perf_counter()
    assert holds("text.matches('(a+)+$')", {"text": "a" * 5000 + "b"}) is False
    assert time.perf_counter() - started < 1.0


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_an_expression_error(text: str) -> None:
    try:
        check(text)
        answer = holds(text, {})
    except ExpressionError as error:
        assert str(error)
    else:
        assert answer in (True, False)
