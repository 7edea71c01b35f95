"""Checks lists of names (environments, roles, groups) given to a decorator or found in a policy.

Called when a guard object is made, so that a mistake stops the program at import and not at three in the morning.
A name is never a wildcard, a list of names is never a string (trust cases T10 and T34).
"""

from __future__ import annotations

from collections.abc import Iterable


def checked_names(values: Iterable[str], what: str, *, may_be_empty: bool = False) -> tuple[str, ...]:
    """The names, sorted and without repeats, so that equal sets make equal guards.

    Raises ValueError for an empty list (unless may_be_empty), a blank or padded name and any `*`; TypeError for a bare
    string or a name that is not a string.
    """
    if isinstance(values, str):
        raise TypeError(f"{what}: expected a list of names, not the single string {values!r}")
    names = tuple(values)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{what}: {name!r} is not a name")
        if not name or name != name.strip():
            raise ValueError(f"{what}: {name!r} is blank or padded")
        if "*" in name:
            raise ValueError(f"{what}: {name!r} is a wildcard; name each one")
    if not names and not may_be_empty:
        raise ValueError(f"{what}: the list is empty; that would be nobody and nowhere")
    return tuple(sorted(set(names)))


def checked_count(value: int, what: str) -> int:
    """A whole number of at least 1. Raises TypeError for anything else than an int (True is not 1), else ValueError."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what}: {value!r} is not a whole number")
    if value < 1:
        raise ValueError(f"{what}: {value} is less than 1")
    return value
