"""Only where the runbook is meant to run: its scopes must hold the environment (mission R1, case T41).

Compiled into every policy. The scopes in the context are those of the runbook's step; none at all is nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.context import Context
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing


@dataclass(frozen=True, slots=True)
class Scopes:
    """Denies `out_of_scope` when the environment is not literally one of the scopes; a `*` is not a wildcard."""

    rule: ClassVar[str] = "scopes"

    def check(self, context: Context) -> Verdict:
        """Deny without an environment, without scopes, or outside them."""
        if not context.environment:
            return missing("environment")
        if context.environment not in set(context.scopes):
            listed = ", ".join(context.scopes) or "none"
            return Deny(
                code="out_of_scope",
                reason=f"This step is not meant for {context.environment} (its scopes: {listed}).",
                remedy=f"Promote the runbook to {context.environment} with `runbookctl promote`.",
            )
        return Allow(f"{context.environment} is in scope.")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The environment and the scopes."""
        return {"environment": context.environment, "scopes": tuple(context.scopes)}
