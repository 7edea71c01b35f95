"""The one Protocol of the sources room. Called by bot/web.py (verify, key) and bot/stages/ingest.py (read)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from bot.incident import Signal


class Unreadable(Exception):
    """A correctly signed body that we cannot read: goes to quarantine, never 4xx (trust case T22)."""


class Source(Protocol):
    """One sender of webhooks. Pure: bytes in, values out.

    name: the `{source}` of `/webhooks/{source}`.
    """

    name: str

    def verified(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Whether the raw bytes carry a valid signature. Never raises; headers are case-insensitive."""
        ...

    def key(self, headers: Mapping[str, str], body: bytes) -> str:
        """The sender's id of this delivery for deduplication. Raises Unreadable when there is none."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Signal | None:
        """The signal, or None for an event type that means nothing to us. Raises Unreadable."""
        ...
