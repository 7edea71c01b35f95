"""guards/cost_cap.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

import guards
from guards.testing import NOON, frozen

QUESTION = guards.RequireApproval(any_of=("leads",))
GUARD = guards.CostCap(currency="EUR", per_act=50, per_day=100, ask_above=10, question=QUESTION)
NAN = float("nan")


def act(cost: float, hours_ago: float = 1, **changes: object) -> guards.PastAct:
    at = NOON - timedelta(hours=hours_ago)
    return replace(guards.PastAct("a", "other", "prod", "t", "bob", at, "failed", cost=cost), **changes)  # type: ignore[arg-type]  # reason: cases as data


def code(guard: guards.CostCap, **changes: object) -> str:
    decision = guards.decide([guard], frozen(**changes))
    return decision.denials[0].code if decision.denials else decision.outcome


@pytest.mark.parametrize(
    ("cost", "history", "expected"),
    [
        (None, (), "missing_context"),
        (0, (), "allow"),
        (10, (), "allow"),
        (10.01, (), "ask"),
        (50, (), "ask"),
        (50.01, (), "cost_cap"),
        (10, (act(90),), "allow"),
        (10, (act(90.01),), "cost_cap"),
        (10, (act(60), act(60)), "cost_cap"),
        (10, (act(60), act(60, 23.999)), "cost_cap"),
        (10, (act(60), act(60, 24)), "allow"),
        (10, (act(60), act(60, -1)), "cost_cap"),
        (0, (act(100.5),), "cost_cap"),
        (NAN, (), "guard_error"),
        (-1, (), "guard_error"),
        (True, (), "guard_error"),
        (1, (act(NAN),), "guard_error"),
        (1, (act(-1),), "guard_error"),
        (1, (act(1, at=datetime(2030, 1, 1)),), "guard_error"),
    ],
)
def test_what_may_be_spent(cost: float | None, history: tuple[guards.PastAct, ...], expected: str) -> None:
    assert code(GUARD, cost=cost, history=history) == expected
    without = "forbidden" if expected == "ask" else expected
    assert code(replace(GUARD, question=None), cost=cost, history=history) == without
    assert code(GUARD, cost=cost, history=history, risk="read") == "allow"


@pytest.mark.parametrize(
    ("caps", "cost", "changes", "expected"),
    [
        ({}, 1e9, {}, "allow"),
        ({}, None, {}, "missing_context"),
        ({"per_act": 5}, 6, {}, "cost_cap"),
        ({"per_act": 5}, 5, {"now": None, "history": (act(1e6),)}, "allow"),
        ({"per_day": 5}, 5, {}, "allow"),
        ({"per_day": 5}, 5, {"now": None}, "missing_context"),
        ({"ask_above": 5}, 6, {"now": None}, "forbidden"),
        ({"ask_above": 0}, 0, {}, "allow"),
        ({"per_act": 0}, 0.01, {}, "cost_cap"),
    ],
)
def test_each_cap_alone(caps: dict[str, float], cost: float | None, changes: dict[str, object], expected: str) -> None:
    assert code(guards.CostCap(currency="EUR", **caps), cost=cost, **changes) == expected


def test_the_trace_says_what_was_spent() -> None:
    assert GUARD.inputs(frozen(cost=3, history=(act(4), act(5)))) == {
        "cost": 3,
        "spent": 9.0,
        "per_act": 50,
        "per_day": 100,
        "ask_above": 10,
        "currency": "EUR",
    }
    context = frozen(cost=20)
    assert (GUARD.check(context), GUARD.inputs(context)) == GUARD.examine(context)
    assert guards.decide([GUARD], context).questions == (QUESTION.check(context),)


def test_the_decorator_makes_the_same_guard() -> None:
    made = guards.cost_cap(currency="EUR", per_act=50, per_day=100, ask_above=10)
    (guard,) = guards.guards_of(made(lambda: 1))
    assert isinstance(guard, guards.CostCap)
    assert replace(guard, question=QUESTION) == GUARD


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": " ", "per_act": 1},
        {"currency": "EUR"},
        {"currency": "EUR", "per_act": -1},
        {"currency": "EUR", "per_day": NAN},
        {"currency": "EUR", "ask_above": float("inf")},
    ],
)
def test_T34_wrong_options_are_errors_at_decoration(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cost_cap"):
        guards.cost_cap(**wrong)  # type: ignore[arg-type]  # reason: wrong on purpose


@pytest.mark.parametrize("changes", [{"cost": 1}, {"cost": 1, "risk": "read"}, {"cost": None}])
def test_nothing_is_summed_up_without_a_daily_cap(changes: dict[str, object]) -> None:
    guard = guards.CostCap(currency="EUR", per_act=50)
    assert guard.inputs(frozen(history=(act(60),), **changes))["spent"] == 0


@pytest.mark.parametrize("cap", ["per_act", "per_day", "ask_above"])
def test_one_cap_alone_is_enough(cap: str) -> None:
    (guard,) = guards.guards_of(guards.cost_cap(currency="EUR", **{cap: 5.0})(lambda: 1))
    assert getattr(guard, cap) == 5.0
