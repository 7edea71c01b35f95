"""How fast we may talk to Slack: token buckets for posts, per channel and in all, and for edits (reference/apis.md 1.5).

Used by bot/recorders/slack.py and slack_seen.py only. A burst is for what people wait for (a card, an answer in a thread);
messages that open an incident keep one rate, or a storm would spend the burst and be refused. Pure given its clock; never
sleeps, it only says how long to wait. `wait` reserves nothing and may be asked in another thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

EDITS = "edits"
EDIT_SPEED = (50 / 60, 20.0)  # chat.update is tier 3: 50 a minute in the whole workspace
WORKSPACE = "workspace"
WORKSPACE_SPEED = (8.0, 60.0)  # chat.postMessage: "several hundred messages per minute" in all channels together
SHARE = 0.96  # of the rate that is allowed: two posts that leave a second apart may arrive a little closer
ENOUGH = 1e-9  # what sums of floats may lack


@dataclass(frozen=True, slots=True)
class Bucket:
    """tokens: how many may go now; at: monotonic seconds of the last look, later than now after a 429; last: of the last
    post that was let go.
    """

    tokens: float
    at: float
    last: float = float("-inf")


class Pace:
    """posts_per_second: per channel (Slack documents about 1). burst: messages at once. clock: monotonic seconds."""

    def __init__(self, posts_per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self._posts = (posts_per_second * SHARE, float(burst))
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def post(self, channel: str, *, opens: bool = False) -> float:
        """Seconds to wait before the reserved post, 0.0 for at once. opens: it is the first message of an incident."""
        wait = self.wait(channel, opens=opens)
        self._take(channel, wait)
        self._take(WORKSPACE, wait)
        return wait

    def edit(self) -> float:
        """The same for chat.update."""
        wait = self.wait(EDITS)
        self._take(EDITS, wait)
        return wait

    def wait(self, name: str, ahead: int = 0, *, opens: bool = False) -> float:
        """Seconds until one more may go at once in a channel (or EDITS) after `ahead` others. Reserves nothing."""
        now = self._clock()
        wait = self._until(name, ahead, now)
        if opens:
            apart, bucket = 1 / self._posts[0], self._buckets.get(name)
            if ahead:
                wait = max(wait, ahead * apart)
            elif bucket is not None:
                wait = max(wait, bucket.last + apart - now)
        if name != EDITS:
            wait = max(wait, self._until(WORKSPACE, ahead, now))
        return wait if wait > ENOUGH else 0.0

    def slow_down(self, name: str, seconds: float) -> bool:
        """Slack said 429: nothing more for that channel (or EDITS) meanwhile, and no more bursts of posts anywhere.

        Whether no other one is held: then it is this channel's own limit and not the workspace's.
        """
        now = self._clock()
        alone = all(bucket.at <= now for other, bucket in self._buckets.items() if other != name)
        self._buckets[name] = Bucket(1.0, now + seconds)
        if name != EDITS:
            self._posts = (self._posts[0], 1.0)
        return alone

    def _until(self, name: str, ahead: int, now: float) -> float:
        bucket = self._bucket(name, now)
        lacking = 1.0 + ahead - bucket.tokens
        return max(bucket.at - now, 0.0) + (lacking / self._speed(name)[0] if lacking > ENOUGH else 0.0)

    def _take(self, name: str, wait: float) -> None:
        now = self._clock()
        bucket = self._bucket(name, now)
        self._buckets[name] = Bucket(bucket.tokens - 1.0, bucket.at, now + wait)

    def _bucket(self, name: str, now: float) -> Bucket:
        """The bucket as it is now."""
        rate, burst = self._speed(name)
        known = self._buckets.get(name)
        if known is None:
            return Bucket(burst, now)
        passed = max(now - known.at, 0.0)
        return Bucket(min(burst, known.tokens + passed * rate), max(now, known.at), known.last)

    def _speed(self, name: str) -> tuple[float, float]:
        return {EDITS: EDIT_SPEED, WORKSPACE: WORKSPACE_SPEED}.get(name, self._posts)
