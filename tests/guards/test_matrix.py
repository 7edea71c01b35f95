"""guards/matrix.py."""

from __future__ import annotations

import pytest

import guards
from guards.matrix import MatrixCell
from guards.testing import frozen

ASKS = guards.RequireConfirmation(message="Sure?")


@pytest.mark.parametrize(
    ("word", "guard", "changes", "expected"),
    [
        ("auto", None, {}, "allow"),
        ("confirm", ASKS, {}, "ask"),
        ("confirm", None, {}, "forbidden"),
        ("forbid", None, {}, "forbidden"),
        ("forbid", guards.Forbidden(reason="x"), {}, "forbidden"),
        ("typo", None, {}, "forbidden"),
        ("auto", None, {"environment": ""}, "missing_environment"),
        ("auto", None, {"risk": ""}, "missing_risk"),
        ("auto", None, {"action": ""}, "missing_action"),
        ("auto", None, {"environment": "prod"}, "wrong_cell"),
        ("auto", None, {"risk": "read"}, "wrong_cell"),
        ("auto", None, {"actor": None}, "allow"),
    ],
)
def test_a_cell_says_what_its_word_says(
    word: str, guard: guards.Guard | None, changes: dict[str, object], expected: str
) -> None:
    cell = MatrixCell(environment="dev", risk="safe", word=word, guard=guard)
    decision = guards.decide([cell], frozen(**changes))
    assert (decision.denials[0].code if decision.denials else decision.outcome) == expected


def test_T42_the_risk_forbidden_stays_forbidden() -> None:
    cell = MatrixCell(environment="dev", risk="forbidden", word="auto")
    assert guards.decide([cell], frozen(risk="forbidden")).denials[0].code == "forbidden"
