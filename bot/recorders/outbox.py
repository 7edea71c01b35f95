"""Empties the outbox: delivers every row to its destination, in order within a lane, once, through outages.

Started by bot/app.py as one task; woken through `wake` by whoever committed a row. A row is marked `sending` before the
request leaves and `sent` after the answer, so a crash between the two is looked up, not repeated (trust rule 11, T64).
Claiming a row and reading what it shows are one transaction; triage claims in its own (`at_once`), so that the first
message of an incident needs none of ours. Nothing is dropped: only a Permanent failure ends a row undelivered, and that is
logged and counted. This is the one broad `except` of this edge. Must not word anything and holds no transaction while it
sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlmodel import Session

from bot.errors import Ambiguous, CountersignError, Permanent, Transient
from bot.recorders.base import Delivery, Reader, Recorder
from bot.recorders.promise import Claimed, Promise, delivery_of
from bot.recorders.rate import Limits, Rate
from bot.store import outbox as rows
from bot.store.outbox import OutboxRow
from bot.store.session import Store
from bot.telemetry import log

__all__ = ["Limits", "Outbox"]

T = TypeVar("T")
OnResult = Callable[[str, str], None]


class Outbox:
    """Drives every recorder.

    clock: UTC now. sleep: seconds -> awaitable. random: 0..1, for jitter. limits: by destination, default for the rest.
    on_result: (destination, `sent` | `retried` | `ambiguous` | `failed`) for metrics.
    """

    def __init__(
        self,
        store: Store,
        recorders: Mapping[str, Recorder],
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]],
        random: Callable[[], float],
        limits: Mapping[str, Limits] | None = None,
        on_result: OnResult | None = None,
    ) -> None:
        given = limits or {}
        self._store = store
        self._sleep = sleep
        self._desks = {
            name: Desk(store, recorder, clock, sleep, random, given.get(name, Limits()), on_result or (lambda *_: None))
            for name, recorder in recorders.items()
        }

    def wake(self) -> None:
        """A row was committed: look now."""
        for desk in self._desks.values():
            desk.woken.set()

    def at_once(self, destination: str) -> Promise:
        """Hold the places that are free now for deliveries that the caller's own transaction claims."""
        return Promise(self._desks[destination])

    async def run(self) -> None:
        """Recover what a crash left behind, then deliver until cancelled. Deliveries under way are cancelled with it."""
        await until_taken(lambda: self._store.write(rows.recover), self._sleep)
        async with asyncio.TaskGroup() as group:
            for desk in self._desks.values():
                group.create_task(desk.run())

    async def depth(self) -> dict[str, int]:
        """Destination -> unsent rows."""
        return await self._store.read(rows.depth)


class Desk:
    """One destination: its lanes, its rate, its pauses."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]],
        random: Callable[[], float],
        limits: Limits,
        on_result: OnResult,
    ) -> None:
        self.woken = asyncio.Event()
        self._store = store
        self._recorder = recorder
        self._reader = recorder if isinstance(recorder, Reader) else None
        self._name = recorder.destination
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._limits = limits
        self._on_result = on_result
        self._rate = Rate(limits, clock, counts=self._reader is None)  # a reader has a pace of its own
        self._open = False
        self._held = 0
        self._soonest: float | None = None
        self._due: dict[str, datetime] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._broken: BaseException | None = None
        self._troubled = False

    async def run(self) -> None:
        """Deliver until cancelled. Raises what the store refused for good: then only a restart's recovery helps."""
        self._open = True
        try:
            while True:
                self.woken.clear()
                if self._broken is not None:
                    raise self._broken
                await self._start_what_is_due()
                await self._wait()
        finally:
            self._open = False
            under_way = list(self._busy.values())
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def hold(self) -> int:
        """Hold every place that is free now; how many. None before recovery is through: it would take them for lost."""
        free = min(self._limits.lanes - len(self._busy) - self._held, self._rate.free()) if self._open else 0
        self._held += max(free, 0)
        return max(free, 0)

    def let_go(self, places: int) -> None:
        """Give back places that were held."""
        self._held -= places

    def claim(
        self, session: Session, now: datetime, places: int, seen: Mapping[str, object] | None = None
    ) -> tuple[list[Claimed], float | None]:
        """In the store's thread: mark rows as `sending` and read what they show; seconds until a held back one may go.

        seen: claim only in these lanes, and what is shown there is known already.
        """
        turn = self._reader.turn() if self._reader is not None else None
        wanted = seen or {}

        def fits(row: OutboxRow) -> bool:
            if row.lane in self._busy:
                return False
            return turn is None or turn.allows(session, delivery_of(row, wanted.get(row.lane)))

        found: list[Claimed] = []
        for row in rows.claim(session, self._name, now, places, lanes=None if seen is None else wanted, fits=fits):
            delivery = delivery_of(row, wanted.get(row.lane))
            if turn is not None and delivery.seen is None:
                try:
                    delivery = replace(delivery, seen=turn.seen(session, delivery))
                except (CountersignError, ValueError) as error:  # its delivery meets the same and decides what it means
                    self._say("outbox_unreadable", error, row)
            found.append((row, delivery))
        return found, turn.soonest if turn is not None else None

    def start(self, claimed: list[Claimed]) -> None:
        """Deliver what was claimed, now that it is committed."""
        for row, delivery in claimed:
            self._rate.take()
            self._due.pop(row.lane, None)
            task = asyncio.create_task(self._deliver(row, delivery))
            self._busy[row.lane] = task
            task.add_done_callback(partial(self._finished, row.lane))

    async def _start_what_is_due(self) -> None:
        places = self.hold()
        if places == 0:
            return
        now = self._clock()
        try:
            claimed, self._soonest = await self._store.write(lambda session: self.claim(session, now, places))
            self.start(claimed)
        except Transient as error:
            self._say("outbox_unreadable", error)
        finally:
            self.let_go(places)
        self._due = {lane: due for lane, due in self._due.items() if due > now}

    def _finished(self, lane: str, task: asyncio.Task[None]) -> None:
        self._busy.pop(lane, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error
        self.woken.set()

    async def _wait(self) -> None:
        """Until something is committed or finished, or until the earliest thing we know is due."""
        now = self._clock()
        wait = self._limits.look_every if self._soonest is None else min(self._limits.look_every, self._soonest)
        if self._due:
            wait = min(wait, max((min(self._due.values()) - now).total_seconds(), 0.0))
        if self._rate.free() == 0:
            wait = min(wait, self._rate.wait())
        wait = max(wait, self._rate.pause(), 0.001)
        waiting = asyncio.ensure_future(self.woken.wait())
        sleeping = asyncio.ensure_future(self._sleep(wait))
        try:
            await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()

    async def _deliver(self, row: OutboxRow, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(self._limits.deadline):
                receipt = await self._recorder.deliver(delivery)
        except Transient as error:
            if error.retry_after is not None:
                self._rate.pause_for(error.retry_after)
            await self._again(row, error, "retried", error.retry_after, maybe_sent=row.maybe_sent)
        except Permanent as error:
            self._say("outbox_failed", error, row)
            words, at = _words(error), self._clock()
            await self._settle(lambda session: rows.fail(session, row.id, words, at))
            self._on_result(self._name, "failed")
        except (Ambiguous, TimeoutError) as error:
            await self._again(row, error, "ambiguous", None, maybe_sent=True)
        except Exception as error:  # noqa: BLE001  # reason: the one broad edge; a bug in a recorder must not lose a row
            await self._again(row, error, "ambiguous", None, maybe_sent=True)
        else:
            at = self._clock()
            await self._settle(lambda session: rows.sent(session, row.id, receipt, at))
            self._on_result(self._name, "sent")
            await self._all_again()

    async def _all_again(self) -> None:
        """After an outage the first success frees every lane that waits, instead of each waiting out its own delay."""
        if self._troubled:
            self._troubled = False
            at = self._clock()
            await self._settle(lambda session: rows.hurry(session, self._name, at) >= 0)
            self._due.clear()

    async def _again(
        self, row: OutboxRow, error: Exception, result: str, retry_after: float | None, *, maybe_sent: bool
    ) -> None:
        limits = self._limits
        self._troubled = isinstance(error, Transient | Ambiguous | TimeoutError)
        backoff = min(limits.first_delay * 2.0 ** min(row.attempts, 20), limits.longest_delay)
        delay = backoff * (0.5 + self._random() / 2) if retry_after is None else retry_after + self._random()
        at = self._clock() + timedelta(seconds=min(max(delay, 0.0), limits.longest_pause))
        self._due[row.lane] = at
        self._say("outbox_retry", error, row)
        words = _words(error)
        await self._settle(lambda session: rows.retry(session, row.id, at, words, maybe_sent))
        self._on_result(self._name, result)

    async def _settle(self, work: Callable[[Session], bool]) -> bool:
        """Write to the store until it takes it: what was sent must not be sent again because the disk was full (T62)."""
        return await until_taken(lambda: self._store.write(work), self._sleep)

    def _say(self, event: str, error: Exception, row: OutboxRow | None = None) -> None:
        about = {"delivery": row.id, "kind": row.kind, "tries": row.attempts + 1} if row else {}
        foreseen = isinstance(error, Transient | Permanent | Ambiguous | TimeoutError)
        log().warning(event, destination=self._name, error=_words(error), exc_info=None if foreseen else error, **about)


async def until_taken(write: Callable[[], Awaitable[T]], sleep: Callable[[float], Awaitable[object]]) -> T:
    """Try a write until the store takes it, one second apart at first and at most thirty. Raises what is not Transient."""
    delay = 1.0
    while True:
        try:
            return await write()
        except Transient as error:
            log().warning("outbox_unwritable", error=_words(error))
            await sleep(delay)
            delay = min(delay * 2, 30.0)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
