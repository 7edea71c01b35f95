"""guards/max_change.py."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guards
from guards.testing import frozen

QUESTION = guards.RequireApproval(any_of=("leads",))
GUARD = guards.MaxChange(question=QUESTION)
NAN, INFINITY = float("nan"), float("inf")


def code(guard: guards.MaxChange, current: float, wanted: float, **changes: object) -> str:
    decision = guards.decide([guard], frozen(change=guards.Change(current, wanted), **changes))
    return decision.denials[0].code if decision.denials else decision.outcome


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        (4, 4, "allow"),
        (4, 6, "allow"),
        (4, 7, "ask"),
        (198, 297, "allow"),
        (198, 298, "ask"),
        (4, 12, "ask"),
        (4, 13, "change_too_large"),
        (4, 2, "allow"),
        (4, 1, "ask"),
        (4, 0, "bad_change"),
        (0, 4, "bad_change"),
        (-4, -4, "bad_change"),
        (0.5, 1, "bad_change"),
        (1.0, 1.5, "allow"),
        (1, 2, "ask"),
        (NAN, 4, "guard_error"),
        (4, NAN, "guard_error"),
        (INFINITY, 4, "guard_error"),
        (4, INFINITY, "guard_error"),
        (True, 1, "guard_error"),
        ("4", 4, "guard_error"),
    ],
)
def test_how_far_a_size_may_move(current: float, wanted: float, expected: str) -> None:
    assert code(GUARD, current, wanted) == expected
    assert code(replace(GUARD, question=None), current, wanted) == ("forbidden" if expected == "ask" else expected)
    assert code(GUARD, current, wanted, risk="read") == "allow"


def test_without_a_change_of_size_it_allows() -> None:
    assert guards.decide([GUARD], frozen()).outcome == "allow"
    assert GUARD.inputs(frozen()) == {"current": None, "wanted": None, "unit": "", "percent": 50, "max_factor": 3}
    context = frozen(change=guards.Change(4, 8, "GB"))
    assert GUARD.inputs(context) == {"current": 4, "wanted": 8, "unit": "GB", "percent": 50, "max_factor": 3}
    assert guards.decide([GUARD], context).questions == (QUESTION.check(context),)


def test_the_decorator_makes_the_same_guard() -> None:
    (guard,) = guards.guards_of(guards.max_change(percent=20, max_factor=1.5)(lambda: 1))
    assert isinstance(guard, guards.MaxChange)
    assert replace(guard, question=None) == guards.MaxChange(percent=20, max_factor=1.5)
    assert code(guard, 10, 12) == "allow"
    assert code(guard, 10, 13) == "ask"
    assert code(guard, 10, 16) == "change_too_large"
    assert code(guards.MaxChange(percent=0, question=QUESTION), 10, 11) == "ask"


@pytest.mark.parametrize("wrong", [{"percent": -1}, {"percent": NAN}, {"max_factor": 0.9}, {"max_factor": INFINITY}])
def test_T34_wrong_options_are_errors_at_decoration(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="max_change"):
        guards.max_change(**wrong)
    with pytest.raises(TypeError):
        guards.MaxChange(percent=True)


@pytest.mark.parametrize(
    ("current", "wanted", "percent", "sizes"),
    [
        (6, 12, 50, (9, 12)),
        (6, 6, 50, ()),
        (6, 9, 50, (9,)),
        (12, 6, 50, (6,)),
        (12, 5, 50, (6, 5)),
        (1, 3, 50, (2, 3)),
        (3, 1, 50, (2, 1)),
        (10, 13, 10, (11, 12, 13)),
        (5, 3, 10, (4, 3)),
        (2, 20, 200, (6, 18, 20)),
        (20, 1, 200, (1,)),
        (3, 4, 33.4, (4,)),
        (1000, 2000, 50, (1500, 2000)),
    ],
)
def test_increments(current: int, wanted: int, percent: float, sizes: tuple[int, ...]) -> None:
    assert guards.increments(current, wanted, percent) == sizes


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.floats(1, 300))
def test_no_increment_is_larger_than_it_may_be(current: int, wanted: int, percent: float) -> None:
    sizes = (current, *guards.increments(current, wanted, percent))
    assert sizes[-1] == wanted
    for before, after in pairwise(sizes):
        assert after != before
        assert (after > before) == (wanted > current)
        assert abs(after - before) <= max(1, before * percent / 100)


@pytest.mark.parametrize(("current", "wanted", "percent"), [(0, 1, 50), (1, 0, 50), (1, 2, 0), (1, 2, -1), (1, 2, NAN)])
def test_T34_increments_of_nonsense_are_errors(current: int, wanted: int, percent: float) -> None:
    with pytest.raises(ValueError, match="increments"):
        guards.increments(current, wanted, percent)
    with pytest.raises(TypeError):
        guards.increments(True, 2)


def test_the_refusal_says_how_far_it_may_go() -> None:
    (denial,) = guards.decide([GUARD], frozen(change=guards.Change(4, 13))).denials
    assert denial.reason == "That is more than 3 times as many (from 4 to 13 instances)."
    assert denial.remedy == "Ask for at most 12 instances."
