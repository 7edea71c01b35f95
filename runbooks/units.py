"""Durations, samples and shares as people write them: `60s`, `1h`, `90d`, `3 of 4`, `50%`.

Called by the loader and by parameters. A bare number is refused: nobody should have to guess its unit.
"""

from __future__ import annotations

import re2

_DURATION = re2.compile(r"(0|[1-9][0-9]{0,7})((?:\.[0-9]{1,3})?)(ms|s|m|h|d)")
_SAMPLES = re2.compile(r"([1-9][0-9]{0,2}) of ([1-9][0-9]{0,2})")
_PERCENT = re2.compile(r"([1-9][0-9]{0,2}(?:\.[0-9])?)%")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class UnitError(ValueError):
    """Text that is not a duration, not a sample count or not a share. fix: what to write."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def seconds(text: object) -> float:
    """`90s` -> 90.0. Units: ms, s, m, h, d. Raises UnitError for anything else, a bare number and zero included."""
    if type(text) is str and text.isascii():
        found = _DURATION.fullmatch(text)
        if found:
            number = float(found.group(1) + found.group(2)) * _SECONDS[found.group(3)]
            if number > 0:
                return round(number, 6)
    if type(text) in (int, float):
        raise UnitError(f"{text} has no unit.", f"write it with a unit, for example {text}s.")
    raise UnitError(f"{ascii(text)[:60]} is not a duration.", "write a number and ms, s, m, h or d, for example 60s.")


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
