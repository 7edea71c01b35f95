from __future__ import annotations

import pytest

from guards.context import Actor, Context
from trust.oracle_words import Question, approval_of, asked_or, environment_of, plain, seconds, somebody

POLICY = {
    "approvals": {
        "prod": {
            "count": 1,
            "any_of": ["leads"],
            "timeout": "15m",
            "tiers": {1: {"count": 2, "all_of": ["sre"]}, 2: {"timeout": "60s"}},
        }
    }
}


@pytest.mark.parametrize("written,length", [("90s", 90), ("15m", 900), ("1h", 3600), ("2d", 172800)])
def test_durations(written: str, length: float) -> None:
    assert seconds(written) == length


@pytest.mark.parametrize(
    "target,environment",
    [
        ("service:prod/payments", "prod"),
        ("redis:prod/0:6379/a", "prod"),
        ("prod/payments", None),
        ("service:prod", None),
        ("service:/payments", None),
        (":prod/payments", None),
        ("service:prod/", None),
        ("service:prod/*", None),
        ("service: prod/payments", None),
        ("service:prod/pay\nments", None),
        ("", None),
        ("*", None),
    ],
)
def test_a_target_lies_in_the_environment_of_its_key_or_nowhere(target: str, environment: str | None) -> None:
    assert environment_of(target) == environment


@pytest.mark.parametrize(
    "tier,count,length,all_of",
    [(1, 2, 900, {"sre"}), (2, 1, 60, set()), (3, 1, 900, set()), (None, 2, 60, {"sre"})],
)
def test_the_approval_of_the_environment_is_that_of_the_tier_and_of_all_when_it_is_not_known(
    tier: int | None, count: int, length: float, all_of: set[str]
) -> None:
    said = approval_of(POLICY, Context(environment="prod", tier=tier))
    assert said == Question("approval", length, count, frozenset({"leads"}), frozenset(all_of))


def test_an_environment_without_approvals_is_denied() -> None:
    assert approval_of(POLICY, Context(environment="dev")) is None
    assert asked_or(POLICY, Context(environment="dev"), "forbidden") == "forbidden"


def test_names_without_case_and_blanks_and_people_without_id() -> None:
    assert plain(" PROD ") == "prod"
    assert somebody(Context()) == ""
    assert somebody(Context(actor=Actor("ana"))) == "ana"
