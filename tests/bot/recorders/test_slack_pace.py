"""The pace: places are reserved in order, openings keep one rate, and a 429 ends the bursts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from bot.recorders.slack_pace import EDITS, Pace


def waits(pace: Pace, ask: Callable[[Pace], float], times: int) -> list[float]:
    return [round(ask(pace), 2) for _ in range(times)]


def test_the_pace_reserves_places_in_order() -> None:
    time = [0.0]
    pace = Pace(1.0, 2, lambda: time[0])
    assert waits(pace, lambda p: p.post("C1"), 4) == [0.0, 0.0, 1.04, 2.08]
    assert waits(pace, lambda p: p.post("C2"), 1) == [0.0]
    time[0] = 10.0
    assert waits(pace, lambda p: p.post("C1"), 3) == [0.0, 0.0, 1.04]
    assert waits(pace, lambda p: p.edit(), 21) == [0.0] * 20 + [1.2]


@pytest.mark.parametrize("burst", [1, 3, 20])
def test_C3_a_storm_of_openings_never_bursts_whatever_the_burst_is(burst: int) -> None:
    """A server that counts strictly refuses none: each leaves more than a second after the one before it."""
    time = [100.0]
    pace = Pace(1.0, burst, lambda: time[0])
    left: list[float] = []
    while len(left) < 40:
        wait = pace.wait("C1", opens=True)
        if wait > 0:
            time[0] += wait
            continue
        assert pace.post("C1", opens=True) == 0.0
        left.append(time[0])
    apart = [b - a for a, b in pairwise(left)]
    assert min(apart) > 1.0
    assert left[-1] - left[0] < 39 * 1.1


def test_an_idle_channel_posts_at_once_whatever_others_do() -> None:
    pace = Pace(1.0, 3, lambda: 0.0)
    for _ in range(50):
        pace.post("C1", opens=True)
        pace.edit()
    assert pace.wait("C1", opens=True) > 40
    assert pace.wait(EDITS) > 30
    assert (pace.wait("C2", opens=True), pace.post("C2", opens=True)) == (0.0, 0.0)


def test_answers_may_burst_right_after_an_opening() -> None:
    pace = Pace(1.0, 3, lambda: 0.0)
    assert pace.post("C1", opens=True) == 0.0
    assert waits(pace, lambda p: p.post("C1"), 3) == [0.0, 0.0, 1.04]


def test_the_workspace_has_a_limit_of_its_own() -> None:
    pace = Pace(1.0, 3, lambda: 0.0)
    asked = [pace.post(f"C{number}", opens=True) for number in range(62)]
    assert (asked[:60], asked[60] > 0, asked[61] > asked[60]) == ([0.0] * 60, True, True)
    assert pace.wait(EDITS) == 0.0


def test_asking_reserves_nothing_and_counts_those_ahead() -> None:
    pace = Pace(1.0, 2, lambda: 0.0)
    assert [round(pace.wait("C1", ahead), 2) for ahead in (0, 1, 2, 3)] == [0.0, 0.0, 1.04, 2.08]
    assert [round(pace.wait("C1", ahead, opens=True), 2) for ahead in (0, 1, 2)] == [0.0, 1.04, 2.08]
    assert pace.wait("C1") == 0.0


def test_a_429_holds_its_channel_as_long_as_slack_says_and_ends_the_bursts() -> None:
    time = [0.0]
    pace = Pace(1.0, 3, lambda: time[0])
    pace.post("C1")
    assert pace.slow_down("C1", 5.0)
    assert pace.wait("C1") == 5.0
    assert pace.post("C1") == 5.0
    assert round(pace.wait("C1"), 2) == 6.04
    time[0] = 30.0
    assert waits(pace, lambda p: p.post("C2"), 2) == [0.0, 1.04], "a server that is strict once is strict everywhere"


def test_two_held_at_once_are_the_workspaces_limit() -> None:
    time = [0.0]
    pace = Pace(1.0, 3, lambda: time[0])
    assert pace.slow_down("C1", 2.0)
    assert not pace.slow_down(EDITS, 2.0)
    time[0] = 3.0
    assert pace.slow_down("C2", 2.0)
    assert pace.wait(EDITS) == 0.0
