"""Reconciler: closes the gaps a crash can leave between our tables and the engine, again and again, while the bot runs.

Started by bot/app.py. Each pass: start committed runs the engine never saw, wake answered questions that were not
delivered (reference/engine.md pitfall 11), close runs the engine ended without us (pitfall 8), release leases of closed
runs that should not hold them, keep the worker row alive (pitfall 5), forget old engine rows (pitfall 15).
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from sqlmodel import Session

from bot.engine.durable import FINISHED, Engine
from bot.stages import closing
from bot.stages.base import Equipment
from bot.stages.reminding import remind
from bot.stages.unclaimed import call_people
from bot.store import approvals, incidents, outbox, runs, workers
from bot.telemetry import log
from bot.transcript import Outcome

FORGET_AFTER = timedelta(days=7)
FORGET_AT_ONCE = 100


class Reconciler:
    """leave: ends the process when another worker has taken our place (pitfall 5: stop acting at once).

    unclaimed_after: seconds until people are called to what nothing fits and nobody took; 0 for never.
    """

    def __init__(
        self,
        equipment: Equipment,
        engine: Engine,
        look_again: Callable[[str], Awaitable[None]],
        *,
        every: float = 5.0,
        unclaimed_after: float = 0.0,
        leave: Callable[[int], None] = os._exit,
    ) -> None:
        self._equipment = equipment
        self._engine = engine
        self._look_again = look_again
        self._every = every
        self._unclaimed_after = unclaimed_after
        self._leave = leave

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.once()
            await self._equipment.sleep(self._every)

    async def once(self) -> None:
        """One pass. Each part by itself: reminders and calls to people must not depend on an engine that has trouble."""
        for part in (self._beat, self._runs, self._answers, self._people, self._gauges, self._forget):
            try:
                await part()
            except Exception as error:  # noqa: BLE001 - the edge of the reconciler: the next pass tries again
                log().error("a part of a reconciler pass failed", part=part.__name__.strip("_"), error=repr(error))

    async def _people(self) -> None:
        await remind(self._equipment)
        await call_people(self._equipment, self._unclaimed_after)

    async def _beat(self) -> None:
        equipment = self._equipment
        now = equipment.clock()
        alive = await equipment.store.write(lambda s: workers.beat(s, equipment.worker, equipment.boot, now))
        if not alive:
            log().error("another process has taken this worker's place; leaving", worker=equipment.worker)
            self._leave(75)

    async def _runs(self) -> None:
        for run in await self._equipment.store.read(runs.open_runs):
            status = await self._engine.status(run.id)
            if not status:
                await self._engine.start(run.id)
            elif status in FINISHED and await self._equipment.store.read(partial(_still_open, run.id)):
                log().error("run ended in the engine without us", run=run.id, engine=status)
                reason = f"the engine ended the run without a result ({status.lower()})"
                await closing.end(self._equipment, run.id, Outcome.UNKNOWN, reason, page=True, keep_lease=True)
                await self._look_again(run.incident_id)

    async def _answers(self) -> None:
        for approval in await self._equipment.store.read(approvals.undelivered):
            if not await self._engine.wake(approval.run_id, approval.id):
                log().warning("answer for a run the engine does not know", run=approval.run_id)

    async def _gauges(self) -> None:
        equipment = self._equipment
        depth = await equipment.store.read(outbox.depth)
        for destination, waiting in depth.items():
            equipment.metrics.outbox_depth.labels(destination).set(waiting)
        opened = await equipment.store.read(lambda s: incidents.open_incidents(s, 10_000))
        equipment.metrics.open_incidents.set(len(opened))
        equipment.metrics.stops.set(len(await equipment.kill_switch.stops()))

    async def _forget(self) -> None:
        limit = self._equipment.clock() - FORGET_AFTER
        ended = await self._equipment.store.read(lambda s: runs.recent(s, None, FORGET_AT_ONCE))
        await self._engine.forget([r.id for r in ended if r.finished_at is not None and r.finished_at < limit])


def _still_open(run_id: str, session: Session) -> bool:
    """Read again after asking the engine: the run may have ended between the two looks."""
    found = runs.get(session, run_id)
    return found is not None and found.state != "closed"
