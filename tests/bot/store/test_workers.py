"""Workers: one boot owns an id; a replaced one learns it from its heartbeat."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.store import workers
from bot.store.session import Store


async def test_one_boot_owns_the_id(store: Store, now: datetime) -> None:
    claims = [store.write(lambda s, b=b: workers.claim(s, "worker-1", b, now, 30)) for b in "abc"]
    assert (await asyncio.gather(*claims)).count(True) == 1
    assert await store.write(lambda s: workers.claim(s, "worker-2", "z", now, 30))


async def test_a_silent_boot_is_replaced_and_told(store: Store, now: datetime) -> None:
    await store.write(lambda s: workers.claim(s, "worker-1", "old", now, 30))
    assert await store.write(lambda s: workers.beat(s, "worker-1", "old", now + timedelta(seconds=10)))
    assert not await store.write(lambda s: workers.claim(s, "worker-1", "new", now + timedelta(seconds=40), 30))
    assert await store.write(lambda s: workers.claim(s, "worker-1", "new", now + timedelta(seconds=41), 30))
    assert not await store.write(lambda s: workers.beat(s, "worker-1", "old", now + timedelta(seconds=41)))
    await store.write(lambda s: workers.release(s, "worker-1", "old"))
    assert await store.write(lambda s: workers.beat(s, "worker-1", "new", now + timedelta(seconds=42)))
    await store.write(lambda s: workers.release(s, "worker-1", "new"))
    assert await store.write(lambda s: workers.claim(s, "worker-1", "next", now, 30))
