"""The outbox: everything arrives, in order within its lane, once, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, create_engine

from bot.errors import Ambiguous, Permanent, Transient
from bot.recorders.base import Delivery
from bot.recorders.outbox import Limits, Outbox
from bot.store import outbox as rows
from bot.store.outbox import OutboxTable
from bot.store.session import Store

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
FAST = Limits(per_second=1e6, burst=1_000_000, lanes=4)


class MemoryStore:
    """The outbox table in memory, one transaction at a time. fails: how many of the next writes the disk refuses."""

    def __init__(self) -> None:
        self.engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
        OutboxTable.metadata.tables["outbox"].create(self.engine)
        self.fails = 0

    async def read(self, work: Callable[[Session], Any]) -> Any:
        await asyncio.sleep(0)
        with Session(self.engine) as session:
            return work(session)

    async def write(self, work: Callable[[Session], Any]) -> Any:
        await asyncio.sleep(0)
        if self.fails > 0:
            self.fails -= 1
            raise Transient("disk full")
        with Session(self.engine) as session:
            done = work(session)
            session.commit()
            return done

    def close(self) -> None:
        self.engine.dispose()


class Time:
    """Time that only passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = NOW

    def clock(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class Destination:
    """Keeps what arrived. script: what goes wrong with each try, in turn; afterwards everything works."""

    destination: str = "pagerduty"
    script: list[str] = field(default_factory=list)
    arrived: list[Delivery] = field(default_factory=list)
    tried: list[tuple[int, bool]] = field(default_factory=list)
    at: list[datetime] = field(default_factory=list)
    clock: Callable[[], datetime] | None = None
    under_way: int = 0
    most: int = 0

    async def deliver(self, delivery: Delivery) -> str:
        self.tried.append((delivery.id, delivery.maybe_sent))
        if self.clock:
            self.at.append(self.clock())
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(0)
            return await self._do(delivery)
        finally:
            self.under_way -= 1

    async def _do(self, delivery: Delivery) -> str:
        trouble = self.script.pop(0) if self.script else "fine"
        if trouble == "transient":
            raise Transient("down")
        if trouble == "wait":
            raise Transient("429", retry_after=30)
        if trouble == "permanent":
            raise Permanent("gone")
        if trouble == "lost":
            raise Ambiguous("no answer, and it did not arrive")
        if not (delivery.maybe_sent and delivery.id in {one.id for one in self.arrived}):  # an honest look
            self.arrived.append(delivery)
        if trouble == "unanswered":
            raise Ambiguous("no answer, but it arrived")
        if trouble == "bug":
            raise RuntimeError("a mistake of ours after sending")
        if trouble == "hang":
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return f"receipt-{delivery.id}"


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    made = MemoryStore()
    yield made
    made.close()


def fill(store: MemoryStore, lanes: list[int], destination: str = "pagerduty") -> None:
    with Session(store.engine) as session:
        for number, lane in enumerate(lanes):
            rows.add(session, destination, f"inc_{lane}", "note", f"inc_{lane}", str(number), now=NOW)
        session.commit()


def state(store: MemoryStore, delivery_id: int) -> rows.OutboxRow:
    with Session(store.engine) as session:
        row = rows.get(session, delivery_id)
    assert row is not None
    return row


def unsent(store: MemoryStore) -> int:
    with Session(store.engine) as session:
        return sum(rows.depth(session).values())


async def drain(
    outbox: Outbox, store: MemoryStore, until: Callable[[], bool] | None = None, turns: int = 200_000
) -> None:
    """Run the outbox until nothing waits (or until a condition), then stop it."""
    running = asyncio.ensure_future(outbox.run())
    try:
        for turn in range(turns):
            await asyncio.sleep(0)
            if running.done():
                await running
            if until() if until else (turn % 5 == 0 and unsent(store) == 0):
                return
        raise AssertionError("it never finished")
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def made(store: Any, destination: Destination, time: Time, limits: Limits = FAST, **options: Any) -> Outbox:
    destination.clock = time.clock
    jitter = random.Random(1).random
    names = {destination.destination: limits}
    return Outbox(store, {destination.destination: destination}, time.clock, time.sleep, jitter, names, **options)


async def test_rows_arrive_in_order_within_their_lane_and_get_their_receipt(store: MemoryStore) -> None:
    fill(store, [1, 2, 1, 1, 2, 3])
    destination = Destination()
    results: list[tuple[str, str]] = []
    await drain(made(store, destination, Time(), on_result=lambda *got: results.append(got)), store)
    for lane in ("inc_1", "inc_2", "inc_3"):
        ids = [one.id for one in destination.arrived if one.lane == lane]
        assert ids == sorted(ids)
    assert len(destination.arrived) == 6
    assert state(store, 1).receipt == "receipt-1"
    assert results == [("pagerduty", "sent")] * 6


async def test_T64_a_lane_in_trouble_waits_and_the_others_go_on(store: MemoryStore) -> None:
    fill(store, [1, 1, 2, 2])
    destination = Destination(script=["transient"])
    await drain(made(store, destination, Time(), FAST), store)
    assert [one.id for one in destination.arrived].index(3) < [one.id for one in destination.arrived].index(1)
    assert [one.id for one in destination.arrived if one.lane == "inc_1"] == [1, 2]
    assert destination.tried[0] == (1, False)
    assert (1, True) not in destination.tried  # a transient failure needs no look


async def test_T64_backoff_grows_to_a_quarter_minute_and_nothing_is_dropped(store: MemoryStore) -> None:
    fill(store, [1])
    destination = Destination(script=["transient"] * 30)
    await drain(made(store, destination, Time()), store)
    waits = [(b - a).total_seconds() for a, b in zip(destination.at, destination.at[1:], strict=False)]
    assert len(destination.arrived) == 1
    assert len(waits) == 30
    assert 0.5 <= waits[0] <= 6
    assert max(waits) <= 21
    assert min(waits[15:]) >= 7


async def test_T64_first_success_after_an_outage_frees_every_lane(store: MemoryStore) -> None:
    """Two lanes failed often enough to wait long; when one gets through, the other does not wait out its own delay."""
    fill(store, [1, 2])
    destination = Destination(script=["transient"] * 16)
    time = Time()
    await drain(made(store, destination, time, Limits(per_second=1e6, burst=100, lanes=2)), store)
    assert len(destination.arrived) == 2
    assert (destination.at[-1] - destination.at[-2]).total_seconds() <= 11


async def test_T64_retry_after_pauses_the_whole_destination(store: MemoryStore) -> None:
    fill(store, [1, 2, 3, 4, 5, 6, 7, 8])
    destination = Destination(script=["wait"])
    await drain(made(store, destination, Time(), Limits(per_second=1e6, burst=100, lanes=1)), store)
    assert len(destination.arrived) == 8
    assert (destination.at[1] - destination.at[0]).total_seconds() >= 30


async def test_T64_the_wait_a_vendor_asks_for_is_bounded(store: MemoryStore) -> None:
    fill(store, [1])

    class Greedy(Destination):
        async def _do(self, delivery: Delivery) -> str:
            if len(self.tried) == 1:
                raise Transient("429", retry_after=86_400)
            return await super()._do(delivery)

    destination = Greedy()
    await drain(made(store, destination, Time()), store)
    assert (destination.at[1] - destination.at[0]).total_seconds() <= 610


@pytest.mark.parametrize("trouble", ["unanswered", "lost", "bug"])
async def test_T64_after_no_answer_the_next_try_looks_first(store: MemoryStore, trouble: str) -> None:
    fill(store, [1])
    destination = Destination(script=[trouble])
    await drain(made(store, destination, Time()), store)
    assert destination.tried == [(1, False), (1, True)]
    assert len(destination.arrived) == 1


async def test_T64_a_look_that_fails_keeps_looking(store: MemoryStore) -> None:
    fill(store, [1])
    destination = Destination(script=["unanswered", "transient", "wait"])
    await drain(made(store, destination, Time()), store)
    assert destination.tried == [(1, False), (1, True), (1, True), (1, True)]
    assert len(destination.arrived) == 1


async def test_a_permanent_failure_ends_the_row_and_the_lane_goes_on(store: MemoryStore) -> None:
    fill(store, [1, 1])
    destination = Destination(script=["permanent"])
    results: list[tuple[str, str]] = []
    await drain(made(store, destination, Time(), on_result=lambda *got: results.append(got)), store)
    assert [one.id for one in destination.arrived] == [2]
    assert state(store, 1).state == "failed"
    assert "gone" in state(store, 1).error
    assert results == [("pagerduty", "failed"), ("pagerduty", "sent")]


async def test_a_delivery_that_hangs_is_given_up_and_looked_up(store: MemoryStore) -> None:
    fill(store, [1])
    destination = Destination(script=["hang"])
    limits = Limits(per_second=1e6, burst=100, deadline=0.05)
    outbox = made(store, destination, Time(), limits)
    running = asyncio.ensure_future(outbox.run())
    for _ in range(300):
        await asyncio.sleep(0.01)
        if unsent(store) == 0:
            break
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert destination.tried == [(1, False), (1, True)]
    assert len(destination.arrived) == 1


async def test_no_more_lanes_at_once_than_allowed(store: MemoryStore) -> None:
    fill(store, list(range(20)))
    destination = Destination()
    await drain(made(store, destination, Time(), Limits(per_second=1e6, burst=1000, lanes=3)), store)
    assert destination.most == 3
    assert len(destination.arrived) == 20


async def test_the_rate_is_kept(store: MemoryStore) -> None:
    fill(store, list(range(30)))
    destination = Destination()
    await drain(made(store, destination, Time(), Limits(per_second=2, burst=4, lanes=30)), store)
    for start in destination.at:
        within = [at for at in destination.at if 0 <= (at - start).total_seconds() < 5]
        assert len(within) <= 4 + 2 * 5


async def test_T62_what_was_sent_is_not_sent_again_because_the_disk_was_full(store: MemoryStore) -> None:
    fill(store, [1, 1])
    destination = Destination()

    class FullAfterSending(Destination):
        async def _do(self, delivery: Delivery) -> str:
            store.fails = 3
            return await super()._do(delivery)

    destination = FullAfterSending()
    await drain(made(store, destination, Time()), store)
    assert [one.id for one in destination.arrived] == [1, 2]
    assert [maybe for _, maybe in destination.tried] == [False, False]


async def test_a_wake_delivers_a_new_row_at_once(store: MemoryStore) -> None:
    destination = Destination()
    outbox = Outbox(store, {"pagerduty": destination}, lambda: datetime.now(UTC), asyncio.sleep, lambda: 0.5)  # type: ignore[arg-type]  # reason: the memory store has the two methods that are used
    running = asyncio.ensure_future(outbox.run())
    await asyncio.sleep(0.05)
    fill(store, [1])
    outbox.wake()
    await asyncio.sleep(0.05)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert len(destination.arrived) == 1  # look_every is five seconds


async def test_T51_what_a_crash_left_is_looked_up(store: MemoryStore) -> None:
    fill(store, [1])
    destination = Destination(script=["hang"])
    time = Time()
    await drain(made(store, destination, time), store, until=lambda: bool(destination.arrived))
    assert state(store, 1).state == "sending"
    await drain(made(store, destination, time), store)
    assert destination.tried == [(1, False), (1, True)]
    assert len(destination.arrived) == 1


async def test_depth_is_told(store: MemoryStore) -> None:
    fill(store, [1, 2])
    assert await made(store, Destination(), Time()).depth() == {"pagerduty": 2}


TROUBLES = ("fine", "transient", "wait", "lost", "unanswered", "bug", "hang")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    lanes=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    script=st.lists(st.sampled_from(TROUBLES), max_size=25),
    crashes=st.lists(st.integers(1, 120), max_size=3),
    disk=st.integers(0, 4),
)
def test_T64_random_outages_and_crashes_deliver_everything_in_order_and_once(
    lanes: list[int], script: list[str], crashes: list[int], disk: int
) -> None:
    async def scene() -> Destination:
        store, time = MemoryStore(), Time()
        try:
            fill(store, lanes)
            destination = Destination(script=list(script))
            store.fails = disk
            limits = Limits(per_second=1e6, burst=1_000_000, lanes=2, deadline=0.002)
            for turns in crashes:
                left = iter(range(turns))
                await drain(
                    made(store, destination, time, limits), store, until=lambda left=left: next(left, None) is None
                )
            await drain(made(store, destination, time, limits), store)
            return destination
        finally:
            store.close()

    destination = asyncio.run(scene())
    ids = [one.id for one in destination.arrived]
    assert sorted(ids) == list(range(1, len(lanes) + 1))
    for lane in set(lanes):
        assert [one.id for one in destination.arrived if one.lane == f"inc_{lane}"] == [
            number + 1 for number, held in enumerate(lanes) if held == lane
        ]


async def test_with_the_real_store(tmp_path: Path) -> None:
    async with await Store.open(f"sqlite+aiosqlite:///{tmp_path}/app.db") as store:

        def put(session: Session) -> None:
            for number in range(20):
                rows.add(session, "jira", f"inc_{number % 4}", "comment", "inc", str(number), now=NOW)

        await store.write(put)
        destination = Destination(destination="jira", script=["unanswered", "transient", "bug"])
        time = Time()
        outbox = made(store, destination, time)
        running = asyncio.ensure_future(outbox.run())
        for _ in range(500):
            await asyncio.sleep(0.01)
            if not await outbox.depth():
                break
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert sorted(one.id for one in destination.arrived) == list(range(1, 21))
        for lane in range(4):
            ids = [one.id for one in destination.arrived if one.lane == f"inc_{lane}"]
            assert ids == sorted(ids)
