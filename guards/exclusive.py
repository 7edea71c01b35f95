"""`@exclusive(per="target")`: one run at a time on each target (mission E4, case T54).

For anyone's script and compiled into every policy. Looks only at the leases in the context; must not take one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import Decorator, guarded
from guards.context import Context
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing
from guards.targets import target_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusive:
    """Denies `target_busy` when another run holds a lease on any of the targets. per: only `target` exists."""

    per: str = "target"
    rule: ClassVar[str] = "exclusive"

    def __post_init__(self) -> None:
        if self.per != "target":
            raise ValueError(f"exclusive: per={self.per!r} is not known; write per='target'")

    def check(self, context: Context) -> Verdict:
        """Deny without targets or when one is held by a run that is not this one (an unnamed run holds nothing)."""
        if not context.targets:
            return missing("target")
        busy = self._busy(context)
        if busy:
            held = ", ".join(f"{key} by {run}" for key, run in busy.items())
            return Deny("target_busy", f"Another run is at work: {held}.", "Wait until it has finished, or stop it.")
        return Allow("No other run holds the targets.")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The targets, this run and who holds what."""
        return {"targets": target_keys(context), "run": context.run, "busy": self._busy(context)}

    def _busy(self, context: Context) -> dict[str, str]:
        held = {key: context.holders[key] for key in target_keys(context) if key in context.holders}
        return {key: run for key, run in held.items() if not context.run or run != context.run}


def exclusive(*, per: str = "target") -> Decorator:
    """One run at a time on each target. Raises ValueError for another `per`."""
    guard = Exclusive(per=per)
    return lambda fn: guarded(fn, guard)
