"""guards/amounts.py."""

from __future__ import annotations

import pytest

from guards.amounts import checked_amount, checked_optional


@pytest.mark.parametrize("value", [0, 0.0, 1, 2.5, 1e12])
def test_a_number_stays_what_it_is(value: float) -> None:
    assert checked_amount(value, "x") == value
    assert checked_optional(value, "x") == value


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (-0.1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (float("-inf"), ValueError),
        (True, TypeError),
        ("5", TypeError),
        ([5], TypeError),
    ],
)
def test_T34_what_is_no_amount_is_an_error(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="x"):
        checked_amount(value, "x")  # type: ignore[arg-type]  # reason: wrong on purpose
    with pytest.raises(error, match="x"):
        checked_optional(value, "x")  # type: ignore[arg-type]  # reason: wrong on purpose


def test_none_only_where_it_is_optional() -> None:
    assert checked_optional(None, "x") is None
    with pytest.raises(TypeError):
        checked_amount(None, "x")  # type: ignore[arg-type]  # reason: wrong on purpose


def test_the_least_is_allowed() -> None:
    assert checked_amount(1.0, "x", least=1.0) == 1.0
    with pytest.raises(ValueError, match="at least 1"):
        checked_amount(0.999, "x", least=1.0)


def test_the_least_is_always_named() -> None:
    with pytest.raises(TypeError):
        checked_amount(5, "x", 1)  # type: ignore[misc]  # reason: wrong on purpose
