"""guards/error_budget.py."""

from __future__ import annotations

import pytest

import guards
from guards.testing import frozen


@pytest.mark.parametrize(
    ("percent", "burned", "expected"),
    [
        (20, None, "missing_context"),
        (20, 0, "allow"),
        (20, 0.2, "allow"),
        (20, 0.2000001, "error_budget"),
        (7, 0.07, "allow"),
        (20, 3, "error_budget"),
        (0, 0.0, "allow"),
        (0, 1e-9, "error_budget"),
        (20, -0.1, "guard_error"),
        (20, float("nan"), "guard_error"),
        (20, float("-inf"), "guard_error"),
        (20, True, "guard_error"),
        (20, "0", "guard_error"),
    ],
)
def test_not_more_than_its_share(percent: float, burned: float | None, expected: str) -> None:
    (guard,) = guards.guards_of(guards.error_budget(max_burned_percent=percent)(lambda: 1))
    assert guard == guards.ErrorBudget(max_burned_percent=percent)
    decision = guards.decide([guard], frozen(budget_burned=burned))
    assert [d.code for d in decision.denials] == ([] if expected == "allow" else [expected])
    assert guard.inputs(frozen(budget_burned=burned)) == {"budget_burned": burned, "max_burned_percent": percent}
    assert guards.decide([guard], frozen(budget_burned=burned, risk="read")).outcome == "allow"


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf")])
def test_T34_wrong_options_are_errors_at_decoration(wrong: float) -> None:
    with pytest.raises(ValueError, match="error_budget"):
        guards.error_budget(max_burned_percent=wrong)


@pytest.mark.parametrize(("burned", "told"), [(0.125, "12.5"), (0.25, "25"), (3, "300")])
def test_the_reason_says_how_much_in_percent(burned: float, told: str) -> None:
    verdict = guards.ErrorBudget(max_burned_percent=20).check(frozen(budget_burned=burned))
    assert not isinstance(verdict, guards.Ask)
    assert verdict.reason == f"Automation has burned {told} of at most 20 percent of the budget."
