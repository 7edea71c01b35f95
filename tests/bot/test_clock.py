"""The steady clock: a wall clock set back extends nothing, and a jump is noticed and told for five minutes (T65)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.clock import SteadyClock

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Hands:
    """Both clocks of a machine."""

    def __init__(self) -> None:
        self.wall, self.passed = NOON, 1000.0

    def pass_by(self, seconds: float, *, turned: float = 0.0) -> None:
        self.passed += seconds
        self.wall += timedelta(seconds=seconds + turned)

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.passed)


def test_an_honest_clock_is_told_as_it_is() -> None:
    hands = Hands()
    clock = hands.clock()
    assert clock() == NOON
    hands.pass_by(3600)
    assert (clock(), clock.jumped_at, clock.jumped()) == (NOON + timedelta(hours=1), None, False)


@pytest.mark.parametrize("back", [1, 29, 600, 86_400])
def test_T65_a_clock_set_back_stretches_no_deadline(back: float) -> None:
    hands = Hands()
    clock = hands.clock()
    deadline = clock() + timedelta(minutes=15)
    hands.pass_by(60, turned=-back)
    assert clock() == NOON + timedelta(seconds=60)
    hands.pass_by(14 * 60)
    assert clock() >= deadline


def test_T65_many_small_steps_back_stretch_none_either() -> None:
    hands = Hands()
    clock = hands.clock()
    for _ in range(100):
        hands.pass_by(9, turned=-10)
        clock()
    assert clock() == NOON + timedelta(seconds=900)


def test_T65_a_clock_set_forward_counts_at_once() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.pass_by(1, turned=3600)
    assert clock() == NOON + timedelta(seconds=3601)


@pytest.mark.parametrize(
    ("turned", "wanted"), [(0, False), (30, False), (-30, False), (31, True), (-31, True), (1e6, True), (-1e6, True)]
)
def test_T65_more_than_thirty_seconds_between_two_looks_is_a_jump(turned: float, wanted: bool) -> None:
    hands = Hands()
    clock = hands.clock()
    hands.pass_by(5, turned=turned)
    assert clock.jumped() is wanted  # nobody looked at the clock since: this does
    assert (clock.jumped_at is not None) is wanted


@pytest.mark.parametrize("turned", [-3600, 3600])
def test_T65_a_jump_is_told_for_five_minutes_that_really_pass(turned: float) -> None:
    hands = Hands()
    clock = hands.clock()
    hands.pass_by(1, turned=turned)
    assert clock.jumped()
    hands.pass_by(299)
    assert clock.jumped()
    hands.pass_by(1)
    assert not clock.jumped()
    assert clock.jumped_at is not None
