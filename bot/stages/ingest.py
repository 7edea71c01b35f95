"""Ingest: stored deliveries become signals; what cannot be read goes to quarantine (trust case T22).

Called by bot/triage.py. The signature was verified over the raw bytes before the delivery was stored (bot/web.py).
Pure: no store, no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.incident import Signal
from bot.sources.base import Source, Unreadable
from bot.store.inbox import Delivered


@dataclass(frozen=True, slots=True)
class Ingested:
    """signals: (delivery, signal) in order of arrival; quarantine: (delivery id, reason); ignored: delivery ids."""

    signals: tuple[tuple[Delivered, Signal], ...]
    quarantine: tuple[tuple[int, str], ...]
    ignored: tuple[int, ...]


def ingest(deliveries: Iterable[Delivered], sources: Mapping[str, Source]) -> Ingested:
    """Read every delivery with the source that received it."""
    signals: list[tuple[Delivered, Signal]] = []
    quarantine: list[tuple[int, str]] = []
    ignored: list[int] = []
    for delivery in deliveries:
        source = sources.get(delivery.source)
        if source is None:
            quarantine.append((delivery.id, f"no source is called {delivery.source!r}"))
            continue
        try:
            signal = source.read(delivery.headers, delivery.body, delivery.received_at)
        except Unreadable as error:
            quarantine.append((delivery.id, str(error)[:300]))
            continue
        if signal is None:
            ignored.append(delivery.id)
        else:
            signals.append((delivery, signal))
    return Ingested(tuple(signals), tuple(quarantine), tuple(ignored))
