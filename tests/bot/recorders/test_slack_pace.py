"""The pace: places are reserved in order, and a 429 empties the bucket."""

from __future__ import annotations

from collections.abc import Callable

from bot.recorders.slack_pace import Pace


def waits(pace: Pace, ask: Callable[[Pace], float], times: int) -> list[float]:
    return [round(ask(pace), 2) for _ in range(times)]


def test_the_pace_reserves_places_in_order() -> None:
    time = [0.0]
    pace = Pace(1.0, 2, lambda: time[0])
    assert waits(pace, lambda p: p.post("C1"), 4) == [0.0, 0.0, 1.0, 2.0]
    assert waits(pace, lambda p: p.post("C2"), 1) == [0.0]
    time[0] = 10.0
    assert waits(pace, lambda p: p.post("C1"), 3) == [0.0, 0.0, 1.0]
    pace.slow_down("C1")
    assert waits(pace, lambda p: p.post("C1"), 1) == [1.0]
    assert waits(pace, lambda p: p.edit(), 21) == [0.0] * 20 + [1.2]
