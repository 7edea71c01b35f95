"""One cell of the policy matrix as a guard: environment x tier x risk -> auto, confirm, approve or forbid (mission G2, G3).

Made by guards/policy.py for one context and only good for that one. Hands on the question or refusal of the same guard
objects that decorators use. What it does not find is forbidden, and so is the risk `forbidden`, whatever a file says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import Guard
from guards.context import Context
from guards.decision import Allow, Ask, Deny, Verdict
from guards.forbidden import Forbidden
from guards.missing import missing
from guards.standing import StandingApproval


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """word: what the matrix says, empty when that depends on a tier and the tier is not known.

    guard: asks or refuses; needed for every word but `auto`. for_bot: asks instead where the word is `confirm` and the bot
    asks, because there is nobody to confirm; None forbids. any_tier: the answer is the same for every tier, else it is good
    for `tier` only. standing: what may answer a question for approval.
    """

    environment: str
    risk: str
    word: str
    guard: Guard | None = None
    for_bot: Guard | None = None
    tier: int | None = None
    any_tier: bool = True
    standing: tuple[StandingApproval, ...] = ()
    rule: ClassVar[str] = "matrix"

    def check(self, context: Context) -> Verdict:
        """Deny when environment, risk or action is missing or not those of this cell; else what the word says."""
        for field in ("environment", "risk", "action"):
            if not getattr(context, field):
                return missing(field)
        here = (context.environment, context.risk) == (self.environment, self.risk)
        if not here or not (self.any_tier or context.tier == self.tier):
            return Deny("wrong_cell", "This answer of the policy was for something else.", "Compile the policy again.")
        if self.risk == "forbidden":
            return Forbidden(reason="This kind of action is never run by automation.").check(context)
        if not self.word:
            return missing("tier")
        if self.word == "auto":
            return Allow(f"{self.risk} in {self.environment} needs nobody's yes.")
        alone = self.word == "confirm" and context.actor is not None and context.actor.is_bot
        guard = self.for_bot if alone else self.guard
        if guard is None:
            return Forbidden(reason=f"The policy forbids {self.risk} in {self.environment}.").check(context)
        return self._answered(guard.check(context), context)

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The cell, the tier and the actor."""
        actor = context.actor.id if context.actor else ""
        return {
            "environment": self.environment,
            "risk": self.risk,
            "tier": context.tier,
            "word": self.word,
            "actor": actor,
        }

    def _answered(self, verdict: Verdict, context: Context) -> Verdict:
        """The verdict, or Allow when it asks an approval that a standing one gives."""
        if isinstance(verdict, Ask) and verdict.kind == "approval":
            for given in self.standing:
                if given.fits(context):
                    by = ", ".join(given.by)
                    return Allow(f"The standing approval {given.id} of {by} answers.", standing=given.id)
        return verdict
