"""The configured policy as one frozen value, compiled to the same guard objects that the decorators use.

Made once at start from policy.yaml (bot/app.py); used by bot/stages/gate.py before every step. There is no permissive
fallback: a policy that cannot be read raises PolicyError and nothing starts (case T43). Must not read files or a clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from guards.chain import Guard
from guards.context import Context
from guards.decision import Allow, Approvers, Deny
from guards.exclusive import Exclusive
from guards.kill_switch import KillSwitch
from guards.known_environment import KnownEnvironment
from guards.matrix import MatrixCell
from guards.policy_reading import PolicyError, canonical, read_policy
from guards.rate_limit import RateLimit
from guards.require_approval import RequireApproval
from guards.require_confirmation import RequireConfirmation
from guards.require_role import RequireRole
from guards.scopes import Scopes

__all__ = ["ApprovalRule", "Policy", "PolicyError"]


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Who approves in one environment, and for how many seconds the question stands."""

    environment: str
    approvers: Approvers
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Made with `Policy.from_mapping`.

    cells: (environment, risk, word) of the matrix; what is not there is forbidden. digest: sha256 of the canonical
    form, 64 hex characters; two files that mean the same have the same digest. confirmation_timeout: seconds.
    """

    digest: str
    lowest_environment: str
    environments: tuple[str, ...]
    cells: tuple[tuple[str, str, str], ...]
    approvals: tuple[ApprovalRule, ...]
    requesters: tuple[str, ...]
    operators: tuple[str, ...]
    limits: tuple[RateLimit, ...]
    confirmation_timeout: float

    @classmethod
    def from_mapping(cls, data: Mapping[str, object]) -> Policy:
        """The policy behind a loaded policy.yaml. Raises PolicyError for anything missing, unknown or empty."""
        read = read_policy(data)
        return cls(
            digest=hashlib.sha256(canonical(read)).hexdigest(),
            lowest_environment=read["lowest_environment"],
            environments=tuple(sorted(read["matrix"])),
            cells=tuple(
                sorted(
                    (environment, risk, word)
                    for environment, row in read["matrix"].items()
                    for risk, word in row.items()
                )
            ),
            approvals=tuple(
                ApprovalRule(
                    environment=environment,
                    approvers=Approvers(rule["count"], tuple(rule["any_of"]), tuple(rule["all_of"])),
                    timeout=rule["timeout"],
                )
                for environment, rule in sorted(read["approvals"].items())
            ),
            requesters=tuple(read["requesters"]),
            operators=tuple(read["operators"]),
            limits=tuple(RateLimit(**limit) for limit in read["limits"]),
            confirmation_timeout=read["confirmation_timeout"],
        )

    def guards(self, context: Context) -> tuple[Guard, ...]:
        """Everything the policy has to say about this context; decide it together with the operation's own guards."""
        return (
            KillSwitch(),
            KnownEnvironment(environments=self.environments),
            RequireRole(roles=self.requesters, bot_allowed=True),
            self._cell(context),
            Scopes(),
            *self.limits,
            Exclusive(per="target"),
        )

    def word(self, environment: str, risk: str) -> str:
        """What the matrix says: `auto`, `confirm`, `approve` or `forbid`; a missing cell is `forbid`."""
        return next((word for place, kind, word in self.cells if (place, kind) == (environment, risk)), "forbid")

    def approvers(self, environment: str) -> Approvers | None:
        """Who approves there; None when nobody is named, and then nobody may."""
        rule = self._approval(environment)
        return rule.approvers if rule else None

    def may_operate(self, roles: Iterable[str]) -> Allow | Deny:
        """Whether somebody with these roles may engage or lift the kill switch and answer unknown outcomes."""
        if not isinstance(roles, str) and set(self.operators) & set(roles):
            return Allow("An operator.")
        listed = ", ".join(self.operators)
        return Deny("wrong_role", f"This needs one of the roles {listed}.", "Ask somebody who has one.")

    def _approval(self, environment: str) -> ApprovalRule | None:
        return next((rule for rule in self.approvals if rule.environment == environment), None)

    def _cell(self, context: Context) -> MatrixCell:
        """The cell for this context with its question; a cell that needs a question and has none forbids."""
        word = self.word(context.environment, context.risk)
        what = context.service or ", ".join(context.targets)
        about = f"{context.action} on {what} in {context.environment}"
        question: Guard | None = None
        if word == "confirm":
            question = RequireConfirmation(message=f"Run {about}?", timeout=self.confirmation_timeout)
        rule = self._approval(context.environment)
        if word == "approve" and rule is not None:
            question = RequireApproval(
                count=rule.approvers.count,
                any_of=rule.approvers.any_of,
                all_of=rule.approvers.all_of,
                timeout=rule.timeout,
                message=f"Approve {about}?",
            )
        return MatrixCell(environment=context.environment, risk=context.risk, word=word, guard=question)
