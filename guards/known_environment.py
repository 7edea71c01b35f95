"""Only environments that the policy knows, and only targets that lie in them (case T35).

Compiled into every policy. The environment of a target is read from its catalogue key, so a staging channel or alias
whose target lies in prod is refused. Must not accept a name because it looks like a known one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.context import Context
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing
from guards.names import checked_names
from guards.targets import environment_of, target_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEnvironment:
    """Denies `unknown_environment` or `target_environment`. environments: those of the matrix, never empty."""

    environments: tuple[str, ...]
    rule: ClassVar[str] = "known_environment"

    def __post_init__(self) -> None:
        object.__setattr__(self, "environments", checked_names(self.environments, self.rule))

    def check(self, context: Context) -> Verdict:
        """Deny without an environment or targets, in an unknown one, or when a target lies elsewhere."""
        if not context.environment:
            return missing("environment")
        if not context.targets:
            return missing("target")
        if context.environment not in self.environments:
            return Deny(
                code="unknown_environment",
                reason=f"The policy does not know the environment {context.environment}.",
                remedy="Add it to the matrix of policy.yaml, or correct the catalogue.",
            )
        elsewhere = [key for key in target_keys(context) if environment_of(key) != context.environment]
        if elsewhere:
            return Deny(
                code="target_environment",
                reason=f"Not in {context.environment}: {', '.join(elsewhere)}.",
                remedy="Ask for the environment the target really lies in.",
            )
        return Allow(f"{context.environment} is known and holds every target.")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The environment, those known, and the targets."""
        return {
            "environment": context.environment,
            "known": self.environments,
            "targets": target_keys(context),
        }
