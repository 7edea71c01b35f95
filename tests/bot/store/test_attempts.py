"""Attempts: the intent is written once, the result once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bot.plan import Plan
from bot.store import attempts
from bot.store.session import Store


async def test_T11_of_many_workers_one_may_act(store: Store, plan: Callable[..., Plan], now: datetime) -> None:
    act = plan().steps[1].act
    tries = [store.write(lambda s, w=w: attempts.intend(s, "run_1", "restart", 1, act, w, now)) for w in "abcde"]
    assert (await asyncio.gather(*tries)).count(True) == 1
    assert await store.write(lambda s: attempts.intend(s, "run_1", "restart", 2, act, "a", now))
    kept = await store.read(lambda s: attempts.get(s, "run_1", "restart", 1))
    assert kept is not None
    assert (kept.state, kept.act, kept.finished_at, kept.result) == ("intended", act, None, {})


async def test_a_result_is_final_unless_unknown(store: Store, plan: Callable[..., Plan], now: datetime) -> None:
    act, later = plan().steps[1].act, now + timedelta(seconds=3)
    await store.write(lambda s: attempts.intend(s, "run_1", "restart", 1, act, "w", now))
    finishes = [("unknown", True), ("done", True), ("failed", False), ("unknown", False)]
    for state, allowed in finishes:
        done = await store.write(lambda s, x=state: attempts.finish(s, "run_1", "restart", 1, x, {"was": x}, later))
        assert done is allowed
    kept = await store.read(lambda s: attempts.for_run(s, "run_1"))
    assert [(a.state, a.result, a.finished_at) for a in kept] == [("done", {"was": "done"}, later)]
    assert not await store.write(lambda s: attempts.finish(s, "run_9", "x", 1, "done", {}, later))
    with pytest.raises(ValueError, match="result"):
        await store.write(lambda s: attempts.finish(s, "run_1", "restart", 1, "intended", {}, later))
