from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from guards.context import Actor, Context, PastAct, Stop
from trust import oracle_asking
from trust.words import LITTLE, NOW

HERE = Context(
    action="supervisor.restart",
    environment="prod",
    service="payments",
    risk="safe",
    runbook="restart-service",
    targets=("service:prod/payments",),
    actor=Actor("ana"),
    now=NOW,
    run="run_1",
)


@pytest.mark.parametrize(
    "level,name,changes,said",
    [
        ("all", "", {}, "kill_switch"),
        ("fleet", "other", {}, "kill_switch"),
        ("environment", "PROD ", {}, "kill_switch"),
        ("environment", "dev", {}, None),
        ("environment", "dev", {"environment": ""}, "kill_switch"),
        ("service", "", {}, "kill_switch"),
        ("action", "supervisor.stop", {}, None),
        ("monitor", "", {}, "monitor_only"),
        ("monitor", "", {"risk": "read"}, None),
    ],
)
def test_stops(level: str, name: str, changes: dict[str, Any], said: str | None) -> None:
    context = replace(HERE, stops=(Stop(level, name, "storm", "ben"),), **changes)
    assert oracle_asking.kill_switch({}, context) == said


@pytest.mark.parametrize(
    "risk,tier,word",
    [("safe", 1, "forbid"), ("safe", 2, "approve"), ("caution", 1, None), ("read", None, "auto")],
)
def test_a_cell_of_a_tier_replaces_the_matrix(risk: str, tier: int | None, word: str | None) -> None:
    policy = {
        "matrix": {"prod": {"read": "auto", "safe": "approve"}},
        "tiers": {"prod": {1: {"safe": "forbid"}}},
    }
    assert oracle_asking.word_of_matrix(policy, replace(HERE, risk=risk, tier=tier)) == word


def test_a_cell_that_depends_on_a_tier_that_is_not_known_is_missing() -> None:
    policy = {"matrix": {"prod": {"safe": "auto"}}, "tiers": {"prod": {1: {"safe": "approve"}, 2: {"safe": "auto"}}}}
    assert oracle_asking.matrix(policy, HERE) == "missing_context"
    assert oracle_asking.matrix(policy, replace(HERE, tier=2)) is None


@pytest.mark.parametrize(
    "changes,fits",
    [
        ({}, True),
        ({"runbook": ""}, False),
        ({"service": "orders"}, False),
        ({"now": NOW + LITTLE}, False),
        ({"now": None}, False),
        ({"acts": 1}, True),
        ({"acts": 2}, False),
    ],
)
def test_standing_approvals_fit_until_they_end_or_are_used_up(changes: dict[str, Any], fits: bool) -> None:
    until = (NOW + LITTLE).isoformat()
    one = {
        "id": "hourly",
        "runbook": "restart-service",
        "action": "supervisor.restart",
        "service": "payments",
        "environment": "prod",
        "max": 2,
        "until": until,
    }
    acts = changes.pop("acts", 0)
    act = PastAct("other", "other", "dev", "x", "bot", NOW, "succeeded", standing="hourly")
    context = replace(HERE, history=(act,) * acts, **changes)
    assert bool(oracle_asking.standing({"standing": [one]}, context)) is fits
