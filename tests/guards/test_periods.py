"""guards/periods.py."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import guards
from guards.periods import as_names, is_on, problem_of
from guards.testing import NOON

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("environment", "start", "end", "on"),
    [
        ("prod", NOON, NOON + HOUR, True),
        ("prod", NOON - HOUR, NOON, False),
        ("prod", NOON + timedelta(microseconds=1), NOON + HOUR, False),
        ("prod", NOON - HOUR, NOON + timedelta(microseconds=1), True),
        ("prod", NOON, NOON, False),
        ("pro", NOON, NOON + HOUR, False),
        ("dev", NOON, NOON + HOUR, False),
    ],
)
def test_the_start_is_inside_and_the_end_is_not(environment: str, start: datetime, end: datetime, on: bool) -> None:
    period = guards.Period("freeze", "x", ("prod", "staging"), (), start, end)
    assert is_on(period, environment, NOON) is on


def test_a_list_of_names_is_a_tuple() -> None:
    assert as_names(("a",)) == ("a",)
    for wrong in ("production", ["prod"], None):
        with pytest.raises(TypeError):
            as_names(wrong)  # type: ignore[arg-type]  # reason: wrong on purpose
    with pytest.raises(TypeError):
        is_on(guards.Period("freeze", "x", "production", (), NOON, NOON), "prod", NOON)  # type: ignore[arg-type]  # reason: as above


def test_a_time_without_zone_is_an_error() -> None:
    with pytest.raises(TypeError):
        is_on(guards.Period("freeze", "x", ("prod",), (), datetime(2030, 1, 1), NOON), "prod", NOON)


@pytest.mark.parametrize(
    ("problems", "problem"),
    [
        ((), None),
        ((("dev", "gone"),), None),
        ((("dev", "gone"), ("prod", "too old")), "too old"),
        ((("", "gone"),), "gone"),
        ((("prod", ""),), ""),
    ],
)
def test_T56_a_problem_of_this_environment(problems: tuple[tuple[str, str], ...], problem: str | None) -> None:
    assert problem_of(guards.Calendar(problems=problems), "prod") == problem
