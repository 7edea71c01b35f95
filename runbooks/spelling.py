"""Did you mean: the nearest known word to one that is not known, for the fix of an error.

Called wherever a word from a closed list was expected: keys, operations, facts, enum words. Pure; must not correct anything by
itself, for a typing error that is silently put right is another runbook than the one people reviewed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST = 80  # characters compared: difflib takes quadratic time, and no known word is longer
NEAR = 0.6  # difflib's own cut-off for a good match


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like `word`, empty when none is near. Capital letters and `_`, `-`, `.` make no difference."""
    plain = {_plain(each): each for each in sorted(known, reverse=True)}
    found = difflib.get_close_matches(_plain(word[:LONGEST]), plain, n=1, cutoff=NEAR)
    return plain[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean precheck?`, empty when no known word is near."""
    found = nearest(word, known)
    return f"did you mean {found}?" if found else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "_").replace(".", "_")
