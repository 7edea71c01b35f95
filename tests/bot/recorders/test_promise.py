"""Deliveries claimed in the transaction that adds them: they leave at once, and no crash loses or doubles one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session

from bot.errors import Transient
from bot.recorders.base import Delivery, Unheld
from bot.recorders.outbox import Outbox
from bot.recorders.rate import Limits
from bot.store import outbox as rows
from bot.store.session import Store

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)


@dataclass
class Wall:
    """Keeps what arrived; while `shut` nothing gets through."""

    destination: str = "slack"
    shut: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: list[Delivery] = field(default_factory=list)

    async def deliver(self, delivery: Delivery) -> str:
        self.arrived.append(delivery)
        await self.shut.wait()
        return "receipt"


class Patient(Wall):
    """Lets only some lanes go, as a pace would."""

    held: frozenset[str] = frozenset({"slow"})
    soonest: float | None = None

    def turn(self) -> Patient:
        return self

    def allows(self, session: Session, delivery: Delivery) -> bool:
        assert session.get_bind() is not None
        self.soonest = 0.01 if delivery.lane in self.held else self.soonest
        return delivery.lane not in self.held

    def seen(self, session: Session, delivery: Delivery) -> object:
        if delivery.lane == "odd":
            raise ValueError("what was stored cannot be read")
        return f"read {rows.depth(session)['slack']}"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(f"sqlite+aiosqlite:///{tmp_path}/app.db") as made:
        yield made


def make(store: Store, wall: Wall, lanes: int = 4) -> Outbox:
    limits = {"slack": Limits(lanes=lanes, look_every=30.0)}
    return Outbox(store, {"slack": wall}, lambda: datetime.now(UTC), asyncio.sleep, lambda: 0.5, limits)


@asynccontextmanager
async def running(outbox: Outbox) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.run())
    await asyncio.sleep(0.05)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def fold(store: Store, outbox: Outbox, *lanes: str, seen: Mapping[str, object] | None = None) -> int:
    """Add one row in each lane and claim them in the same transaction; how many places there were."""

    def work(session: Session) -> None:
        for lane in lanes:
            rows.add(session, "slack", lane, "summary", lane, lane, now=NOW)
        promise.claim(session, {lane: f"board of {lane}" for lane in lanes} if seen is None else seen, NOW)

    with outbox.at_once("slack") as promise:
        await store.write(work)
    return promise.places


async def emptied(outbox: Outbox) -> None:
    for _ in range(200):
        if not await outbox.depth():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("something is still waiting")


async def states(store: Store) -> dict[str, str]:
    found = [await store.read(lambda s, n=number: rows.get(s, n)) for number in range(1, 10)]
    return {row.lane: row.state for row in found if row is not None}


async def test_it_leaves_in_the_next_turn_of_the_loop_with_what_was_seen(store: Store) -> None:
    wall = Wall()
    outbox = make(store, wall)
    async with running(outbox):
        await fold(store, outbox, "a")
        await asyncio.sleep(0)
        assert [(one.lane, one.seen, one.maybe_sent) for one in wall.arrived] == [("a", "board of a", False)]
        assert await states(store) == {"a": "sending"}
        wall.shut.set()
        await asyncio.sleep(0.05)
        assert await states(store) == {"a": "sent"}


async def test_no_more_are_claimed_than_there_are_places(store: Store) -> None:
    wall = Wall()
    outbox = make(store, wall, lanes=3)
    async with running(outbox):
        assert await fold(store, outbox, "a", "b") == 3
        assert await fold(store, outbox, "c", "d") == 1
        assert await fold(store, outbox, "e") == 0
        await asyncio.sleep(0.05)
        assert [one.lane for one in wall.arrived] == ["a", "b", "c"]
        wall.shut.set()
        await emptied(outbox)
        assert sorted(one.lane for one in wall.arrived) == ["a", "b", "c", "d", "e"]


async def test_places_that_were_held_come_back(store: Store) -> None:
    wall = Wall()
    wall.shut.set()
    outbox = make(store, wall, lanes=2)
    async with running(outbox):
        for _ in range(5):
            assert await fold(store, outbox) == 2
        with outbox.at_once("slack") as first, outbox.at_once("slack") as second:
            assert (first.places, second.places) == (2, 0)


async def test_T62_a_transaction_that_fails_sends_nothing_and_gives_the_places_back(store: Store) -> None:
    wall = Wall()
    outbox = make(store, wall)

    def work(session: Session) -> None:
        rows.add(session, "slack", "a", "summary", "a", "a", now=NOW)
        promise.claim(session, {"a": "board"}, NOW)
        raise Transient("the disk is full")

    async with running(outbox):
        with pytest.raises(Transient), outbox.at_once("slack") as promise:
            await store.write(work)
        await asyncio.sleep(0.02)
        assert (wall.arrived, await states(store)) == ([], {})
        assert await fold(store, outbox, "b") == 4


async def test_T51_before_recovery_is_through_nothing_is_promised(store: Store) -> None:
    """Recovery takes every row in `sending` for one that a crash left behind."""
    wall = Wall()
    outbox = make(store, wall)
    assert await fold(store, outbox, "a") == 0
    assert await states(store) == {"a": "pending"}
    wall.shut.set()
    async with running(outbox):
        assert [(one.lane, one.seen, one.maybe_sent) for one in wall.arrived] == [("a", None, False)]


async def test_T51_killed_between_the_commit_and_the_answer_it_is_looked_up_and_not_repeated(store: Store) -> None:
    wall = Wall()
    outbox = make(store, wall)
    async with running(outbox):
        await fold(store, outbox, "a")
        await asyncio.sleep(0.01)
    assert await states(store) == {"a": "sending"}
    wall.shut.set()
    async with running(make(store, wall)):
        await asyncio.sleep(0.02)
    assert [one.maybe_sent for one in wall.arrived] == [False, True]
    assert await states(store) == {"a": "sent"}


async def test_a_lane_keeps_its_order(store: Store) -> None:
    wall = Wall()
    outbox = make(store, wall)
    async with running(outbox):
        await fold(store, outbox, "a")
        assert await fold(store, outbox, "a") == 3
        await asyncio.sleep(0.02)
        assert [one.id for one in wall.arrived] == [1]
        wall.shut.set()
        await asyncio.sleep(0.05)
        assert [one.id for one in wall.arrived] == [1, 2]


async def test_what_the_pace_holds_back_is_neither_claimed_nor_in_the_way(store: Store) -> None:
    wall = Patient()
    wall.shut.set()
    outbox = make(store, wall, lanes=1)
    async with running(outbox):
        await fold(store, outbox, "slow", "quick")
        await asyncio.sleep(0.05)
        assert [one.lane for one in wall.arrived] == ["quick"]
        assert await states(store) == {"slow": "pending", "quick": "sent"}
        wall.held = frozenset()  # nobody wakes the outbox: it looks when the pace said it may
        await asyncio.sleep(0.1)
        assert [one.lane for one in wall.arrived] == ["quick", "slow"]


async def test_what_is_shown_is_read_in_the_transaction_that_claims(store: Store) -> None:
    wall = Patient()
    wall.shut.set()
    outbox = make(store, wall)
    async with running(outbox):
        await store.write(lambda s: rows.add(s, "slack", "a", "summary", "a", "a", now=NOW))
        await store.write(lambda s: rows.add(s, "slack", "odd", "summary", "odd", "odd", now=NOW))
        outbox.wake()
        await emptied(outbox)
    assert {one.lane: one.seen for one in wall.arrived} == {"a": "read 2", "odd": None}


def test_a_promise_of_nothing_claims_nothing() -> None:
    with Unheld() as promise:
        promise.claim(Session(), {"a": 1}, NOW)
    assert promise.places == 0
