"""Checks amounts (percentages, factors, costs) given to a guard or found in a context.

Called when a guard is made, so that a mistake stops the program at import, and when one decides: what raises there is a
refusal (`guard_error`). Not a number is never small enough to pass (case T34).
"""

from __future__ import annotations

import math


def checked_amount(value: float, what: str, *, least: float = 0.0) -> float:
    """The finite number, at least `least`. Raises TypeError for anything but an int or a float (True is not 1), else
    ValueError.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what}: {value!r} is not a number")
    if not math.isfinite(value) or value < least:
        raise ValueError(f"{what}: {value!r} is not a finite number of at least {least:g}")
    return value


def checked_optional(value: float | None, what: str) -> float | None:
    """As `checked_amount`; None stays None."""
    return None if value is None else checked_amount(value, what)
