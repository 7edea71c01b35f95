"""Proposals: one open offer per incident, taken once."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from bot.store import proposals
from bot.store.proposals import Proposal
from bot.store.session import Store


def offer(number: int, now: datetime, **changes: Any) -> Proposal:
    """One open offer for incident 1."""
    values: dict[str, Any] = {
        "id": f"prop_{number}", "incident_id": "inc_1", "runbook": "restart-service", "step_id": "restart", "why": "w",
        "state": "open", "plan": {"a": [1]}, "score": 0.75, "reasons": ["r"], "alternatives": [{"runbook": "b"}],
        "created_at": now,
    }  # fmt: skip
    return Proposal(**{**values, **changes})


async def test_a_new_offer_supersedes_the_open_one(store: Store, now: datetime) -> None:
    first, second = offer(1, now), offer(2, now, plan=None, alternatives=[])
    await store.write(lambda s: proposals.save(s, first))
    assert await store.read(lambda s: proposals.current(s, "inc_1")) == first
    await store.write(lambda s: proposals.save(s, second))
    assert await store.read(lambda s: proposals.current(s, "inc_1")) == second
    superseded = await store.read(lambda s: proposals.get(s, "prop_1"))
    assert superseded is not None
    assert superseded.state == "superseded"
    assert not await store.write(lambda s: proposals.take(s, "prop_1"))


async def test_T05_an_offer_is_taken_once(store: Store, now: datetime) -> None:
    await store.write(lambda s: proposals.save(s, offer(1, now)))
    took = await asyncio.gather(*(store.write(lambda s: proposals.take(s, "prop_1")) for _ in range(6)))
    assert took.count(True) == 1
    taken = await store.read(lambda s: proposals.current(s, "inc_1"))
    assert taken is not None
    assert taken.state == "taken"
    await store.write(lambda s: proposals.save(s, offer(2, now, state="none")))
    none = await store.read(lambda s: proposals.current(s, "inc_1"))
    kept = await store.read(lambda s: proposals.get(s, "prop_1"))
    assert none is not None
    assert kept is not None
    assert (none.id, kept.state) == ("prop_2", "taken"), "a taken one is history, not superseded"


async def test_skipped_is_not_current(store: Store, now: datetime) -> None:
    await store.write(lambda s: proposals.save(s, offer(1, now)))
    await store.write(lambda s: proposals.set_state(s, "prop_1", "skipped"))
    assert await store.read(lambda s: proposals.current(s, "inc_1")) is None
    with pytest.raises(ValueError, match="state"):
        await store.write(lambda s: proposals.set_state(s, "prop_1", "whatever"))
    with pytest.raises(ValueError, match="state"):
        await store.write(lambda s: proposals.save(s, offer(2, now, state="whatever")))
