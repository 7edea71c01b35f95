"""`@cost_cap(per_act=50, per_day=200, currency="EUR")`: what automation may spend (docs/policy.md, cost_cap).

For anyone's script; policy compiles `cost` to the same `CostCap` object. The cost of the act and of past acts is in the
context, worked out before. Must not look up a price.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, cast

from guards.amounts import checked_amount, checked_optional
from guards.chain import Decorator, guarded
from guards.context import Context
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing
from guards.require_approval import RequireApproval, approval_or_refusal

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostCap:
    """Denies `cost_cap` when this act costs more than `per_act`, or when it and the acts strictly inside the last 24
    hours cost more than `per_day`; asks when it costs more than `ask_above`. Allows what merely reads.

    All in `currency`; None is no such cap. question: None where nobody may approve. Raises ValueError, TypeError.
    """

    currency: str
    per_act: float | None = None
    per_day: float | None = None
    ask_above: float | None = None
    question: RequireApproval | None = None
    rule: ClassVar[str] = "cost_cap"

    def __post_init__(self) -> None:
        if not self.currency.strip():
            raise ValueError("cost_cap: name the currency")
        checked_optional(self.per_act, "cost_cap: per_act")
        checked_optional(self.per_day, "cost_cap: per_day")
        checked_optional(self.ask_above, "cost_cap: ask_above")

    def check(self, context: Context) -> Verdict:
        """Deny when it is too dear or the cost is not known. Raises for a cost that is no number of at least 0."""
        return self.examine(context)[0]

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The cost, what the last 24 hours cost (0 without a daily cap), and the caps."""
        return self.examine(context)[1]

    def examine(self, context: Context) -> tuple[Verdict, Mapping[str, object]]:
        """Both answers from one sum."""
        spent = 0.0
        if context.risk == "read":
            verdict: Verdict = Allow("It only reads.")
        elif context.cost is None:
            verdict = missing("cost")
        elif self.per_day is not None and context.now is None:
            verdict = missing("now")
        else:
            if self.per_day is not None:
                spent = _spent(context)
            verdict = self._verdict(context, checked_amount(context.cost, "cost_cap: cost"), spent)
        return verdict, {
            "cost": context.cost,
            "spent": spent,
            "per_act": self.per_act,
            "per_day": self.per_day,
            "ask_above": self.ask_above,
            "currency": self.currency,
        }

    def _verdict(self, context: Context, cost: float, spent: float) -> Verdict:
        if self.per_act is not None and cost > self.per_act:
            return self._too_dear(f"This costs {cost:g} {self.currency}", self.per_act)
        day = math.fsum((cost, spent))
        if self.per_day is not None and day > self.per_day:
            return self._too_dear(f"This and the last 24 hours cost {day:g} {self.currency}", self.per_day)
        if self.ask_above is not None and cost > self.ask_above:
            return approval_or_refusal(self.question, context, f"This costs {cost:g} {self.currency}")
        return Allow(f"{cost:g} {self.currency} is within the caps.")

    def _too_dear(self, what: str, most: float) -> Deny:
        return Deny("cost_cap", f"{what}, at most {most:g} may be spent.", "Do something smaller, or wait a day.")


def _spent(context: Context) -> float:
    """What the acts strictly inside the last 24 hours cost; those of the future count. The moment is known."""
    since = cast("datetime", context.now) - DAY
    return math.fsum(checked_amount(act.cost, "cost_cap: cost") for act in context.history if act.at > since)


def cost_cap(
    *, currency: str, per_act: float | None = None, per_day: float | None = None, ask_above: float | None = None
) -> Decorator:
    """Not more than this per act and in 24 hours, and with other people's yes above `ask_above`.

    Raises ValueError, TypeError; also when no cap is given at all.
    """
    if per_act is None and per_day is None and ask_above is None:
        raise ValueError("cost_cap: give per_act, per_day or ask_above")
    question = RequireApproval(message="Approve what this costs?")
    guard = CostCap(currency=currency, per_act=per_act, per_day=per_day, ask_above=ask_above, question=question)
    return lambda fn: guarded(fn, guard)
