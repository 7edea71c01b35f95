"""guards/policy.py: the policy compiled to guards."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

import guards
from guards.policy import Policy
from guards.testing import NOON, frozen

DATA: dict[str, Any] = {
    "version": 1,
    "lowest_environment": "dev",
    "matrix": {
        "dev": {"read": "auto", "safe": "auto", "caution": "confirm", "forbidden": "forbid"},
        "staging": {"read": "auto", "safe": "confirm", "caution": "approve", "forbidden": "forbid"},
        "prod": {"read": "auto", "safe": "approve", "caution": "approve", "forbidden": "forbid"},
    },
    "approvals": {
        "staging": {"count": 1, "any_of": ["oncall", "leads"], "timeout": "15m"},
        "prod": {"count": 2, "any_of": ["oncall"], "all_of": ["leads"], "timeout": 600},
    },
    "requesters": {"roles": ["responder", "operator", "admin"]},
    "operators": {"roles": ["operator", "admin"]},
    "limits": [
        {"max": 1, "per": "service", "window": "1h", "env": "prod", "action": "demo.restart"},
        {"max": 3, "per": "global", "window": "10m"},
    ],
    "confirmation_timeout": "60s",
}
POLICY = Policy.from_mapping(DATA)
BOT = guards.Actor("bot", is_bot=True)


def decided(**changes: object) -> guards.Decision:
    context = frozen(**changes)
    return guards.decide(POLICY.guards(context), context, POLICY.digest)


def answer(**changes: object) -> str:
    decision = decided(**changes)
    if decision.denials:
        return "+".join(denial.code for denial in decision.denials)
    return "+".join(question.kind for question in decision.questions) or decision.outcome


@pytest.mark.parametrize(
    ("environment", "risk", "expected"),
    [
        ("dev", "read", "allow"),
        ("dev", "safe", "allow"),
        ("dev", "caution", "confirmation"),
        ("dev", "forbidden", "forbidden"),
        ("staging", "safe", "confirmation"),
        ("staging", "caution", "approval"),
        ("prod", "read", "allow"),
        ("prod", "safe", "approval"),
        ("prod", "forbidden", "forbidden"),
        ("prod", "unheard", "forbidden"),
        ("prod", "", "missing_risk"),
    ],
)
def test_the_matrix_decides(environment: str, risk: str, expected: str) -> None:
    assert answer(environment=environment, risk=risk) == expected


def test_the_questions_carry_who_and_how_long() -> None:
    (approval,) = decided(environment="prod").questions
    assert approval.approvers == guards.Approvers(2, ("oncall",), ("leads",)) == POLICY.approvers("prod")
    assert approval.timeout_seconds == 600
    assert approval.message == "Approve demo.restart on demo in prod?"
    (confirmation,) = decided(environment="staging").questions
    assert confirmation.timeout_seconds == 60
    assert confirmation.message == "Run demo.restart on demo in staging?"
    without_limits = Policy.from_mapping({**DATA, "limits": []})
    context = frozen(environment="staging", service="")
    (confirmation,) = guards.decide(without_limits.guards(context), context).questions
    assert confirmation.message == "Run demo.restart on demo:staging/demo in staging?"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"environment": "mars"}, "unknown_environment+forbidden"),
        ({"targets": ("demo:prod/demo",)}, "target_environment"),
        ({"actor": guards.Actor("eve", roles=frozenset({"viewer"}))}, "wrong_role"),
        ({"actor": None}, "missing_actor"),
        ({"scopes": ("staging",)}, "out_of_scope"),
        ({"scopes": ()}, "out_of_scope"),
        ({"targets": ()}, "missing_target+missing_target"),
        ({"now": None}, "missing_now+missing_now"),
        ({"stops": (guards.Stop("all", "", "x", "ann"),)}, "kill_switch"),
        ({"holders": {"demo:dev/demo": "run_other"}}, "target_busy"),
    ],
)
def test_T35_T54_T55_every_rule_is_in_force(changes: dict[str, object], expected: str) -> None:
    assert answer(**changes) == expected


def test_limits_count_in_their_environment() -> None:
    past = guards.PastAct(
        "demo.restart", "demo", "prod", "demo:prod/demo", "ann", NOON - timedelta(minutes=30), "failed"
    )
    assert answer(environment="prod", history=(past,)) == "rate_limited"
    assert answer(environment="staging", history=(past,)) == "confirmation"
    recent = guards.PastAct("x", "y", "dev", "z", "ann", NOON - timedelta(minutes=1), "succeeded")
    assert answer(history=(recent,) * 2) == "allow"
    assert answer(history=(recent,) * 3) == "rate_limited"


def test_the_bot_goes_alone_only_where_the_matrix_says_auto() -> None:
    assert answer(actor=BOT) == "allow"
    assert answer(actor=BOT, environment="staging") == "confirmation"
    assert answer(actor=BOT, environment="prod") == "approval"
    assert answer(actor=BOT, risk="forbidden") == "forbidden"


def test_T35_guards_compiled_for_another_context_refuse() -> None:
    compiled = POLICY.guards(frozen())
    assert "wrong_cell" in {denial.code for denial in guards.decide(compiled, frozen(environment="prod")).denials}


def test_T43_a_cell_that_asks_and_has_nobody_to_ask_forbids() -> None:
    """Cannot come from a file; a policy value made by hand must not be permissive either."""
    by_hand = Policy(
        digest="x",
        lowest_environment="dev",
        environments=("dev",),
        cells=(("dev", "safe", "approve"),),
        approvals=(),
        requesters=("responder",),
        operators=("operator",),
        limits=(),
        confirmation_timeout=1.0,
    )
    decision = guards.decide(by_hand.guards(frozen()), frozen())
    assert [denial.code for denial in decision.denials] == ["forbidden"]
    assert by_hand.approvers("dev") is None


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [(["operator"], True), ({"admin", "viewer"}, True), (["responder"], False), ([], False), ("operator", False)],
)
def test_T55_who_may_operate(roles: list[str], allowed: bool) -> None:
    found = POLICY.may_operate(roles)
    assert isinstance(found, guards.Allow) is allowed
    if isinstance(found, guards.Deny):
        assert found.code == "wrong_role"


def test_the_digest_is_the_meaning() -> None:
    same = copy.deepcopy(DATA)
    same["approvals"]["staging"] = {"timeout": 900, "any_of": ["leads", "oncall"], "count": 1}
    same["limits"].reverse()
    same["confirmation_timeout"] = "1m"
    assert Policy.from_mapping(same) == POLICY
    assert len(POLICY.digest) == 64
    assert decided().policy_digest == POLICY.digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lowest_environment", "staging"),
        ("matrix", {**DATA["matrix"], "dev": {"read": "auto"}}),
        ("approvals", {**DATA["approvals"], "dev": {"count": 1, "any_of": ["oncall"], "timeout": 60}}),
        ("requesters", {"roles": ["responder"]}),
        ("operators", {"roles": ["admin"]}),
        ("limits", DATA["limits"][:1]),
        ("confirmation_timeout", 61),
    ],
)
def test_T15_any_change_changes_the_digest(key: str, value: object) -> None:
    assert Policy.from_mapping({**DATA, key: value}).digest != POLICY.digest


def test_the_trace_names_every_rule_and_what_it_saw() -> None:
    rules = [finding.rule for finding in decided().trace]
    assert rules == [
        "exclusive",
        "kill_switch",
        "known_environment",
        "matrix",
        "rate_limit",
        "rate_limit",
        "require_role",
        "scopes",
    ]
    for finding in decided().trace:
        assert isinstance(finding.inputs, Mapping)
        assert finding.inputs
