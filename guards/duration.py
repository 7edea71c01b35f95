"""Durations as people write them: `15m`, `1h`, `120s`, `2d` or a number of seconds.

Called by the decorators and by the policy reader. There is no unlimited duration: what never ends is an error (T34).
"""

from __future__ import annotations

import math
import re

LONGEST = 31 * 86_400.0
"""Seconds in 31 days: no timeout or window of this project needs more."""

_WRITTEN = re.compile(r"\A([1-9][0-9]{0,8})([smhd])\Z", re.ASCII)
_UNIT = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def seconds(value: float | str, what: str) -> float:
    """The duration in seconds, more than 0 and at most 31 days.

    Raises TypeError for something that is neither a number nor a string (True is not a number), ValueError otherwise.
    """
    if isinstance(value, str):
        written = _WRITTEN.match(value)
        if written is None:
            raise ValueError(f"{what}: {value!r} is not a duration such as 120s, 15m, 1h or 2d")
        value = int(written[1]) * _UNIT[written[2]]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what}: {value!r} is not a duration")
    if not math.isfinite(value) or not 0 < value <= LONGEST:
        raise ValueError(f"{what}: {value!r} is not between 0 seconds and 31 days")
    return float(value)
