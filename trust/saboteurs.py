"""B26: what a saboteur would do to the source, and the gate that must turn red.

Used by trust/b26.py. A list lives in a module of its own beside this one (`saboteurs_time.py`); adding it to LISTS is all
that is needed. Must not change the working tree: `apply` writes into the folder it is given.
"""

from __future__ import annotations

from pathlib import Path

from trust import (
    saboteurs_approval,
    saboteurs_asking,
    saboteurs_freeze,
    saboteurs_promotion,
    saboteurs_size,
    saboteurs_time,
)
from trust.saboteur import Saboteur

# The guards' rules; approvals and the engine come after them, one line for each list.
LISTS: tuple[tuple[Saboteur, ...], ...] = (
    saboteurs_asking.SABOTEURS,
    saboteurs_time.SABOTEURS,
    saboteurs_size.SABOTEURS,
    saboteurs_approval.SABOTEURS,
    saboteurs_promotion.SABOTEURS,
    saboteurs_freeze.SABOTEURS,
)
SABOTEURS: tuple[Saboteur, ...] = tuple(each for one in LISTS for each in one)


def named(name: str) -> Saboteur:
    """The saboteur of that name. Raises ValueError when there is none."""
    for each in SABOTEURS:
        if each.name == name:
            return each
    raise ValueError(f"no saboteur is called {name!r}")


def apply(saboteur: Saboteur, root: Path) -> None:
    """Change the copy of the source below `root`. Raises ValueError when the old text is not there exactly once."""
    path = root / saboteur.file
    text = path.read_text(encoding="utf-8")
    found = text.count(saboteur.old)
    if found != 1:
        raise ValueError(f"{saboteur.name}: the old text stands {found} times in {saboteur.file}")
    path.write_text(text.replace(saboteur.old, saboteur.new), encoding="utf-8")
