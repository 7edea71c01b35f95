"""guards/require_confirmation.py."""

from __future__ import annotations

import pytest

import guards
from guards.testing import frozen


def test_it_asks_what_it_was_given() -> None:
    decision = guards.explain(
        guards.require_confirmation(message="Clear cache?", timeout="2m")(lambda: 1), frozen(actor=None)
    )
    assert decision.questions == (guards.Ask("confirmation", "Clear cache?", 120.0),)
    assert decision.trace[0].inputs == {"actor": "", "timeout_seconds": 120.0}
    assert guards.decide([guards.RequireConfirmation()], frozen()).trace[0].inputs["actor"] == "tester"


@pytest.mark.parametrize("wrong", [{"message": " "}, {"timeout": 0}, {"timeout": -1}, {"timeout": "never"}])
def test_T34_a_question_says_something_and_ends(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="require_confirmation"):
        guards.require_confirmation(**wrong)  # type: ignore[arg-type]  # reason: wrong on purpose
