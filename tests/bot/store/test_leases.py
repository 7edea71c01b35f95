"""Leases: all targets or none, one holder each."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from bot.store import leases
from bot.store.session import Store


async def test_one_run_per_target(store: Store, now: datetime) -> None:
    takes = [store.write(lambda s, r=r: leases.acquire(s, ["a"], r, now)) for r in ("run_1", "run_2", "run_3")]
    results = await asyncio.gather(*takes)
    winner = (await store.read(leases.holders))["a"]
    assert results.count({}) == 1
    assert [r for r in results if r] == [{"a": winner}] * 2


async def test_all_or_nothing_and_reentrant(store: Store, now: datetime) -> None:
    assert await store.write(lambda s: leases.acquire(s, ["a", "b"], "run_1", now)) == {}
    assert await store.write(lambda s: leases.acquire(s, ["b", "a", "a"], "run_1", now)) == {}, "a crashed try resumes"
    assert await store.write(lambda s: leases.acquire(s, ["b", "c"], "run_2", now)) == {"b": "run_1"}
    assert await store.read(leases.holders) == {"a": "run_1", "b": "run_1"}, "c was not taken"
    await store.write(lambda s: leases.release(s, "run_1"))
    assert await store.write(lambda s: leases.acquire(s, ["b", "c"], "run_2", now)) == {}
    with pytest.raises(ValueError, match="no target"):
        await store.write(lambda s: leases.acquire(s, [], "run_2", now))
