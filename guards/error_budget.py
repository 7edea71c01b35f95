"""`@error_budget(max_burned_percent=20)`: automation stops when it has used up its share of the error budget.

For anyone's script; policy compiles `error_budget` to the same `ErrorBudget` object (docs/policy.md, error_budget).
What automation burned is worked out before. Must not look anything up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.amounts import checked_amount
from guards.chain import Decorator, guarded
from guards.context import Context
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """Denies `error_budget` when automation has burned more than this percentage of the budget; allows what reads.

    Raises ValueError, TypeError.
    """

    max_burned_percent: float
    rule: ClassVar[str] = "error_budget"

    def __post_init__(self) -> None:
        checked_amount(self.max_burned_percent, "error_budget: max_burned_percent")

    def check(self, context: Context) -> Verdict:
        """Deny when too much is burned or when it is not known. Raises for a share that is no number of at least 0."""
        if context.risk == "read":
            return Allow("It only reads.")
        if context.budget_burned is None:
            return missing("budget_burned")
        burned = checked_amount(context.budget_burned, "error_budget: budget_burned")
        told = f"Automation has burned {burned * 100:g} of at most {self.max_burned_percent:g} percent of the budget."
        if burned > self.max_burned_percent / 100:  # not burned * 100: 0.07 * 100 is more than 7
            return Deny("error_budget", told, "Let people act by hand until the budget has recovered.")
        return Allow(told)

    def inputs(self, context: Context) -> Mapping[str, object]:
        """What is burned and what may be."""
        return {"budget_burned": context.budget_burned, "max_burned_percent": self.max_burned_percent}


def error_budget(*, max_burned_percent: float) -> Decorator:
    """Only while automation has burned at most this percentage of the error budget. Raises ValueError, TypeError."""
    guard = ErrorBudget(max_burned_percent=max_burned_percent)
    return lambda fn: guarded(fn, guard)
