"""Triage: from stored deliveries to one summary with one next safe step. Reads aloud: ingest, correlate, enrich, match, propose.

Started by bot/app.py as one task; woken by the web server and the poller. Deliveries are marked done only after the
incident they belong to is committed, and folding is idempotent, so a crash anywhere repeats nothing and loses nothing.
Must not run anything on a target.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from bot.errors import CountersignError
from bot.incident import Incident, IncidentStatus
from bot.stages.base import Equipment
from bot.stages.correlate import Correlated, correlate
from bot.stages.enrich import enrich, values
from bot.stages.ingest import Ingested, ingest
from bot.stages.match import choose, past_runs
from bot.stages.propose import offer, propose
from bot.store import incidents
from bot.store.inbox import Delivered, Inbox
from bot.store.record import announce
from bot.telemetry import CORRELATION, log

BATCH = 500
CONCURRENT_ENRICHMENTS = 8
SLACK_SOURCE = "slack"


class Triage:
    """The triage of one process.

    wake_run: (run id, topic) -> wakes a parked run whose question became void. poll: seconds between looks at the inbox
    when nobody wakes us (a safety net, not the normal path).
    """

    def __init__(
        self,
        equipment: Equipment,
        inbox: Inbox,
        wake_run: Callable[[str, str], Coroutine[None, None, object]],
        *,
        poll: float = 1.0,
    ) -> None:
        self._equipment = equipment
        self._inbox = inbox
        self._wake_run = wake_run
        self._poll = poll
        self._woken = asyncio.Event()
        self._waiting: dict[str, Incident] = {}
        self._enriching: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Something arrived."""
        self._woken.set()

    async def run(self) -> None:
        """Take, fold, look, offer; until cancelled."""
        while True:
            deliveries = await self._take()
            if deliveries:
                await self.handle(deliveries)
                continue
            try:
                await asyncio.wait_for(self._woken.wait(), self._poll)
            except TimeoutError:
                pass  # the safety net: look again although nobody woke us
            self._woken.clear()

    async def _take(self) -> list[Delivered]:
        return await self._inbox.take(BATCH, but=SLACK_SOURCE)

    async def handle(self, deliveries: list[Delivered]) -> Correlated:
        """One batch: stored as incidents, then marked done, then looked at in the background."""
        equipment = self._equipment
        ingested: Ingested = ingest(deliveries, equipment.sources)
        now = equipment.clock()
        folded = await equipment.store.write(lambda session: correlate(session, ingested.signals, equipment, now))
        equipment.wake()
        await self._inbox.done([d.id for d, _ in ingested.signals] + list(ingested.ignored))
        for delivery_id, reason in ingested.quarantine:
            await self._inbox.quarantine(delivery_id, reason)
            equipment.metrics.quarantined.labels(next(d.source for d in deliveries if d.id == delivery_id)).inc()
            log().warning("delivery quarantined", delivery=delivery_id, reason=reason)
        for run_id, approval_id in folded.wake:
            await self._wake_run(run_id, approval_id)
        for incident in folded.enrich.values():
            self.look_again(incident)
        return folded

    def look_again(self, incident: Incident) -> None:
        """Enrich, match and propose for one incident in the background; bounded, and never twice at once."""
        self._waiting[incident.id] = incident
        while self._waiting and len(self._enriching) < CONCURRENT_ENRICHMENTS:
            order = sorted(self._waiting.values(), key=lambda i: (i.severity.value != "critical", i.opened_at))
            due = next((i for i in order if i.id not in self._enriching), None)
            if due is None:
                return
            del self._waiting[due.id]
            self._enriching.add(due.id)
            task = asyncio.create_task(self._look(due))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look(self, incident: Incident) -> None:
        try:
            await self.offer_next_step(incident)
        except CountersignError as error:
            log().error("triage could not offer a step", incident=incident.id, error=str(error))
        finally:
            self._enriching.discard(incident.id)
            if self._waiting:
                self.look_again(next(iter(self._waiting.values())))

    async def offer_next_step(self, incident: Incident) -> None:
        """Enrich, match, propose."""
        CORRELATION.set(incident.id)
        equipment = self._equipment
        facts = values(await enrich(equipment, incident))
        past = await equipment.store.read(lambda session: past_runs(session, incident.id))
        if any(run.state != "closed" for run in past):
            await equipment.store.write(lambda session: announce(session, incident, equipment.routes(incident)))
            return
        chosen, ranked = choose(equipment, incident, facts, past)
        proposal, _, data = offer(equipment, incident, chosen, ranked, facts)
        await equipment.store.write(lambda session: propose(session, equipment, incident.id, proposal, data))
        equipment.wake()

    async def look_at(self, incident_id: str) -> None:
        """After a run ended: fresh facts and the next step, or the news that nothing is left to do."""
        incident = await self._equipment.store.read(lambda session: incidents.get(session, incident_id))
        if incident is not None and incident.status is not IncidentStatus.RESOLVED:
            self.look_again(incident)
        elif incident is not None:
            await enrich(self._equipment, incident)
            await self._equipment.store.write(
                lambda session: announce(session, incident, self._equipment.routes(incident))
            )
            self._equipment.wake()

    async def drain(self) -> None:
        """Wait for the looks that are under way (tests and orderly stops)."""
        while self._tasks:
            await asyncio.gather(*tuple(self._tasks), return_exceptions=True)
