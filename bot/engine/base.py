"""What a run needs from the engine: steps that are checkpointed and waits that survive restarts.

Used by bot/flow.py, which sees only this Protocol; implemented by bot/engine/durable.py and, for tests, by a list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol


class Journal(Protocol):
    """One run's journal.

    A finished step is not repeated after a restart; a step that was cut off is entered again, so every step must
    tolerate that (reference/engine.md: at-least-once, our intent rows make the act at-most-once).
    """

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run `work` once and keep its result (plain JSON values only)."""
        ...

    async def wait(self, topic: str, seconds: float) -> None:
        """Park until somebody wakes `topic` or `seconds` have passed since the first call; survives restarts."""
        ...


Flow = Callable[[str, Journal], Awaitable[str]]
