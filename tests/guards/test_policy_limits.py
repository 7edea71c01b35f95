"""guards/policy_limits.py: only limits that are about the act are counted."""

from __future__ import annotations

import pytest

import guards
from guards.policy_limits import LimitsElsewhere, applicable
from guards.testing import frozen


def limit(**about: str) -> guards.RateLimit:
    return guards.RateLimit(max=1, window=60, per="global", **about)


HERE = (
    limit(),
    limit(env="prod"),
    limit(action="restart"),
    limit(service="web"),
    limit(env="prod", action="restart", service="web"),
)
ELSEWHERE = (limit(env="dev"), limit(action="scale"), limit(service="db"), limit(env="prod", service="db"))


def test_limits_about_something_else_are_one_finding() -> None:
    assert applicable((*HERE, *ELSEWHERE), "prod", "restart", "web") == (*HERE, LimitsElsewhere(4))
    assert applicable(HERE, "prod", "restart", "web") == HERE
    assert applicable((), "prod", "restart", "web") == ()


@pytest.mark.parametrize(
    ("about", "left"),
    [
        (("", "restart", "web"), limit(env="dev")),
        (("prod", "", "web"), limit(action="scale")),
        (("prod", "restart", ""), limit(service="db")),
    ],
)
def test_T34_where_the_context_does_not_say_the_limit_stays(
    about: tuple[str, str, str], left: guards.RateLimit
) -> None:
    assert applicable((left,), *about) == (left,)


def test_the_finding() -> None:
    decision = guards.decide([LimitsElsewhere(4)], frozen())
    assert decision.outcome == "allow"
    assert decision.trace[0].rule == "rate_limit"
    assert decision.trace[0].inputs == {"not_applicable": 4}
