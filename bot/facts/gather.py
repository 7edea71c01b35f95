"""Observes facts in parallel, each with its deadline; what cannot be had becomes a visible gap (design.md section 4.3).

Called by bot/stages/enrich.py and bot/flow.py. Must not raise for a fact that failed and must not invent a value:
no data is failure for whoever verifies (T58).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from bot.errors import CountersignError
from bot.facts.base import Fact, FactRequest, FactSource

Clock = Callable[[], datetime]
GAP = 160  # characters of a gap's reason

logger = structlog.get_logger(__name__)


async def gather(
    sources: Mapping[str, FactSource], requests: Sequence[tuple[str, FactRequest]], clock: Clock
) -> tuple[Fact, ...]:
    """One Fact per (kind, request), in the same order, all observed at once. clock: timezone-aware UTC now."""
    return tuple(
        await asyncio.gather(*(observe_one(sources.get(kind), kind, request, clock) for kind, request in requests))
    )


async def observe_one(source: FactSource | None, kind: str, request: FactRequest, clock: Clock) -> Fact:
    """One observation within request.deadline seconds. A missing source, a failure, a timeout: a Fact with `gap`.

    A source with a mistake in it is a gap too, named as such and logged: one broken fact must not hide the others.
    """
    if source is None:
        return Fact(name=request.name, kind=kind, observed_at=clock(), gap=f"no fact source is called {kind}")
    loop = asyncio.get_running_loop()
    started = loop.time()
    value, gap = await _observe(source, kind, request)
    took = round((loop.time() - started) * 1000, 1)
    return Fact(name=request.name, kind=kind, observed_at=clock(), took_ms=took, value=value, gap=gap)


async def _observe(source: FactSource, kind: str, request: FactRequest) -> tuple[dict[str, Any], str]:
    task = asyncio.ensure_future(source.observe(request))
    try:
        done, _ = await asyncio.wait({task}, timeout=request.deadline)
    finally:
        task.cancel()  # does nothing to a finished one; a late one, or ours when we are cancelled, ends here
    if not done:
        return {}, f"no answer within {request.deadline:g} s"
    if task.cancelled():
        return {}, "the observation was cancelled"
    error = task.exception()
    if error is None:
        return task.result(), ""
    if isinstance(error, CountersignError):
        return {}, _short(str(error))
    if isinstance(error, TimeoutError):
        return {}, "no answer in time"
    if not isinstance(error, Exception):
        raise error
    logger.error("fact_source_failed", kind=kind, fact=request.name, error=type(error).__name__, exc_info=error)
    return {}, f"the fact source {kind} failed ({type(error).__name__})"


def _short(text: str) -> str:
    line = " ".join(text.split()) or "failed"
    return line if len(line) <= GAP else line[: GAP - 1] + "…"
