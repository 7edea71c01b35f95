"""guards/names.py: lists of names and counts."""

from __future__ import annotations

import pytest

from guards.names import checked_count, checked_names


def test_names_are_sorted_without_repeats() -> None:
    assert checked_names(["b", "a", "b"], "x") == ("a", "b")
    assert checked_names((), "x", may_be_empty=True) == ()


@pytest.mark.parametrize("wrong", [[], ["*"], ["a*"], [""], [" a"], ["a\n"]])
def test_T34_empty_blank_and_wildcards_are_errors(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match="x"):
        checked_names(wrong, "x")


@pytest.mark.parametrize("wrong", ["dev", [None], [True], [1]])
def test_T34_what_is_no_list_of_names_is_an_error(wrong: list[str]) -> None:
    with pytest.raises(TypeError):
        checked_names(wrong, "x")


def test_T34_counts_are_strict() -> None:
    assert checked_count(1, "x") == 1
    for wrong in (True, 1.0, "1", None):
        with pytest.raises(TypeError):
            checked_count(wrong, "x")  # type: ignore[arg-type]  # reason: wrong on purpose
    for less in (0, -1):
        with pytest.raises(ValueError, match="less than 1"):
            checked_count(less, "x")


def test_that_a_list_may_be_empty_is_always_named() -> None:
    with pytest.raises(TypeError):
        checked_names([], "x", True)  # type: ignore[misc]  # reason: wrong on purpose
