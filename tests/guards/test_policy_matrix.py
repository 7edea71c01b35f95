"""guards/policy_matrix.py: matrix, stricter tiers, and what the bot may do by itself."""

from __future__ import annotations

import pytest

from guards.policy_matrix import RISKS, read_autonomy, read_matrix, read_tiers
from guards.policy_values import PolicyError

MATRIX = {"dev": dict.fromkeys(RISKS, "forbid") | {"read": "auto", "safe": "confirm"}}


def test_what_is_not_written_is_forbidden() -> None:
    assert read_matrix({"dev": {"read": "auto", "safe": "confirm"}}) == MATRIX


def test_only_what_is_stricter_is_kept() -> None:
    rows = {"dev": {"1": {"safe": "forbid", "read": "auto"}, 2: {"safe": "confirm"}, 3: {}}}
    assert read_tiers(rows, MATRIX) == {"dev": {1: {"safe": "forbid"}}}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (None, "tiers"),
        ({"qa": {}}, "tiers.qa"),
        ({"dev": {"x": {}}}, "tiers.dev"),
        ({"dev": {1: None}}, "tiers.dev.1"),
        ({"dev": {1: {"safe": "auto"}}}, "tiers.dev.1.safe"),
        ({"dev": {1: {"caution": "approve"}}}, "tiers.dev.1.caution"),
        ({"dev": {1: {"safe": "never"}}}, "tiers.dev.1.safe"),
        ({"dev": {1: {"sfae": "forbid"}}}, "tiers.dev.1"),
        ({"dev": {1: {"forbidden": "approve"}}}, "tiers.dev.1.forbidden"),
    ],
)
def test_T43_a_tier_may_only_be_stricter(value: object, place: str) -> None:
    with pytest.raises(PolicyError) as error:
        read_tiers(value, MATRIX)
    assert error.value.place == place


def test_the_bot_only_suggests_where_nothing_is_written() -> None:
    assert read_autonomy({"dev": {"safe": "auto"}}, MATRIX) == {
        "dev": {"read": "suggest", "safe": "auto", "caution": "suggest", "forbidden": "suggest"}
    }


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([], "autonomy"),
        ({"qa": {}}, "autonomy.qa"),
        ({"dev": "auto"}, "autonomy.dev"),
        ({"dev": {"safe": "confirm"}}, "autonomy.dev.safe"),
        ({"dev": {"all": "auto"}}, "autonomy.dev"),
    ],
)
def test_T43_mistakes_in_autonomy(value: object, place: str) -> None:
    with pytest.raises(PolicyError) as error:
        read_autonomy(value, MATRIX)
    assert error.value.place == place
