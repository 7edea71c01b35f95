"""gather: parallel, each with its deadline, and every failure a visible gap (T58)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.errors import Ambiguous, Permanent, Transient
from bot.facts.base import FactRequest
from bot.facts.gather import gather, observe_one

NOW = datetime(2030, 1, 1, tzinfo=UTC)
Request = Callable[..., FactRequest]


class Source:
    kind = "test"

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if callable(self.outcome):
            await self.outcome()
        return {"seen": request.name}


def clock() -> datetime:
    return NOW


async def test_facts_keep_their_order_and_names(request_of: Request) -> None:
    sources = {"a": Source(None), "b": Source(Transient("down"))}
    facts = await gather(sources, [("b", request_of(called="one")), ("a", request_of(called="two"))], clock)
    assert [(f.name, f.kind, f.value, f.gap) for f in facts] == [
        ("one", "b", {}, "down"),
        ("two", "a", {"seen": "two"}, ""),
    ]
    assert all(f.observed_at == NOW for f in facts)


@pytest.mark.parametrize(
    ("failure", "gap"),
    [
        (Transient("is\nbusy"), "is busy"),
        (Permanent("x" * 500), "x" * 159 + "…"),
        (Ambiguous("lost"), "lost"),
        (TimeoutError(), "no answer in time"),
        (KeyError("secret value"), "the fact source test failed (KeyError)"),
        (Permanent(""), "failed"),
    ],
)
async def test_T58_every_failure_is_a_gap_without_a_value(request_of: Request, failure: Exception, gap: str) -> None:
    fact = await observe_one(Source(failure), "test", request_of(), clock)
    assert (fact.gap, fact.value) == (gap, {})


async def test_T58_an_unknown_kind_is_a_gap(request_of: Request) -> None:
    (fact,) = await gather({}, [("nothing", request_of())], clock)
    assert fact.gap == "no fact source is called nothing"


async def test_T52_a_source_that_hangs_is_a_gap_and_does_not_hold_the_others(request_of: Request) -> None:
    cancelled = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    slow, quick = await gather(
        {"slow": Source(hang), "quick": Source(None)},
        [("slow", request_of(deadline=0.05)), ("quick", request_of())],
        clock,
    )
    await asyncio.wait_for(cancelled.wait(), 1)
    assert slow.gap == "no answer within 0.05 s"
    assert slow.took_ms >= 40
    assert quick.value


async def test_all_are_observed_at_once(request_of: Request) -> None:
    barrier = asyncio.Barrier(20)
    facts = await gather({"x": Source(barrier.wait)}, [("x", request_of(deadline=2)) for _ in range(20)], clock)
    assert not [fact.gap for fact in facts if fact.gap]


async def test_cancelling_gather_cancels_what_it_observes(request_of: Request) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.create_task(gather({"x": Source(hang)}, [("x", request_of(deadline=60))], clock))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 1)
    assert ended.is_set()
