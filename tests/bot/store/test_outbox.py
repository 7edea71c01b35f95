"""The outbox: per lane in order, nothing lost, nothing doubled, whatever fails and whenever it crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, StaticPool, create_engine
from sqlmodel import Session, SQLModel

from bot.errors import Transient
from bot.store import outbox
from bot.store.session import Store

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def put(
    lane: str, subject: str, priority: int = 5, *, coalesce: bool = False, kind: str = "entry"
) -> Callable[[Session], int]:
    """Work that queues one Slack row."""
    return lambda s: outbox.add(s, "slack", lane, kind, lane, subject, {}, priority, coalesce, now=START)


async def subjects(store: Store, now: datetime = START) -> list[str]:
    """What may be sent now, in order."""
    return [row.subject for row in await store.read(lambda s: outbox.heads(s, "slack", now, 10))]


async def test_only_the_first_unsent_row_of_a_lane_is_offered(store: Store) -> None:
    first = await store.write(put("a", "1"))
    await store.write(put("a", "2"))
    await store.write(put("b", "3"))
    assert await subjects(store) == ["1", "3"]
    assert await store.write(lambda s: outbox.sending(s, first))
    assert await subjects(store) == ["3"], "a lane that is being sent offers nothing"
    await store.write(lambda s: outbox.sent(s, first, "111.222", START))
    assert await subjects(store) == ["2", "3"]
    row = await store.read(lambda s: outbox.get(s, first))
    assert row is not None
    assert (row.state, row.receipt, row.sent_at, row.attempts) == ("sent", "111.222", START, 1)


async def test_important_lanes_go_first(store: Store) -> None:
    for lane, priority in (("a", 5), ("b", 0), ("c", 1), ("d", 0)):
        await store.write(put(lane, lane, priority))
    assert await subjects(store) == ["b", "d", "c", "a"]


async def test_a_retry_waits_at_the_head_of_its_lane(store: Store) -> None:
    first = await store.write(put("a", "1"))
    await store.write(put("a", "2"))
    later = START + timedelta(seconds=30)
    await store.write(lambda s: outbox.sending(s, first))
    await store.write(lambda s: outbox.retry(s, first, later, "429", False))
    assert await subjects(store) == []
    assert await subjects(store, later) == ["1"]


async def test_T46_maybe_sent_stays_set_through_later_retries(store: Store) -> None:
    first = await store.write(put("a", "1"))
    for maybe in (False, True, False):
        await store.write(lambda s: outbox.sending(s, first))
        await store.write(lambda s, m=maybe: outbox.retry(s, first, START, "timeout", m))
    row = (await store.read(lambda s: outbox.heads(s, "slack", START, 1)))[0]
    assert (row.maybe_sent, row.attempts) == (True, 3)


async def test_giving_up_on_one_lets_the_lane_go_on(store: Store) -> None:
    first = await store.write(put("a", "1"))
    await store.write(put("a", "2"))
    await store.write(lambda s: outbox.fail(s, first, "channel_not_found", START))
    assert await subjects(store) == ["2"]
    assert not await store.write(lambda s: outbox.sent(s, first, "late", START)), "closed is closed"
    assert await store.read(outbox.depth) == {"slack": 1}


async def test_rows_left_sending_by_a_crash_may_have_been_sent(store: Store) -> None:
    first = await store.write(put("a", "1"))
    await store.write(lambda s: outbox.sending(s, first))
    assert await store.write(outbox.recover) == 1
    row = (await store.read(lambda s: outbox.heads(s, "slack", START, 1)))[0]
    assert (row.id, row.state, row.maybe_sent) == (first, "pending", True)
    assert await store.write(outbox.recover) == 0


async def test_waiting_edits_become_one(store: Store) -> None:
    first = await store.write(put("a", "a", 5, coalesce=True, kind="summary"))
    assert await store.write(put("a", "a", 0, coalesce=True, kind="summary")) == first
    row = (await store.read(lambda s: outbox.heads(s, "slack", START, 1)))[0]
    assert row.priority == 0, "the stronger priority wins"
    await store.write(lambda s: outbox.sending(s, first))
    second = await store.write(put("a", "a", coalesce=True, kind="summary"))
    assert second != first, "one that is being sent may already have been read"
    await store.write(lambda s: outbox.retry(s, first, START, "timeout", True))
    assert await store.write(put("a", "a", coalesce=True, kind="summary")) == second
    assert await store.write(put("b", "b", coalesce=True, kind="summary")) not in (first, second)


async def test_two_senders_do_not_take_the_same_row(store: Store) -> None:
    first = await store.write(put("a", "1"))
    took = await asyncio.gather(*(store.write(lambda s: outbox.sending(s, first)) for _ in range(5)))
    assert took.count(True) == 1


async def claimed(store: Store, limit: int = 10, **more: Any) -> list[str]:
    """Claim in one transaction."""
    return [row.subject for row in await store.write(lambda s: outbox.claim(s, "slack", START, limit, **more))]


async def test_a_claim_takes_heads_in_order_and_nobody_else_gets_them(store: Store) -> None:
    for lane, subject, priority in (("a", "1", 5), ("a", "2", 0), ("b", "3", 0), ("c", "4", 5)):
        await store.write(put(lane, subject, priority))
    assert await claimed(store, 2) == ["3", "1"]
    assert await claimed(store) == ["4"]
    assert await claimed(store) == []
    row = await store.read(lambda s: outbox.get(s, 1))
    assert row is not None
    assert (row.state, row.attempts) == ("sending", 1)


async def test_a_claim_tells_the_row_as_it_was_before(store: Store) -> None:
    await store.write(put("a", "1"))
    (row,) = await store.write(lambda s: outbox.claim(s, "slack", START, 1))
    assert (row.state, row.attempts, row.maybe_sent) == ("pending", 0, False)


async def test_a_claim_leaves_what_does_not_fit_now_and_looks_further(store: Store) -> None:
    for lane in "abc":
        await store.write(put(lane, lane))
    assert await claimed(store, 1, fits=lambda row: row.lane != "a") == ["b"]
    assert await subjects(store) == ["a", "c"], "what was left is offered again"


async def test_a_claim_of_some_lanes_takes_their_first_row_only(store: Store) -> None:
    await store.write(put("a", "1"))
    for lane, subject in (("a", "2"), ("b", "3"), ("c", "4")):
        await store.write(put(lane, subject))
    assert await claimed(store, lanes=["a", "b", "none"]) == ["1", "3"]
    assert await claimed(store, lanes=["a"]) == [], "its first row is being sent"
    assert await claimed(store, lanes=[]) == []


async def test_T51_a_claim_in_a_transaction_that_fails_claims_nothing(store: Store) -> None:
    await store.write(put("a", "1"))

    def fail(session: Session) -> None:
        outbox.claim(session, "slack", START, 1)
        raise Transient("the disk is full")

    with pytest.raises(Transient):
        await store.write(fail)
    assert await claimed(store) == ["1"]


@lru_cache
def memory() -> Engine:
    """One database in memory for every example; each example's transaction is rolled back."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    SQLModel.metadata.create_all(engine)
    return engine


@contextmanager
def empty_session() -> Iterator[Session]:
    """A session on empty tables."""
    with Session(memory()) as session:
        yield session
        session.rollback()


class Destination:
    """Keeps what arrived, by marker; an answer may get lost after it arrived."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, int]] = []

    def has(self, marker: int) -> bool:
        return any(each == marker for _, each in self.arrived)


@settings(max_examples=120, deadline=None)
@given(
    lanes=st.lists(st.sampled_from("abc"), min_size=1, max_size=15),
    fates=st.lists(st.sampled_from(["ok", "ok", "refused", "lost_answer", "crash_before", "crash_after"]), max_size=60),
)
def test_lanes_keep_their_order_through_failures_and_crashes(lanes: list[str], fates: list[str]) -> None:
    there, now, script = Destination(), START, list(fates)
    with empty_session() as session:
        ids = [(lane, put(lane, str(number))(session)) for number, lane in enumerate(lanes)]
        for _ in range(len(lanes) + len(fates) + 1):
            now += timedelta(seconds=10)
            for row in outbox.heads(session, "slack", now, 2):
                fate = script.pop(0) if script else "ok"
                assert outbox.sending(session, row.id)
                if row.maybe_sent and there.has(row.id):
                    outbox.sent(session, row.id, "found", now)
                    continue
                if fate in ("ok", "lost_answer", "crash_after"):
                    there.arrived.append((row.lane, row.id))
                if fate == "ok":
                    outbox.sent(session, row.id, "receipt", now)
                elif fate in ("refused", "lost_answer"):
                    outbox.retry(session, row.id, now + timedelta(seconds=5), fate, fate == "lost_answer")
                else:
                    outbox.recover(session)
        left = outbox.depth(session)
    assert left == {}, "nothing is lost"
    assert len(set(there.arrived)) == len(there.arrived) == len(ids), "nothing is doubled"
    for lane in set(lanes):
        assert [each for each in there.arrived if each[0] == lane] == [each for each in ids if each[0] == lane]
