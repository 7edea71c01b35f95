"""The mutants of `guards/` that no test can tell from the source, each with the reason. Reviewed like code.

Used by trust/mutation.py. Holds data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judged:
    """module: below the root. was, now: the changed line before and after, without indentation. why: in one sentence."""

    module: str
    was: str
    now: str
    why: str


JUDGED: tuple[Judged, ...] = ()
