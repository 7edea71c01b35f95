"""One cell of the policy matrix as a guard: environment x risk -> auto, confirm, approve or forbid (mission G2, G3).

Made by guards/policy.py for one context and only good for that one. Hands on the question or refusal of the same guard
objects that decorators use. What it does not find is forbidden, and so is the risk `forbidden`, whatever a file says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import Guard
from guards.context import Context
from guards.decision import Allow, Deny, Verdict
from guards.forbidden import Forbidden
from guards.missing import missing


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """word: what the matrix says. guard: asks or refuses; needed for every word but `auto`.

    A bot meets the same questions as a person: it may go alone only where the word is `auto`.
    """

    environment: str
    risk: str
    word: str
    guard: Guard | None = None
    rule: ClassVar[str] = "matrix"

    def check(self, context: Context) -> Verdict:
        """Deny when environment, risk or action is missing or not those of this cell; else what the word says."""
        for field in ("environment", "risk", "action"):
            if not getattr(context, field):
                return missing(field)
        if (context.environment, context.risk) != (self.environment, self.risk):
            return Deny("wrong_cell", "This answer of the policy was for something else.", "Compile the policy again.")
        if self.risk == "forbidden":
            return Forbidden(reason="This kind of action is never run by automation.").check(context)
        if self.word == "auto":
            return Allow(f"{self.risk} in {self.environment} needs nobody's yes.")
        if self.guard is None:
            return Forbidden(reason=f"The policy forbids {self.risk} in {self.environment}.").check(context)
        return self.guard.check(context)

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The cell and the actor."""
        actor = context.actor.id if context.actor else ""
        return {"environment": self.environment, "risk": self.risk, "word": self.word, "actor": actor}
