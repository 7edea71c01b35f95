"""Durations, samples, shares and waves as people write them: `60s`, `1h`, `90d`, `3 of 4`, `50%`, `rest`.

Called by the loader, by parameters and, for waves, by bot/stages/plan.py. A bare number is refused: nobody should have to guess its unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import re2

_DURATION = re2.compile(r"(0|[1-9][0-9]{0,7})((?:\.[0-9]{1,3})?)(ms|s|m|h|d)")
_SAMPLES = re2.compile(r"([1-9][0-9]{0,2}) of ([1-9][0-9]{0,2})")
_PERCENT = re2.compile(r"([1-9][0-9]{0,2}(?:\.[0-9])?)%")
_WAVE_PERCENT = re2.compile(r"([1-9][0-9]?|100)%")
_COUNT = re2.compile(r"[1-9][0-9]{0,2}")
REST = "rest"
LONGEST = 14  # characters of a duration: eight digits, a point, three more, and the unit
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class UnitError(ValueError):
    """Text that is not a duration, not a sample count, not a share or not a wave. fix: what to write."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def seconds(text: object) -> float:
    """`90s` -> 90.0. Units: ms, s, m, h, d. Raises UnitError for anything else, a bare number and zero included."""
    if type(text) is str and len(text) <= LONGEST and text.isascii() and (number := _seconds(text)) > 0:
        return number
    if type(text) in (int, float):
        raise UnitError(f"{text} has no unit.", f"write it with a unit, for example {text}s.")
    raise UnitError(f"{ascii(text)[:60]} is not a duration.", "write a number and ms, s, m, h or d, for example 60s.")


@lru_cache(maxsize=1024)
def _seconds(text: str) -> float:
    """0 for what is no duration. Kept, for a catalogue of thousands has the same few durations again and again."""
    found = _DURATION.fullmatch(text)
    return round(float(found.group(1) + found.group(2)) * _SECONDS[found.group(3)], 6) if found else 0.0


def samples(text: object) -> tuple[int, int]:
    """`3 of 4` -> (3, 4). Raises UnitError unless 1 <= first <= second <= 100."""
    if type(text) is str and text.isascii():
        found = _SAMPLES.fullmatch(text)
        if found:
            required, of = int(found.group(1)), int(found.group(2))
            if required <= of <= 100:
                return required, of
    raise UnitError(f"{ascii(text)[:60]} is not a number of samples.", "write for example 3 of 4, at most 100.")


def percent(text: object) -> float:
    """`50%` -> 50.0. Raises UnitError unless it is from 1% to 100%."""
    if type(text) is str and text.isascii():
        found = _PERCENT.fullmatch(text)
        if found and float(found.group(1)) <= 100:
            return float(found.group(1))
    raise UnitError(f"{ascii(text)[:60]} is not a share.", "write a percentage from 1% to 100%, for example 50%.")


def wave(written: object) -> str:
    """The size of one wave as text: `1` to `999` members, `1%` to `100%` of them, or `rest`. A count may be a number.

    Raises UnitError.
    """
    text = str(written) if type(written) is int else written
    known = type(text) is str and text.isascii()
    if known and (text == REST or _WAVE_PERCENT.fullmatch(text) or _COUNT.fullmatch(text)):
        return str(text)
    raise UnitError(
        f"{ascii(written)[:60]} is not the size of a wave.", "write a count from 1, a share from 1% to 100%, or rest."
    )


def wave_sizes(waves: Sequence[str], members: int) -> tuple[int, ...]:
    """How many members each wave takes: `[1, 25%, rest]` over 8 is (1, 2, 5), over 2 it is (1, 1).

    A share is one of all members, rounded down and at least 1. The last size is repeated until every member has had its
    turn, so that `[1]` is one at a time; `rest` is all that are left at once. The sum is `members`.
    Raises ValueError for no waves and for no members: nothing never means all (case T34).
    """
    if not waves or members < 1:
        raise ValueError("waves need at least one size and at least one member")
    sizes: list[int] = []
    left = members
    while left:
        size = waves[min(len(sizes), len(waves) - 1)]
        if size == REST:
            wanted = left
        elif size.endswith("%"):
            wanted = max(1, members * int(size[:-1]) // 100)
        else:
            wanted = int(size)
        sizes.append(min(wanted, left))
        left -= sizes[-1]
    return tuple(sizes)
