"""Past six rules in an emergency, with a reason and a second person's yes (case T14; docs/policy.md, breaking the glass).

Used by guards/policy.py after every other rule has spoken. What is forbidden, out of scope, stopped, too wide, unknown or
busy stays denied. Must not judge the reason: a person does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import findings
from guards.context import Context
from guards.decision import Allow, Approvers, Ask, Deny, Finding, Verdict
from guards.duration import seconds
from guards.names import checked_names

BREAKABLE = frozenset({"freeze", "change_window", "rate_limit", "circuit_breaker", "error_budget", "cost_cap"})
"""Ids of the rules whose denials can be turned into a question."""

CODES = frozenset(
    {
        "frozen",
        "maintenance",
        "calendar_unreadable",
        "outside_change_window",
        "rate_limited",
        "breaker_open",
        "error_budget",
        "cost_cap",
    }
)
"""What those rules say when they work; a rule that failed or lacks something stays a denial."""

LONGEST = 600.0
"""Seconds that the question may stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenGlass:
    """Asks for the approval of one person from `any_of` when the context says that the glass is broken, else allows.

    timeout: seconds, at most 10 minutes. Raises ValueError, TypeError.
    """

    any_of: tuple[str, ...]
    timeout: float
    rule: ClassVar[str] = "break_glass"

    def __post_init__(self) -> None:
        object.__setattr__(self, "any_of", checked_names(self.any_of, "break_glass: any_of"))
        object.__setattr__(self, "timeout", seconds(self.timeout, "break_glass: timeout"))
        if self.timeout > LONGEST:
            raise ValueError(f"break_glass: {self.timeout:g} seconds are more than {LONGEST:g}")

    def check(self, context: Context) -> Verdict:
        """Ask when the person who asks broke it, gave a reason, and it has not ended."""
        glass, actor = context.break_glass, context.actor
        if glass is None:
            return Allow("Nobody breaks the glass.")
        if not glass.reason.strip():
            return Allow("The glass stays whole: no reason is given.")
        if actor is None or not actor.id or actor.is_bot or actor.id != glass.by:
            return Allow("The glass stays whole: only the person who asks can break it.")
        if context.now is None or not context.now < glass.until:
            return Allow("The glass stays whole: its time is over.")
        about = f"{context.action} on {context.service or ', '.join(context.targets)} in {context.environment}"
        message = f"Break the glass for {about}? {' '.join(glass.reason.split())}"
        return Ask("approval", message, self.timeout, Approvers(count=1, any_of=self.any_of))

    def inputs(self, context: Context) -> Mapping[str, object]:
        """Who broke it, who asks, why, and until when."""
        glass = context.break_glass
        return {
            "actor": context.actor.id if context.actor else "",
            "by": glass.by if glass else "",
            "reason": glass.reason if glass else "",
            "until": glass.until.isoformat() if glass else "",
        }

    def broken(self, trace: tuple[Finding, ...], context: Context) -> tuple[Finding, ...]:
        """The trace with the denials that can be broken turned into one question.

        When the glass stays whole, the trace with a finding that says why. Never raises.
        """
        (own,) = findings((self,), context)
        question = own.verdict
        if not isinstance(question, Ask):
            return tuple(sorted((*trace, own), key=lambda finding: finding.rule))
        return tuple(
            Finding(finding.rule, question, {**finding.inputs, "broken": finding.verdict.code})
            if isinstance(finding.verdict, Deny) and finding.rule in BREAKABLE and finding.verdict.code in CODES
            else finding
            for finding in trace
        )
