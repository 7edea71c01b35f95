"""Empties the outbox: delivers every row to its destination, in order within a lane, once, through outages.

Started by bot/app.py as one task; woken through `wake` by whoever committed a row. A row is marked `sending` before the
request leaves and `sent` after the answer, so a crash between the two is looked up, not repeated (trust rule 11, T64).
Nothing is dropped: only a Permanent failure ends a row undelivered, and that is logged and counted.
This is the one broad `except` of this edge. Must not word anything and holds no transaction while it sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlmodel import Session

from bot.errors import Ambiguous, Permanent, Transient
from bot.recorders.base import Delivery, Recorder
from bot.store import outbox as rows
from bot.store.outbox import OutboxRow
from bot.store.session import Store
from bot.telemetry import log

T = TypeVar("T")
OnResult = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast one destination is written to.

    per_second, burst: token bucket over the whole destination (PagerDuty: 960 calls a minute per key, apis.md 2.3).
    lanes: lanes delivered at the same time. first_delay, longest_delay: seconds of the first and the longest wait of ours;
    longest_pause: the longest wait the other side may ask for with Retry-After.
    look_every: seconds between looks when nobody wakes us. deadline: seconds one delivery may take.
    """

    per_second: float = 8.0
    burst: int = 16
    lanes: int = 8
    first_delay: float = 1.0
    longest_delay: float = 15.0
    longest_pause: float = 600.0
    look_every: float = 5.0
    deadline: float = 60.0


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
            name: _Desk(
                store, recorder, clock, sleep, random, given.get(name, Limits()), on_result or (lambda *_: None)
            )
            for name, recorder in recorders.items()
        }

    def wake(self) -> None:
        """A row was committed: look now."""
        for desk in self._desks.values():
            desk.woken.set()

    async def run(self) -> None:
        """Recover what a crash left behind, then deliver until cancelled. Deliveries under way are cancelled with it."""
        await until_taken(lambda: self._store.write(rows.recover), self._sleep)
        async with asyncio.TaskGroup() as group:
            for desk in self._desks.values():
                group.create_task(desk.run())

    async def depth(self) -> dict[str, int]:
        """Destination -> unsent rows."""
        return await self._store.read(rows.depth)


class _Desk:
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
        self._name = recorder.destination
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._limits = limits
        self._on_result = on_result
        self._tokens = float(limits.burst)
        self._filled_at = clock()
        self._paused_until: datetime | None = None
        self._due: dict[str, datetime] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._broken: BaseException | None = None
        self._troubled = False

    async def run(self) -> None:
        """Deliver until cancelled. Raises what the store refused for good: then only a restart's recovery helps."""
        try:
            while True:
                self.woken.clear()
                if self._broken is not None:
                    raise self._broken
                await self._start_what_is_due()
                await self._wait()
        finally:
            under_way = list(self._busy.values())
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _start_what_is_due(self) -> None:
        free = self._limits.lanes - len(self._busy)
        if free <= 0 or self._pause() > 0:
            return
        now = self._clock()
        try:
            wanted = self._limits.lanes + len(self._busy)
            heads = await self._store.read(lambda session: rows.heads(session, self._name, now, wanted))
        except Transient as error:
            self._say("outbox_unreadable", error)
            return
        for row in heads:
            if free <= 0 or not self._take_token():
                break
            if row.lane in self._busy:
                continue
            free -= 1
            self._due.pop(row.lane, None)
            task = asyncio.create_task(self._deliver(row))
            self._busy[row.lane] = task
            task.add_done_callback(partial(self._finished, row.lane))
        self._due = {lane: due for lane, due in self._due.items() if due > now}

    def _finished(self, lane: str, task: asyncio.Task[None]) -> None:
        self._busy.pop(lane, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error
        self.woken.set()

    async def _wait(self) -> None:
        """Until something is committed or finished, or until the earliest thing we know is due."""
        now = self._clock()
        wait = self._limits.look_every
        if self._due:
            wait = min(wait, max((min(self._due.values()) - now).total_seconds(), 0.0))
        if self._tokens < 1:
            wait = min(wait, (1 - self._tokens) / self._limits.per_second)
        wait = max(wait, self._pause(), 0.001)
        waiting = asyncio.ensure_future(self.woken.wait())
        sleeping = asyncio.ensure_future(self._sleep(wait))
        try:
            await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()

    async def _deliver(self, row: OutboxRow) -> None:
        if not await self._settle(lambda session: rows.sending(session, row.id)):
            return
        delivery = Delivery(
            id=row.id,
            destination=row.destination,
            lane=row.lane,
            kind=row.kind,
            incident_id=row.incident_id,
            subject=row.subject,
            payload=row.payload,
            maybe_sent=row.maybe_sent,
        )
        try:
            async with asyncio.timeout(self._limits.deadline):
                receipt = await self._recorder.deliver(delivery)
        except Transient as error:
            if error.retry_after is not None:
                self._pause_for(error.retry_after)
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

    def _take_token(self) -> bool:
        now = self._clock()
        passed = max((now - self._filled_at).total_seconds(), 0.0)
        self._filled_at = now
        self._tokens = min(self._tokens + passed * self._limits.per_second, float(self._limits.burst))
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _pause_for(self, seconds: float) -> None:
        until = self._clock() + timedelta(seconds=min(max(seconds, 0.0), self._limits.longest_pause))
        if self._paused_until is None or until > self._paused_until:
            self._paused_until = until

    def _pause(self) -> float:
        """Seconds until the destination may be spoken to again."""
        if self._paused_until is None:
            return 0.0
        left = (self._paused_until - self._clock()).total_seconds()
        if left <= 0:
            self._paused_until = None
        return max(left, 0.0)

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
