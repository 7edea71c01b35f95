"""The approvals of the policy as values: whose yes is needed in an environment, for which tier, and what if nobody answers.

Made by guards/policy.py from what guards/policy_approvals.py read. Must not read or count anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guards.decision import Approvers
from guards.require_approval import RequireApproval


@dataclass(frozen=True, slots=True)
class Escalation:
    """A question that was not answered for `after` seconds may from then on also be answered by the groups `to`."""

    after: float
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TierRule:
    """Who approves for services of one tier, and for how many seconds the question stands."""

    tier: int
    approvers: Approvers
    timeout: float


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Who approves in one environment, and for how many seconds the question stands.

    tiers: those that are stricter. remind_before: seconds before the end at which the thread is told, None for never.
    escalations: who may answer as well when nobody did, the earliest first.
    """

    environment: str
    approvers: Approvers
    timeout: float
    tiers: tuple[TierRule, ...] = ()
    remind_before: float | None = None
    escalations: tuple[Escalation, ...] = ()

    def of(self, tier: int | None) -> TierRule:
        """Who approves for a service of that tier. One whose tier is not known needs what every tier would need."""
        plain = TierRule(0, self.approvers, self.timeout)
        if tier is not None:
            return next((rule for rule in self.tiers if rule.tier == tier), plain)
        rules = (plain, *self.tiers)
        everybody = sorted({group for rule in rules for group in rule.approvers.all_of})
        most = max(rule.approvers.count for rule in rules)
        approvers = Approvers(most, self.approvers.any_of, tuple(everybody))
        return TierRule(0, approvers, min(rule.timeout for rule in rules))

    def question(self, tier: int | None, message: str) -> RequireApproval:
        """The approval of the environment as a guard."""
        rule = self.of(tier)
        return RequireApproval(
            count=rule.approvers.count,
            any_of=rule.approvers.any_of,
            all_of=rule.approvers.all_of,
            timeout=rule.timeout,
            message=message,
        )


def approval_rules(read: Mapping[str, Any]) -> tuple[ApprovalRule, ...]:
    """The approvals of a policy that was read, by environment. read: what `read_policy` returned."""
    return tuple(_rule(environment, entry) for environment, entry in sorted(read["approvals"].items()))


def _rule(environment: str, entry: Mapping[str, Any]) -> ApprovalRule:
    any_of = tuple(entry["any_of"])
    return ApprovalRule(
        environment=environment,
        approvers=Approvers(entry["count"], any_of, tuple(entry["all_of"])),
        timeout=entry["timeout"],
        tiers=tuple(
            TierRule(tier, Approvers(each["count"], any_of, tuple(each["all_of"])), each["timeout"])
            for tier, each in entry["tiers"].items()
        ),
        remind_before=entry["remind_before"],
        escalations=tuple(Escalation(each["after"], tuple(each["to"])) for each in entry["escalate"] or ()),
    )
