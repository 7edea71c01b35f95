"""guards/policy_rules.py: whose yes is needed, by environment and tier."""

from __future__ import annotations

import pytest

import guards
from guards.policy_rules import ApprovalRule, Escalation, TierRule, approval_rules

RULE = ApprovalRule(
    environment="prod",
    approvers=guards.Approvers(1, ("oncall",), ("sre",)),
    timeout=900.0,
    tiers=(
        TierRule(1, guards.Approvers(3, ("oncall",), ("sre",)), 900.0),
        TierRule(2, guards.Approvers(1, ("oncall",), ("leads", "sre")), 60.0),
    ),
    remind_before=300.0,
    escalations=(Escalation(300.0, ("leads",)), Escalation(600.0, ("directors", "leads"))),
)


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        (1, (3, ("sre",), 900.0)),
        (2, (1, ("leads", "sre"), 60.0)),
        (3, (1, ("sre",), 900.0)),
        (None, (3, ("leads", "sre"), 60.0)),
    ],
)
def test_T43_a_tier_may_need_more_and_an_unknown_one_needs_everything(
    tier: int | None, expected: tuple[int, tuple[str, ...], float]
) -> None:
    question = RULE.question(tier, "Go?")
    assert (question.count, question.all_of, question.timeout) == expected
    assert question.any_of == ("oncall",)
    assert question.message == "Go?"


def test_made_from_what_was_read() -> None:
    prod = {
        "count": 1,
        "any_of": ["oncall"],
        "all_of": ["sre"],
        "timeout": 900.0,
        "remind_before": 300.0,
        "escalate": [{"after": 300.0, "to": ["leads"]}, {"after": 600.0, "to": ["directors", "leads"]}],
        "tiers": {
            1: {"count": 3, "all_of": ["sre"], "timeout": 900.0},
            2: {"count": 1, "all_of": ["leads", "sre"], "timeout": 60.0},
        },
    }
    dev = {**prod, "remind_before": None, "escalate": None, "tiers": {}}
    made = approval_rules({"approvals": {"prod": prod, "dev": dev}})
    assert made == (ApprovalRule("dev", RULE.approvers, 900.0), RULE)


@pytest.mark.parametrize("tier", [3, None])
def test_what_holds_without_a_tier_of_its_own_is_no_tier(tier: int | None) -> None:
    assert RULE.of(tier).tier == 0


def test_a_large_tier_is_found() -> None:
    rule = TierRule(1000, guards.Approvers(2, ("oncall",)), 60.0)
    assert ApprovalRule("prod", RULE.approvers, 900.0, (rule,)).of(int("1000")) == rule
