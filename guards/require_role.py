"""`@require_role(["operator", "admin"])`: only people who have one of these roles.

For anyone's script; policy compiles `requesters` to the same `RequireRole` object. Roles come from people.yaml through
the context, never from text. Must not look anybody up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import Decorator, guarded
from guards.context import Context
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing
from guards.names import checked_names


@dataclass(frozen=True, slots=True, kw_only=True)
class RequireRole:
    """Denies `wrong_role` to everybody without one of `roles`.

    bot_allowed: let the bot pass this rule, for policies where the matrix decides what it may do alone.
    Raises ValueError for an empty list or a `*`.
    """

    roles: tuple[str, ...]
    bot_allowed: bool = False
    rule: ClassVar[str] = "require_role"

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", checked_names(self.roles, self.rule))

    def check(self, context: Context) -> Verdict:
        """Deny without an actor, or for one with none of the roles. The bot never has a role."""
        if context.actor is None or not context.actor.id:
            return missing("actor")
        if context.actor.is_bot:
            if self.bot_allowed is True:
                return Allow("The bot asks; the matrix decides what it may do alone.")
        elif frozenset(self.roles) & context.actor.roles:
            return Allow(f"{context.actor.id} has the role.")
        listed = ", ".join(self.roles)
        return Deny(
            code="wrong_role",
            reason=f"{context.actor.name or context.actor.id} has none of the roles {listed}.",
            remedy="Ask somebody who has one, or have the role added to people.yaml.",
        )

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The actor, what it has and what is needed."""
        actor = context.actor
        return {
            "actor": actor.id if actor else "",
            "is_bot": actor.is_bot if actor else False,
            "has": tuple(sorted(actor.roles)) if actor else (),
            "needs": self.roles,
        }


def require_role(roles: Iterable[str]) -> Decorator:
    """Only people with one of these roles. Raises ValueError for an empty list or `*`, TypeError for a bare string."""
    guard = RequireRole(roles=checked_names(roles, "require_role"))
    return lambda fn: guarded(fn, guard)
