"""`@require_approval(count=1, any_of=["leads"])`: other people agree first (mission P2).

For anyone's script; policy compiles an `approve` cell to the same `RequireApproval` object. Never answered by the
person who asks (case T01). Votes are counted in guards/tally.py; must not count or look up groups itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import Decorator, guarded
from guards.context import Context
from guards.decision import Approvers, Ask, Deny, Verdict
from guards.duration import seconds
from guards.names import checked_count, checked_names


@dataclass(frozen=True, slots=True, kw_only=True)
class RequireApproval:
    """Asks an `approval`.

    count: distinct people in all. any_of: groups they may come from. all_of: groups that must each be represented.
    Without any group the question is for nobody and cannot be approved (case T43), unless the bot's policy names the
    approvers of the environment. timeout: seconds, 15 minutes by default (case T08). Raises ValueError, TypeError.
    """

    count: int = 1
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    timeout: float = 900.0
    message: str = "Approve this?"
    rule: ClassVar[str] = "require_approval"

    def __post_init__(self) -> None:
        if not self.message.strip():
            raise ValueError("require_approval: the message is empty; say what is about to happen")
        checked_count(self.count, "require_approval: count")
        object.__setattr__(self, "any_of", checked_names(self.any_of, "require_approval: any_of", may_be_empty=True))
        object.__setattr__(self, "all_of", checked_names(self.all_of, "require_approval: all_of", may_be_empty=True))
        object.__setattr__(self, "timeout", seconds(self.timeout, "require_approval: timeout"))

    @property
    def approvers(self) -> Approvers:
        """Who may answer."""
        return Approvers(count=self.count, any_of=self.any_of, all_of=self.all_of)

    def check(self, context: Context) -> Verdict:
        """Always Ask."""
        return Ask("approval", self.message, self.timeout, self.approvers)

    def inputs(self, context: Context) -> Mapping[str, object]:
        """Who asks, and who may answer."""
        return {
            "actor": context.actor.id if context.actor else "",
            "count": self.count,
            "any_of": self.any_of,
            "all_of": self.all_of,
            "timeout_seconds": self.timeout,
        }


def approval_or_refusal(question: RequireApproval | None, context: Context, why: str) -> Verdict:
    """What a rule answers that needs people: the question, or Deny `forbidden` where nobody may approve (case T43).

    question: the approval of the environment, None when it has no `approvals` entry. why: one clause, `It grows too much`.
    """
    if question is not None:
        return question.check(context)
    return Deny(
        code="forbidden",
        reason=f"{why}, and {context.environment or 'this environment'} has no approvers.",
        remedy="Name who may approve there under `approvals` in policy.yaml.",
    )


def require_approval(
    *,
    count: int = 1,
    any_of: Iterable[str] = (),
    all_of: Iterable[str] = (),
    timeout: float | str = 900.0,
    message: str = "Approve this?",
) -> Decorator:
    """Have other people agree before running. timeout: seconds or text such as `15m`. Raises ValueError, TypeError."""
    guard = RequireApproval(
        count=count,
        any_of=checked_names(any_of, "require_approval: any_of", may_be_empty=True),
        all_of=checked_names(all_of, "require_approval: all_of", may_be_empty=True),
        timeout=seconds(timeout, "require_approval: timeout"),
        message=message,
    )
    return lambda fn: guarded(fn, guard)
