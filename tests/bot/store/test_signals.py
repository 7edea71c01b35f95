"""Signals are stored once per source and key."""

from __future__ import annotations

import asyncio
from datetime import datetime

from bot.incident import Signal, SignalKind
from bot.store import signals
from bot.store.session import Store


def signal(key: str, now: datetime, source: str = "pagerduty") -> Signal:
    """One alert."""
    return Signal(source=source, key=key, kind=SignalKind.ALERT, occurred_at=now, labels={"k": "v"})


async def test_T21_one_row_per_key(store: Store, now: datetime) -> None:
    added = await asyncio.gather(*(store.write(lambda s: signals.add(s, signal("k", now), "inc_1")) for _ in range(5)))
    assert added.count(True) == 1
    assert await store.write(lambda s: signals.add(s, signal("k", now, "grafana"), "inc_1"))


async def test_seen_answers_for_many_keys(store: Store, now: datetime) -> None:
    for key in ("a", "b"):
        await store.write(lambda s, k=key: signals.add(s, signal(k, now), "inc_1"))
    keys = [*(str(n) for n in range(1200)), "a", "b"]
    assert await store.read(lambda s: signals.seen(s, "pagerduty", keys)) == {"a", "b"}
    assert await store.read(lambda s: signals.seen(s, "grafana", keys)) == set()
    assert await store.read(lambda s: signals.seen(s, "pagerduty", [])) == set()


async def test_recent_is_newest_first(store: Store, now: datetime) -> None:
    for key in "abc":
        await store.write(lambda s, k=key: signals.add(s, signal(k, now), "inc_1"))
    found = await store.read(lambda s: signals.recent(s, "inc_1", 2))
    assert [each.key for each in found] == ["c", "b"]
    assert found[0] == signal("c", now)
