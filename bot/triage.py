"""Triage: from stored deliveries to one summary with one next safe step. Reads aloud: ingest, correlate, enrich, match, propose.

Where runbook and policy let the bot, it then asks for the step by itself, like a person who clicks (mission G2).

Started by bot/app.py as one task; woken by the web server and the poller. Deliveries are marked done only after the
incident they belong to is committed, and folding is idempotent, so a crash anywhere repeats nothing and loses nothing.
Must not run anything on a target.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from datetime import datetime, timedelta

from sqlmodel import Session

from bot.errors import Transient
from bot.incident import Incident, IncidentStatus
from bot.plan import Plan
from bot.recorders.base import AtOnce, Unheld
from bot.stages.asking import ask_for
from bot.stages.base import Equipment
from bot.stages.by_itself import SUGGEST, Restraint, cut_off, level_of, offered
from bot.stages.correlate import Correlated, boards, correlate
from bot.stages.enrich import enrich, values
from bot.stages.ingest import Ingested, ingest
from bot.stages.looking import concerned, unlooked
from bot.stages.match import choose, past_runs, version_in
from bot.stages.promoted import demoted
from bot.stages.propose import offer, propose
from bot.store import incidents
from bot.store.inbox import Delivered, Inbox
from bot.store.record import announce
from bot.store.shadow import BOT
from bot.telemetry import CORRELATION, log
from runbooks.model import Runbook
from runbooks.next_step import NextStep

BATCH = 1000
MANY = 20  # deliveries that wait to be folded: there may be a storm
CROWD = 12  # deliveries that wait at once for their answer: there is one
LULL = 0.1  # seconds without a crowd, and it is over
LONGEST_HOLD = 4.0  # seconds that folding waits in a storm; far below the half minute a summary may take (S7)
LOOKS_WAIT = 5.0  # seconds that facts and next steps wait while a storm is being taken in
CONCURRENT_ENRICHMENTS = 8
SLACK_SOURCE = "slack"
FIRST = "slack"  # where an incident is told first
UNTOLD = "the engine was not told; the reconciler will"
KEEP_BODIES, PRUNE_EVERY = timedelta(days=7), timedelta(hours=1)


class Triage:
    """The triage of one process.

    wake_run: (run id, topic) -> wakes a parked run whose question became void. poll: seconds between looks at the inbox
    when nobody wakes us (a safety net, not the normal path). hold: seconds that folding may wait in a storm.
    at_once: the outbox, so that the first message of an incident leaves as soon as the incident is committed. start_run:
    starts a run that the bot asked for by itself; without it the reconciler does, some seconds later.
    """

    def __init__(
        self,
        equipment: Equipment,
        inbox: Inbox,
        wake_run: Callable[[str, str], Coroutine[None, None, object]],
        *,
        poll: float = 1.0,
        hold: float = LONGEST_HOLD,
        at_once: AtOnce | None = None,
        start_run: Callable[[str], Coroutine[None, None, object]] | None = None,
    ) -> None:
        self._equipment = equipment
        self._inbox = inbox
        self._wake_run = wake_run
        self._poll = poll
        self._hold = hold
        self._at_once = at_once
        self._start_run = start_run
        self._woken = asyncio.Event()
        self._pruned_at: datetime | None = None
        self._storm_since: datetime | None = None
        self._hold_ends: float | None = None  # in the loop's time; a lull within a storm does not begin it again
        self._waiting: dict[str, Incident] = {}
        self._enriching: set[str] = set()
        self._tasks: set[asyncio.Future[object]] = set()

    def wake(self) -> None:
        """Something arrived."""
        self._woken.set()

    async def run(self) -> None:
        """Take, fold, look, offer; until cancelled."""
        waiting = [
            *await self._equipment.store.read(unlooked),
            *await self._equipment.store.read(lambda s: cut_off(s, self._equipment, BATCH)),
        ]
        for incident in waiting:
            self.look_again(incident)
        while True:
            try:
                busy = await self._once()
            except Transient as error:  # a full disk or a locked database passes; what was taken is offered again
                log().error("triage waits for the store", error=str(error))
                busy = False
            if busy:
                continue
            try:
                async with asyncio.timeout(self._poll):  # wait_for loses a cancellation that comes with a wake
                    await self._woken.wait()
            except TimeoutError:
                pass  # the safety net: look again although nobody woke us
            self._woken.clear()

    async def _once(self) -> bool:
        """Fold what waits, in a storm as soon as it lets up; False when there was nothing."""
        deliveries = await self._inbox.take(BATCH, but=SLACK_SOURCE)
        if len(deliveries) >= MANY:
            await self._let_in()
            deliveries = await self._inbox.take(BATCH, but=SLACK_SOURCE)
        if len(deliveries) == BATCH:
            self._storm_since = self._storm_since or self._equipment.clock()
        else:
            self._hold_ends = None  # what was held is folded with these
        if deliveries:
            await self._fold(deliveries)
            return True
        self._storm_since = None
        self._start_looks()
        await self._forget_old()
        return False

    async def _fold(self, deliveries: list[Delivered]) -> None:
        """One batch, else each by itself: one bad delivery neither holds up the others nor ends the bot (T22)."""
        try:
            await self.handle(deliveries)
        except Transient:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of triage: text from outside met a mistake of ours
            if len(deliveries) > 1:
                for each in deliveries:
                    await self._fold([each])
                return
            log().error("a delivery cannot be folded", error=repr(error))
            await self._set_aside(deliveries[0], f"cannot be folded: {type(error).__name__}")

    async def _set_aside(self, delivery: Delivered, reason: str) -> None:
        await self._inbox.quarantine(delivery.id, reason)
        self._equipment.metrics.quarantined.labels(delivery.source).inc()
        log().warning("delivery quarantined", delivery=delivery.id, reason=reason)

    async def _forget_old(self) -> None:
        """Bodies are kept for as long as a sender may repeat them (apis.md section 7: seven days), then deleted."""
        now = self._equipment.clock()
        if self._pruned_at is None or now - self._pruned_at >= PRUNE_EVERY:
            self._pruned_at = now
            await self._inbox.prune(now - KEEP_BODIES)

    async def _let_in(self) -> None:
        """Wait until the storm lets up, but not for ever: folding beside it would make every answer to it slower."""
        now = asyncio.get_running_loop().time
        self._hold_ends = self._hold_ends or now() + self._hold
        while self._storms() and now() < self._hold_ends:
            self._inbox.count_anew()
            await self._equipment.sleep(LULL)

    def _storms(self) -> bool:
        """Whether many senders waited at once lately; if so, looks wait too."""
        storms = self._inbox.crowd >= CROWD
        if storms:
            self._storm_since = self._storm_since or self._equipment.clock()
        return storms

    async def handle(self, deliveries: list[Delivered]) -> Correlated:
        """One batch: stored as incidents, then marked done, then looked at in the background."""
        equipment = self._equipment
        now = equipment.clock()
        self._inbox.count_anew()

        def fold(session: Session) -> tuple[Ingested, Correlated]:
            ingested = ingest(
                deliveries, equipment.sources
            )  # in the store's thread: a large batch must not stop the loop
            folded = correlate(session, ingested.signals, equipment, now)
            promise.claim(session, boards(session, folded, promise.places), now)
            return ingested, folded

        with self._at_once.at_once(FIRST) if self._at_once is not None else Unheld() as promise:
            ingested, folded = await equipment.store.write(fold)
        await asyncio.sleep(0)  # the first messages leave before anything else is done
        equipment.wake()
        self._storms()
        await self._inbox.done([d.id for d, _ in ingested.signals] + list(ingested.ignored))
        for delivery_id, reason in ingested.quarantine:
            await self._set_aside(next(d for d in deliveries if d.id == delivery_id), reason)
        for run_id, approval_id in folded.wake:  # stored already: an engine in trouble makes no delivery a bad one
            self._own(asyncio.ensure_future(self._wake_run(run_id, approval_id)), UNTOLD)
        for incident in folded.enrich.values():
            self.look_again(incident)
        return folded

    def look_again(self, incident: Incident) -> None:
        """Enrich, match and propose for one incident in the background; bounded, and never twice at once.

        In a storm the looks wait a few seconds: the summaries are posted at once, their facts follow.
        """
        self._waiting[incident.id] = incident
        self._start_looks()

    def _start_looks(self) -> None:
        now = self._equipment.clock()
        if self._storm_since is not None and (now - self._storm_since).total_seconds() < LOOKS_WAIT:
            return
        while self._waiting and len(self._enriching) < CONCURRENT_ENRICHMENTS:
            order = sorted(self._waiting.values(), key=lambda i: (i.severity.value != "critical", i.opened_at))
            due = next((i for i in order if i.id not in self._enriching), None)
            if due is None:
                return
            del self._waiting[due.id]
            self._enriching.add(due.id)
            self._own(asyncio.create_task(self._look(due)), f"triage could not offer a step for {due.id}")

    async def _look(self, incident: Incident) -> None:
        try:
            await self.offer_next_step(incident)
        finally:
            self._enriching.discard(incident.id)
            self._start_looks()

    async def offer_next_step(self, incident: Incident) -> None:
        """Enrich, match, propose; and ask for it where nobody need."""
        CORRELATION.set(incident.id)
        equipment = self._equipment
        facts = values(await enrich(equipment, incident))
        version = version_in(equipment)
        past, ended = await equipment.store.read(
            lambda session: (
                past_runs(session, incident.id),
                demoted(session, equipment, incident.environment, version),
            )
        )
        if any(one.run.state != "closed" for one in past):
            await equipment.store.write(lambda session: announce(session, incident, equipment.routes(incident)))
            return
        chosen, ranked = choose(equipment, incident, facts, past, ended)
        proposal, plan, data = offer(equipment, incident, chosen, ranked, facts)
        await equipment.store.write(lambda session: propose(session, equipment, incident.id, proposal, data))
        equipment.wake()
        if plan is not None and isinstance(chosen, NextStep):
            await self._by_itself(incident, chosen.runbook, plan)

    async def _by_itself(self, incident: Incident, runbook: Runbook, preview: Plan) -> None:
        """Ask for the offered step without a person (G2), or say what would have been done (G11)."""
        equipment = self._equipment
        level = level_of(equipment.policy, runbook, preview.steps)
        if level == SUGGEST:
            return
        plan = preview.model_copy(update={"requester": BOT})
        proposal_id = await equipment.store.read(lambda session: offered(session, plan, level))
        if proposal_id is None or await equipment.live_status(incident) is IncidentStatus.RESOLVED:
            return
        restraint = Restraint(equipment, plan)
        outcome = await ask_for(equipment, incident, plan, runbook.id, None, proposal_id, restraint)
        if outcome.run_id and self._start_run is not None:
            self._own(asyncio.ensure_future(self._start_run(outcome.run_id)), UNTOLD)

    def _own(self, task: asyncio.Future[object], otherwise: str) -> None:
        """Keep a task until it has ended. otherwise: what the log says when it failed."""

        def ended(task: asyncio.Future[object]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                log().error(otherwise, error=repr(error))

        self._tasks.add(task)
        task.add_done_callback(ended)

    async def look_at(self, incident_id: str) -> None:
        """After a run ended: fresh facts and the next step, or the news that nothing is left to do."""
        equipment = self._equipment
        incident = await equipment.store.read(lambda session: incidents.get(session, incident_id))
        if incident is not None and incident.status is not IncidentStatus.RESOLVED:
            self.look_again(incident)
        elif incident is not None:
            await enrich(equipment, incident)
            await equipment.store.write(lambda session: announce(session, incident, equipment.routes(incident)))
            equipment.wake()

    async def runbooks_renewed(self, names: Collection[str]) -> None:
        """After a reload: what waits for a person's choice is looked at again where those runbooks matter."""
        try:
            for incident in await self._equipment.store.read(lambda s: concerned(s, self._equipment, names)):
                self.look_again(incident)
        except Transient as error:  # the runbooks are in force all the same, and `/runbook plan` knows them
            log().error("open incidents are not looked at again with the new runbooks", error=str(error))

    async def drain(self) -> None:
        """Wait for the looks that are under way (tests and orderly stops)."""
        while self._tasks:
            await asyncio.gather(*tuple(self._tasks), return_exceptions=True)
