"""Which of the policy's limits are about an act at all, so that a policy with hundreds of them decides quickly.

Called by guards/policy.py when it compiles. A limit is left out only when it names another environment, action or service
than the one that is known; where the context does not say, the limit stays and refuses. Must not count acts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import Guard
from guards.context import Context
from guards.decision import Allow, Verdict
from guards.rate_limit import RateLimit


@dataclass(frozen=True, slots=True)
class LimitsElsewhere:
    """Allows; stands in the trace for `count` limits that are about something else."""

    count: int
    rule: ClassVar[str] = "rate_limit"

    def check(self, context: Context) -> Verdict:
        """Always Allow."""
        return Allow(f"{self.count} limits are for other actions, services or environments.")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """How many there are."""
        return {"not_applicable": self.count}


def applicable(limits: Sequence[RateLimit], environment: str, action: str, service: str) -> tuple[Guard, ...]:
    """The limits that may be about this, and one finding for all others when there are any."""
    found = tuple(
        limit
        for limit in limits
        if (not environment or limit.env in ("", environment))
        and (not action or limit.action in ("", action))
        and (not service or limit.service in ("", service))
    )
    left_out = len(limits) - len(found)
    return (*found, LimitsElsewhere(left_out)) if left_out else found
