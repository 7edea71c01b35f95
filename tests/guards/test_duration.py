"""guards/duration.py: durations as people write them."""

from __future__ import annotations

import pytest

from guards.duration import seconds


@pytest.mark.parametrize(
    ("written", "expected"), [("120s", 120), ("15m", 900), ("1h", 3600), ("2d", 172_800), (5, 5), (0.5, 0.5)]
)
def test_durations_are_seconds(written: float | str, expected: float) -> None:
    assert seconds(written, "x") == expected


@pytest.mark.parametrize(
    "wrong", ["", "15", "m", "0s", "-1m", "1.5h", "1h30m", " 1h", "1h\n", "１h", "1w", "99d", 0, -1, 1e9, float("nan")]
)
def test_T34_what_is_no_duration_is_an_error(wrong: float | str) -> None:
    with pytest.raises(ValueError, match="x"):
        seconds(wrong, "x")


@pytest.mark.parametrize("wrong", [None, True, [1], b"1h"])
def test_T34_other_types_are_errors(wrong: object) -> None:
    with pytest.raises(TypeError):
        seconds(wrong, "x")  # type: ignore[arg-type]  # reason: wrong on purpose


def test_the_longest_is_31_days() -> None:
    assert seconds("31d", "x") == seconds(2_678_400, "x") == seconds(2_678_400.0, "x") == 2_678_400.0
    for wrong in (2_678_401, 2_678_400.5, "2678401s"):
        with pytest.raises(ValueError, match="x"):
            seconds(wrong, "x")
