"""Watching: an act that declares itself cancel-safe is broken off when the emergency stop is engaged (trust case T55).

Called by bot/stages/execute.py around every act. An act that does not declare it runs to its end: broken off half way it
would do more harm than finished. Must not start anything, and must not take an unreadable database for a stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from bot.adapters.base import ActResult
from bot.errors import Ambiguous, CountersignError, Permanent
from bot.kill_switch import together
from bot.plan import Act, Plan
from bot.stages.base import Equipment
from bot.stages.precheck import risk_of, stopped
from bot.store import kill_switch
from bot.telemetry import log
from guards.context import Stop

LOOK_EVERY = 0.4  # seconds; with a look of at most as long, a stop is obeyed within the second of T55
PATIENCE = 0.4  # seconds that the database has to answer one look
WORDS = "stopped by the emergency stop"
Work = Coroutine[Any, Any, ActResult]


async def watched(equipment: Equipment, plan: Plan, act: Act, work: Work) -> ActResult:
    """The result of `work`, which carries out `act`; its own errors come through.

    Broken off, the act's outcome is not known (Ambiguous), unless it only reads (Permanent). What it still says of itself
    while it is being broken off is believed instead.
    """
    if not act.cancel_safe:
        return await work
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_EVERY))[0]:
            if stopped(plan, act, await _stops(equipment)) is not None and not task.done():
                log().warning("an act is broken off by the emergency stop", operation=act.operation)
                task.cancel()
                await asyncio.wait({task})
                break
    finally:
        if not task.done():  # we are being cancelled ourselves, and then it is too
            task.cancel()
            await asyncio.wait({task})
    if not task.cancelled():
        return task.result()
    if risk_of(plan, act) == "read":
        raise Permanent(WORDS)
    raise Ambiguous(f"{WORDS} before its result was known")


async def _stops(equipment: Equipment) -> tuple[Stop, ...]:
    """File, signal and rows; a database that does not answer says nothing here (it lets no new step begin either)."""
    here = equipment.kill_switch.here()
    try:
        async with asyncio.timeout(PATIENCE):
            return together(here, await equipment.store.read(kill_switch.engaged))
    except (CountersignError, TimeoutError) as error:
        log().warning("the emergency stop's rows cannot be read during an act", error=str(error))
        return here
