"""One saboteur, as a value.

Used by trust/saboteurs.py and by every list of saboteurs. Holds nothing but data.
"""

from __future__ import annotations

from dataclasses import dataclass

# The short run of B1: the guards against the oracle.
B1 = ("tests/trust/test_b1.py",)


@dataclass(frozen=True, slots=True)
class Saboteur:
    """name: what is broken, in words, unique. file: below the root. old, new: exact text; old stands there once.

    gate: what pytest is given; at least one of its tests must fail (and all must pass without the patch).
    """

    name: str
    file: str
    old: str
    new: str
    gate: tuple[str, ...] = B1
