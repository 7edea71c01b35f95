"""The rate of a destination: a bucket, and pauses that are kept and bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.recorders.rate import Limits, Rate

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_the_bucket_empties_and_fills() -> None:
    time = Time()
    rate = Rate(Limits(per_second=2, burst=3), time)
    assert rate.free() == 3
    for _ in range(3):
        rate.take()
    assert (rate.free(), rate.wait()) == (0, 0.5)
    time.passes(0.5)
    assert (rate.free(), rate.wait()) == (1, 0.0)
    time.passes(60)
    assert rate.free() == 3


def test_a_pause_lets_nothing_go_and_the_longest_counts() -> None:
    time = Time()
    rate = Rate(Limits(longest_pause=100), time)
    rate.pause_for(30)
    rate.pause_for(10)
    assert (rate.free(), rate.wait(), rate.pause()) == (0, 30.0, 30.0)
    time.passes(30)
    assert (rate.pause(), rate.free()) == (0.0, 16)
    rate.pause_for(86_400)
    assert rate.pause() == 100
    time.passes(-3600)  # a clock that was set back does not make it longer than it was asked to be from now on
    assert rate.free() == 0


def test_without_counting_only_pauses_are_kept() -> None:
    rate = Rate(Limits(per_second=1, burst=2), Time(), counts=False)
    for _ in range(5):
        rate.take()
    assert rate.free() == 2
    rate.pause_for(5)
    assert rate.free() == 0
