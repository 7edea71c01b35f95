"""What the linter says: a finding, and the repair that may go with it. Values only.

Used by every rule, by runbooks/lint/mend.py and by the reports. Must not judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Repair:
    """A change of one scalar that alters nothing a runbook does. old: its value now; new: its value, None to drop it."""

    old: str
    new: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One complaint. rule: stable name for CI. path: of the model, for line and column; () is the beginning of the file.

    place: line and column (from 1) where they are known better than from the path. repair: for `lint --fix`.
    """

    rule: str
    severity: Severity
    message: str
    fix: str
    path: Path = ()
    place: tuple[int, int] | None = None
    repair: Repair | None = None
