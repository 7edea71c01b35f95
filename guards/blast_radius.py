"""`@blast_radius(max_targets=1)`: how much one run may touch (mission G5, trust rule 15, cases T10 and T37).

For anyone's script; the bot compiles a runbook's `safety.blast_radius` to the same `BlastRadius` object. Counts the
targets of the context, which were resolved from live inventory before; no targets is a refusal, never "all".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import Decorator, guarded
from guards.context import Context
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing
from guards.names import checked_count
from guards.targets import target_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadius:
    """Denies `blast_radius` for more than `max_targets` distinct targets. Raises ValueError, TypeError."""

    max_targets: int = 1
    rule: ClassVar[str] = "blast_radius"

    def __post_init__(self) -> None:
        checked_count(self.max_targets, "blast_radius: max_targets")

    def check(self, context: Context) -> Verdict:
        """Deny without targets or with too many."""
        if not context.targets:
            return missing("target")
        count = len(target_keys(context))
        if count > self.max_targets:
            return Deny(
                code="blast_radius",
                reason=f"{count} targets are more than the {self.max_targets} that one run may touch.",
                remedy="Name fewer targets, or have the limit of the runbook reviewed.",
            )
        return Allow(f"{count} of at most {self.max_targets} targets.")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The targets and how many may be touched."""
        return {"targets": target_keys(context), "max_targets": self.max_targets}


def blast_radius(*, max_targets: int = 1) -> Decorator:
    """At most this many distinct targets. Raises ValueError, TypeError."""
    guard = BlastRadius(max_targets=max_targets)
    return lambda fn: guarded(fn, guard)
