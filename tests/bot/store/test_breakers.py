"""Breakers: open until a trial worked, one trial at a time, and as they were after a restart (T57)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.store import breakers
from bot.store.session import Store
from guards.context import OpenBreaker
from tests.bot.store.conftest import NOW

KEY = "remediation:prod/payments/supervisor.restart"


async def test_a_breaker_opens_is_tried_and_closes(store: Store) -> None:
    assert await store.read(breakers.opened) == ()
    assert not await store.write(lambda s: breakers.take_trial(s, KEY, "run_1")), "it is closed"
    await store.write(lambda s: breakers.open_anew(s, KEY, NOW))
    assert await store.read(breakers.opened) == (OpenBreaker(KEY, NOW),)
    assert await store.write(lambda s: breakers.take_trial(s, KEY, "run_1"))
    assert await store.read(breakers.opened) == (OpenBreaker(KEY, NOW, "run_1"),)
    assert await store.write(lambda s: breakers.close(s, KEY))
    assert not await store.write(lambda s: breakers.close(s, KEY))
    assert await store.read(breakers.opened) == ()


async def test_T57_of_many_runs_one_is_the_trial(store: Store) -> None:
    await store.write(lambda s: breakers.open_anew(s, KEY, NOW))
    names = [f"run_{n}" for n in range(8)]
    won = await asyncio.gather(*(store.write(lambda s, n=n: breakers.take_trial(s, KEY, n)) for n in names))
    assert won.count(True) == 1
    (found,) = await store.read(breakers.opened)
    assert found.trial_run == names[won.index(True)]


async def test_T57_a_trial_that_failed_opens_it_anew_for_another_trial(store: Store) -> None:
    later = NOW + timedelta(hours=1)
    await store.write(lambda s: breakers.open_anew(s, KEY, NOW))
    await store.write(lambda s: breakers.take_trial(s, KEY, "run_1"))
    await store.write(lambda s: breakers.open_anew(s, KEY, later))
    assert await store.read(breakers.opened) == (OpenBreaker(KEY, later),)
    assert await store.write(lambda s: breakers.take_trial(s, KEY, "run_2"))


async def test_T57_a_restart_resets_nothing(url: str) -> None:
    async with await Store.open(url) as first:
        await first.write(lambda s: breakers.open_anew(s, "global", NOW))
        await first.write(lambda s: breakers.open_anew(s, KEY, NOW))
        await first.write(lambda s: breakers.take_trial(s, KEY, "run_1"))
    async with await Store.open(url) as second:
        assert await second.read(breakers.opened) == (OpenBreaker("global", NOW), OpenBreaker(KEY, NOW, "run_1"))
