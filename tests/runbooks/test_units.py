"""Durations, samples and shares with units, or an error that says what to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.units import UnitError, percent, samples, seconds

DURATIONS = [("60s", 60.0), ("1h", 3600.0), ("90d", 7_776_000.0), ("500ms", 0.5), ("0.5s", 0.5), ("10m", 600.0)]


@pytest.mark.parametrize(("text", "value"), DURATIONS)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "60", 60, 1.5, True, None, "0s", "-1s", "1 h", "1h30m", "1w", "\u0661s", "60s\n", "1e3s", []]
)
def test_no_duration(text: object) -> None:
    with pytest.raises(UnitError) as caught:
        seconds(text)
    assert caught.value.fix


def test_samples() -> None:
    assert samples("3 of 4") == (3, 4)
    assert samples("1 of 1") == (1, 1)


@pytest.mark.parametrize("text", ["4 of 3", "0 of 3", "3/4", "3 of 101", "3  of 4", 3, None, "3 of 4\n"])
def test_no_samples(text: object) -> None:
    with pytest.raises(UnitError):
        samples(text)


@pytest.mark.parametrize(("text", "value"), [("50%", 50.0), ("1%", 1.0), ("100%", 100.0), ("33.3%", 33.3)])
def test_shares(text: str, value: float) -> None:
    assert percent(text) == value


@pytest.mark.parametrize(
    "text", ["50", 50, 0.5, "0%", "0.5%", "101%", "100.1%", "-5%", "50 %", "050%", "5e1%", None, "50%\n"]
)
def test_no_shares(text: object) -> None:
    with pytest.raises(UnitError) as caught:
        percent(text)
    assert caught.value.fix


@given(st.text(max_size=12))
def test_any_text_is_a_duration_above_zero_or_an_error(text: str) -> None:
    try:
        value = seconds(text)
    except UnitError as error:
        assert error.fix
    else:
        assert value > 0
