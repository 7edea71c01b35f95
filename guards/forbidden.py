"""`@forbidden(reason="Deletes data")`: never, by nobody, nowhere (mission G3, trust rule 14, case T42).

For anyone's script; policy compiles a `forbid` cell to the same `Forbidden` object. There is no option that allows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.chain import Decorator, guarded
from guards.context import Context
from guards.decision import Deny, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """Always denies `forbidden`. reason: one sentence for people. Raises ValueError when it is empty."""

    reason: str
    rule: ClassVar[str] = "forbidden"

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("forbidden: say why")

    def check(self, context: Context) -> Verdict:
        """Always Deny."""
        return Deny("forbidden", self.reason, "Nothing makes this possible here; do it by hand if it must be done.")

    def inputs(self, context: Context) -> Mapping[str, object]:
        """What was asked for."""
        return {"action": context.action, "environment": context.environment, "risk": context.risk}


def forbidden(*, reason: str) -> Decorator:
    """Never run this. Raises ValueError for an empty reason."""
    guard = Forbidden(reason=reason)
    return lambda fn: guarded(fn, guard)
