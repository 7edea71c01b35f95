"""The ladder: what needs a record, and which rung is below."""

from __future__ import annotations

import pytest

from runbooks.ladder import STRICTEST, Ladder

LADDER = Ladder("dev", ("dev", "staging", "prod"), frozenset({"qa"}))


@pytest.mark.parametrize(
    ("environment", "needed"),
    [("dev", False), ("qa", False), ("staging", True), ("prod", True), ("moon", True), ("", True), ("DEV", True)],
)
def test_T41_only_the_lowest_and_those_that_are_named_need_none(environment: str, needed: bool) -> None:
    assert LADDER.needs_record(environment) is needed


@pytest.mark.parametrize("environment", ["dev", "prod", ""])
def test_T41_where_nothing_was_said_everything_needs_one(environment: str) -> None:
    assert STRICTEST.needs_record(environment)


def test_T41_an_empty_name_needs_one_even_when_it_is_called_the_lowest() -> None:
    assert Ladder("", (), frozenset({""})).needs_record("")


@pytest.mark.parametrize(
    ("environment", "below"), [("prod", "staging"), ("staging", "dev"), ("dev", ""), ("moon", ""), ("", "")]
)
def test_the_rung_below(environment: str, below: str) -> None:
    assert LADDER.below(environment) == below
