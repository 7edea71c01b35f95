"""A yes given beforehand: for one runbook, action, service and environment, a number of times, until a day (mission P6).

Read by guards/policy_approvals.py, asked by guards/matrix.py, and by nothing else: it answers the matrix's question for
approval and no other. Uses are counted from the context's history; must not keep a count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from guards.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingApproval:
    """id: what the acts that used it carry. max: acts in all. until: timezone-aware, it ends then. by: two people or more.

    Every field but the last three must be equal to the context's; none of them is ever a wildcard.
    """

    id: str
    runbook: str
    action: str
    service: str
    environment: str
    max: int
    until: datetime
    by: tuple[str, ...]

    def fits(self, context: Context) -> bool:
        """Whether it answers for this context. Raises TypeError for a moment without a zone: the chain then denies."""
        asked = (context.runbook, context.action, context.service, context.environment)
        if asked != (self.runbook, self.action, self.service, self.environment) or context.now is None:
            return False
        return context.now < self.until and self.used(context) < self.max

    def used(self, context: Context) -> int:
        """How many acts of the past carry its id."""
        return sum(act.standing == self.id for act in context.history)


def standing_approvals(read: Mapping[str, Any]) -> tuple[StandingApproval, ...]:
    """The standing approvals of a policy that was read. read: what `read_policy` returned."""
    return tuple(
        StandingApproval(**{**each, "until": datetime.fromisoformat(each["until"]), "by": tuple(each["by"])})
        for each in read["standing"]
    )
