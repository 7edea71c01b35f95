"""What the linter may say, and what it is told about operations. Values only.

Used by every rule and by `runbookctl lint`. Must not judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One complaint. rule: stable name for CI. path: of the model; `runbooks.load.place_of` gives line and column."""

    rule: str
    severity: Severity
    message: str
    fix: str
    path: Path = ()


class KnownOperation(Protocol):
    """What the linter looks at in an operation of the roster (bot.operations.base.Operation fits)."""

    @property
    def target_kind(self) -> str:
        """Kind of target it accepts."""

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing."""


Operations = Mapping[str, KnownOperation]
