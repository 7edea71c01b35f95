"""Live updates inside the sandbox: whoever changes something publishes it, the page listens.

Used by every stand-in and by page_server. Must not wait, fail or keep history: a snapshot is read from the stand-ins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Listener = Callable[[dict[str, Any]], None]


class Feed:
    """A list of listeners that are called at once, in order, with each event (a JSON-ready mapping with `type`)."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for every event from now on. Returns the function that ends it; calling it twice is fine."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def publish(self, event: dict[str, Any]) -> None:
        """Hand the event to every listener."""
        for listener in list(self._listeners):
            listener(event)
