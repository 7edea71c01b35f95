"""The latest facts replace the earlier ones."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.store import enrichments
from bot.store.enrichments import Enrichment
from bot.store.session import Store


async def test_the_latest_facts_are_kept(store: Store, now: datetime) -> None:
    later = now + timedelta(seconds=5)
    await store.write(lambda s: enrichments.save(s, "inc_1", [{"name": "health"}], now))
    await store.write(lambda s: enrichments.save(s, "inc_1", [{"name": "health", "value": {"status": 503}}], later))
    kept = await store.read(lambda s: enrichments.get(s, "inc_1"))
    assert kept == Enrichment("inc_1", [{"name": "health", "value": {"status": 503}}], later)
    assert await store.read(lambda s: enrichments.get(s, "inc_2")) is None
