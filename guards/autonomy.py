"""`@autonomy(ceiling="approve")`: what the bot may do by itself (docs/policy.md, autonomy).

For anyone's script; policy compiles each cell of `autonomy` to the same `Autonomy` object. A runbook has its own most,
in the context; the lower of the two counts. Must not know how a runbook earns a higher one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import Decorator, guarded
from guards.context import Context
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing
from guards.require_approval import RequireApproval, approval_or_refusal

LEVELS = ("shadow", "suggest", "approve", "auto")
"""From the lowest to the highest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Autonomy:
    """Denies `shadow` to everybody at that level, and `autonomy` to the bot at `suggest`; asks at `approve`.

    ceiling: the most in this environment for this risk. A context that says nothing counts as `suggest`, and one that
    says a word that is not known is denied. question: the bot's at `approve`; None where nobody may approve. Allows
    what merely reads. Raises ValueError for another ceiling.
    """

    ceiling: str
    question: RequireApproval | None = None
    rule: ClassVar[str] = "autonomy"

    def __post_init__(self) -> None:
        if self.ceiling not in LEVELS:
            raise ValueError(f"autonomy: ceiling={self.ceiling!r} is not one of {', '.join(LEVELS)}")

    def check(self, context: Context) -> Verdict:
        """Deny or ask when the bot may not go alone; deny everybody in the shadow, and without an actor."""
        if context.risk == "read":
            return Allow("It only reads.")
        level = self._level(context)
        if not level:
            return Deny("autonomy", f"{context.autonomy!r} is no level of autonomy.", f"Write {', '.join(LEVELS)}.")
        if level == "shadow":
            return Deny("shadow", "This is only watched: nothing is carried out.", "Raise its level of autonomy.")
        if context.actor is None or not context.actor.id:
            return missing("actor")
        if not context.actor.is_bot:
            return Allow("A person asks.")
        if level == "suggest":
            return Deny("autonomy", "The bot may only suggest this.", "A person must ask for it.")
        if level == "approve":
            return approval_or_refusal(self.question, context, "The bot needs approval for this")
        return Allow("The bot may do this by itself.")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """Who asks, the ceiling, the runbook's own most, and the level that counts."""
        actor = context.actor
        return {
            "actor": actor.id if actor else "",
            "is_bot": actor.is_bot if actor else False,
            "ceiling": self.ceiling,
            "runbook": context.autonomy,
            "level": self._level(context),
        }

    def _level(self, context: Context) -> str:
        """The lower of the two, or '' when the runbook's is not known."""
        own = context.autonomy or "suggest"
        return min(self.ceiling, own, key=LEVELS.index) if own in LEVELS else ""


def autonomy(*, ceiling: str) -> Decorator:
    """The most that the bot may do by itself: `shadow`, `suggest`, `approve` or `auto`. Raises ValueError."""
    guard = Autonomy(ceiling=ceiling, question=RequireApproval(message="Approve what the bot wants to do?"))
    return lambda fn: guarded(fn, guard)
