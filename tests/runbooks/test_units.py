"""Durations, samples and shares with units, or an error that says what to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.units import UnitError, percent, samples, seconds, wave, wave_sizes

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


@pytest.mark.parametrize(
    ("written", "kept"), [(1, "1"), ("1", "1"), (999, "999"), ("25%", "25%"), ("100%", "100%"), ("rest", "rest")]
)
def test_E4_the_size_of_a_wave_is_a_count_a_share_or_the_rest(written: object, kept: str) -> None:
    assert wave(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        0,
        -1,
        1000,
        True,
        1.5,
        None,
        [],
        "",
        "0",
        "01",
        "0%",
        "101%",
        "25 %",
        "2.5%",
        "all",
        "Rest",
        "rest ",
        "\u0661",
        "*",
    ],
    ids=repr,
)
def test_T34_no_other_size_of_a_wave(written: object) -> None:
    with pytest.raises(UnitError) as caught:
        wave(written)
    assert caught.value.fix


SIZES = [
    (["1", "25%", "rest"], 8, (1, 2, 5)),
    (["1", "25%", "rest"], 1, (1,)),
    (["1", "25%", "rest"], 2, (1, 1)),
    (["1"], 4, (1, 1, 1, 1)),
    (["1", "50%"], 6, (1, 3, 2)),
    (["10%"], 3, (1, 1, 1)),
    (["25%"], 6, (1,) * 6),
    (["rest"], 5, (5,)),
    (["100%"], 5, (5,)),
    (["7"], 5, (5,)),
]


@pytest.mark.parametrize(("waves", "members", "sizes"), SIZES)
def test_E4_waves_over_members(waves: list[str], members: int, sizes: tuple[int, ...]) -> None:
    assert wave_sizes(waves, members) == sizes


@given(st.lists(st.sampled_from(["1", "3", "25%", "100%", "rest"]), min_size=1, max_size=4), st.integers(1, 200))
def test_E4_waves_take_every_member_once(waves: list[str], members: int) -> None:
    sizes = wave_sizes(waves, members)
    assert sum(sizes) == members
    assert min(sizes) >= 1


@pytest.mark.parametrize(("waves", "members"), [([], 3), (["1"], 0), (["rest"], 0), (["rest"], -1)])
def test_T34_no_members_and_no_waves_never_mean_all(waves: list[str], members: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        wave_sizes(waves, members)
