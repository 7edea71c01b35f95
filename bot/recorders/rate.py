"""How fast one destination is written to: its limits, a token bucket over all its lanes, and pauses it asked for.

Used by bot/recorders/outbox.py only. Pure given its clock; never sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast one destination is written to.

    per_second, burst: token bucket over the whole destination (PagerDuty: 960 calls a minute per key, apis.md 2.3).
    lanes: lanes delivered at the same time. first_delay, longest_delay: seconds of the first and the longest wait of ours;
    longest_pause: the longest wait the other side may ask for with Retry-After.
    look_every: seconds between looks when nobody wakes us. deadline: seconds one delivery may take.
    """

    per_second: float = 8.0
    burst: int = 16
    lanes: int = 8
    first_delay: float = 1.0
    longest_delay: float = 15.0
    longest_pause: float = 600.0
    look_every: float = 5.0
    deadline: float = 60.0


class Rate:
    """The bucket and the pause of one destination. clock: UTC now. counts: without, only pauses are kept."""

    def __init__(self, limits: Limits, clock: Callable[[], datetime], *, counts: bool = True) -> None:
        self._limits = limits
        self._counts = counts
        self._clock = clock
        self._tokens = float(limits.burst)
        self._filled_at = clock()
        self._paused_until: datetime | None = None

    def free(self) -> int:
        """How many deliveries may start now; none in a pause."""
        return 0 if self.pause() > 0 else max(int(self._fill()), 0)

    def take(self) -> None:
        """One delivery starts."""
        self._tokens = self._fill() - (1 if self._counts else 0)

    def wait(self) -> float:
        """Seconds until one may start."""
        lacking = max(1 - self._fill(), 0.0) / self._limits.per_second
        return max(lacking, self.pause())

    def pause_for(self, seconds: float) -> None:
        """The other side asks for silence."""
        until = self._clock() + timedelta(seconds=min(max(seconds, 0.0), self._limits.longest_pause))
        if self._paused_until is None or until > self._paused_until:
            self._paused_until = until

    def pause(self) -> float:
        """Seconds until the destination may be spoken to again."""
        if self._paused_until is None:
            return 0.0
        left = (self._paused_until - self._clock()).total_seconds()
        if left <= 0:
            self._paused_until = None
        return max(left, 0.0)

    def _fill(self) -> float:
        now = self._clock()
        passed = max((now - self._filled_at).total_seconds(), 0.0)
        self._filled_at = now
        self._tokens = min(self._tokens + passed * self._limits.per_second, self._limits.burst)
        return self._tokens
