"""The time that approvals are measured with: it never goes back, and it says when somebody turned the clock (case T65).

Made by bot/app.py as the clock of bot/stages/base.py's Equipment. Must not be used to check what others signed or dated.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

LARGEST_STEP = timedelta(seconds=30)  # more than this between two looks is a jump (trust case T65)
SUSPENDED = 300.0  # seconds after a jump in which no approval is used


class SteadyClock:
    """The later of the wall clock and of the time that has passed since the last look, whoever looks, in any thread.

    wall: timezone-aware UTC now. monotonic: seconds from any beginning, never going back (`time.monotonic`). A machine
    that slept has jumped too. What happened to the clock while this process was not running is not seen.
    """

    def __init__(self, wall: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._lock = Lock()
        self._last_wall = self._last = wall()
        self._last_monotonic = monotonic()
        self._jumped_at: datetime | None = None
        self._jumped_monotonic = 0.0

    def __call__(self) -> datetime:
        """UTC now; never earlier than what was said before plus the time that has passed since."""
        with self._lock:
            wall, monotonic = self._wall(), self._monotonic()
            passed = timedelta(seconds=max(monotonic - self._last_monotonic, 0.0))
            now = max(wall, self._last + passed)
            if abs(wall - self._last_wall - passed) > LARGEST_STEP:
                self._jumped_at, self._jumped_monotonic = now, monotonic
            self._last_wall, self._last, self._last_monotonic = wall, now, monotonic
            return now

    @property
    def jumped_at(self) -> datetime | None:
        """When a jump of the wall clock was last seen; None when none was."""
        return self._jumped_at

    def jumped(self) -> bool:
        """Whether the wall clock jumped in the last five minutes, as the monotonic clock counts them. Looks first."""
        self()
        with self._lock:
            return self._jumped_at is not None and self._last_monotonic - self._jumped_monotonic < SUSPENDED
