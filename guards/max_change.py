"""`@max_change(percent=50)`: how much bigger or smaller something may become in one go (mission G7).

For anyone's script; policy compiles `scale` to the same `MaxChange` object (docs/policy.md, max_change). `increments`
says through which sizes a planner goes, so that no single act is a jump. Must not look anything up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from guards.amounts import checked_amount
from guards.chain import Decorator, guarded
from guards.context import Change, Context
from guards.decision import Allow, Deny, Verdict
from guards.names import checked_count
from guards.require_approval import RequireApproval, approval_or_refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxChange:
    """Denies `bad_change` for a size below 1, `change_too_large` above `max_factor` times the present size, and asks
    for growing or shrinking by more than `percent` percent. Allows what merely reads and what changes no size.

    question: None where nobody may approve. Raises ValueError, TypeError.
    """

    percent: float = 50.0
    max_factor: float = 3.0
    question: RequireApproval | None = None
    rule: ClassVar[str] = "max_change"

    def __post_init__(self) -> None:
        checked_amount(self.percent, "max_change: percent")
        checked_amount(self.max_factor, "max_change: max_factor", least=1.0)

    def check(self, context: Context) -> Verdict:
        """Deny a size that makes no sense or is too large; ask for a big step."""
        if context.risk == "read":
            return Allow("It only reads.")
        if context.change is None:
            return Allow("It changes no size.")
        return self._verdict(context, context.change)

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The change and its limits."""
        change = context.change
        return {
            "current": change.current if change else None,
            "wanted": change.wanted if change else None,
            "unit": change.unit if change else "",
            "percent": self.percent,
            "max_factor": self.max_factor,
        }

    def _verdict(self, context: Context, change: Change) -> Verdict:
        current = checked_amount(change.current, "max_change: current", least=float("-inf"))
        wanted = checked_amount(change.wanted, "max_change: wanted", least=float("-inf"))
        told = f"from {current:g} to {wanted:g} {change.unit}"
        if current < 1 or wanted < 1:
            return Deny("bad_change", f"A size below 1 makes no sense ({told}).", "Give sizes of at least 1.")
        if wanted > current * self.max_factor:
            return Deny(
                code="change_too_large",
                reason=f"That is more than {self.max_factor:g} times as many ({told}).",
                remedy=f"Ask for at most {current * self.max_factor:g} {change.unit}.",
            )
        if abs(wanted - current) * 100 > current * self.percent:
            why = f"That is a change by more than {self.percent:g} percent ({told})"
            return approval_or_refusal(self.question, context, why)
        return Allow(f"A change by at most {self.percent:g} percent ({told}).")


def increments(current: int, wanted: int, percent: float = 50.0) -> tuple[int, ...]:
    """The sizes to go through, the last is `wanted`; empty when nothing changes: 6 to 12 by 50 percent is (9, 12).

    No step is larger than `percent` percent of the size it starts from, except that a step is at least 1: from one
    instance to two there is nothing smaller. Raises ValueError for a size below 1 or a percentage of 0, TypeError.
    """
    size = checked_count(current, "increments: current")
    checked_count(wanted, "increments: wanted")
    if not checked_amount(percent, "increments: percent"):
        raise ValueError("increments: 0 percent leads nowhere")
    sizes: list[int] = []
    while size != wanted:
        step = max(1, int(size * Fraction(percent) / 100))
        size = min(size + step, wanted) if wanted > size else max(size - step, wanted)
        sizes.append(size)
    return tuple(sizes)


def max_change(*, percent: float = 50.0, max_factor: float = 3.0) -> Decorator:
    """Ask other people before a change by more than `percent` percent, and never grow beyond `max_factor` times.

    Raises ValueError, TypeError.
    """
    question = RequireApproval(message=f"Approve a change by more than {percent:g} percent?")
    guard = MaxChange(percent=percent, max_factor=max_factor, question=question)
    return lambda fn: guarded(fn, guard)
