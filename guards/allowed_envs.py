"""`@allowed_envs(["staging", "dev"])`: only in these environments (mission G1, G2).

For anyone's script; the bot compiles a runbook's `scopes` to the same `AllowedEnvs` object. Must not know policy.
The environment is that of the context, which comes from the catalogue and never from typed text (case T35).
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


@dataclass(frozen=True, slots=True)
class AllowedEnvs:
    """Denies `wrong_environment` outside `envs`. Raises ValueError for an empty list or a `*` (cases T10, T34)."""

    envs: tuple[str, ...]
    rule: ClassVar[str] = "allowed_envs"

    def __post_init__(self) -> None:
        object.__setattr__(self, "envs", checked_names(self.envs, self.rule))

    def check(self, context: Context) -> Verdict:
        """Deny without an environment, or in one that is not listed."""
        if not context.environment:
            return missing("environment")
        listed = ", ".join(self.envs)
        if context.environment not in self.envs:
            return Deny(
                code="wrong_environment",
                reason=f"{context.environment} is not one of the allowed environments ({listed}).",
                remedy=f"Run it in {listed}, or have it promoted.",
            )
        return Allow(f"{context.environment} is allowed.")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The environment and the list."""
        return {"environment": context.environment, "envs": self.envs}


def allowed_envs(envs: Iterable[str]) -> Decorator:
    """Only in these environments. Raises ValueError for an empty list or a `*`, TypeError for a bare string."""
    guard = AllowedEnvs(envs=tuple(checked_names(envs, "allowed_envs")))
    return lambda fn: guarded(fn, guard)
