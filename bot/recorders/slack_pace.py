"""How fast we may talk to Slack: a token bucket per channel for posts and one for edits (reference/apis.md 1.5).

Used by bot/recorders/slack.py only. Every question reserves a place in the queue, so waiting lanes go in the order they
came and none starves. Pure given its clock; never sleeps, it only says how long to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

EDITS = "edits"
EDITS_PER_SECOND = 50 / 60  # chat.update is tier 3: 50 a minute in the whole workspace
EDIT_BURST = 20.0


@dataclass(slots=True)
class Bucket:
    """tokens: how many may go now; at: monotonic seconds of the last look."""

    tokens: float
    at: float


class Pace:
    """posts_per_second: per channel (Slack documents about 1). burst: messages at once. clock: monotonic seconds."""

    def __init__(self, posts_per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate = posts_per_second
        self._burst = float(burst)
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def post(self, channel: str) -> float:
        """Seconds to wait before the reserved post, 0.0 for at once."""
        return self._take(channel, self._rate, self._burst)

    def edit(self) -> float:
        """The same for chat.update."""
        return self._take(EDITS, EDITS_PER_SECOND, EDIT_BURST)

    def slow_down(self, channel: str) -> None:
        """Slack said 429: nothing more for that channel until its bucket has filled again."""
        self._buckets[channel] = Bucket(0.0, self._clock())

    def _take(self, name: str, rate: float, burst: float) -> float:
        now = self._clock()
        bucket = self._buckets.setdefault(name, Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        bucket.tokens -= 1.0
        return max(-bucket.tokens / rate, 0.0)
