"""`@require_confirmation(message="Clear cache?", timeout=120)`: somebody says yes first (mission G1).

For anyone's script; policy compiles a `confirm` cell to the same `RequireConfirmation` object. The person who asks
may answer; for a second person use `require_approval`. Must not put the question itself: that is the asker's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import Decorator, guarded
from guards.context import Context
from guards.decision import Ask, Verdict
from guards.duration import seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RequireConfirmation:
    """Asks a `confirmation`. timeout: seconds; no answer by then is a refusal. Raises ValueError, TypeError."""

    message: str = "Go ahead?"
    timeout: float = 120.0
    rule: ClassVar[str] = "require_confirmation"

    def __post_init__(self) -> None:
        if not self.message.strip():
            raise ValueError("require_confirmation: the message is empty; say what is about to happen")
        object.__setattr__(self, "timeout", seconds(self.timeout, "require_confirmation: timeout"))

    def check(self, context: Context) -> Verdict:
        """Always Ask."""
        return Ask(kind="confirmation", message=self.message, timeout_seconds=self.timeout)

    def inputs(self, context: Context) -> Mapping[str, object]:
        """Who asks, and how long the question stands."""
        return {"actor": context.actor.id if context.actor else "", "timeout_seconds": self.timeout}


def require_confirmation(*, message: str = "Go ahead?", timeout: float | str = 120.0) -> Decorator:
    """Ask before running. timeout: seconds or text such as `2m`. Raises ValueError for an empty message or no end."""
    guard = RequireConfirmation(message=message, timeout=seconds(timeout, "require_confirmation: timeout"))
    return lambda fn: guarded(fn, guard)
