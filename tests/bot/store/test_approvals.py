"""Approvals: one answer, once, in time, for one digest; under any order of events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, StaticPool, create_engine
from sqlmodel import Session, SQLModel

from bot.errors import Permanent
from bot.store import approvals
from bot.store.approvals import Approval, Vote
from bot.store.session import Store

Make = Callable[..., Approval]
START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


async def test_a_question_is_stored_once(store: Store, approval: Make) -> None:
    asked = approval()
    assert await store.write(lambda s: approvals.open(s, asked))
    assert not await store.write(lambda s: approvals.open(s, replace(asked, message="changed")))
    assert await store.read(lambda s: approvals.get(s, asked.id)) == asked
    assert await store.read(lambda s: approvals.for_run(s, "run_1")) == [asked]
    assert await store.read(approvals.pending) == [asked]
    assert await store.read(lambda s: approvals.get(s, "apr_none")) is None


async def test_an_unknown_kind_is_refused(store: Store, approval: Make) -> None:
    with pytest.raises(ValueError, match="kind"):
        await store.write(lambda s: approvals.open(s, approval(kind="whatever")))


async def test_T04_the_same_person_votes_once(store: Store, approval: Make, now: datetime) -> None:
    await store.write(lambda s: approvals.open(s, approval()))
    again = [store.write(lambda s: approvals.add_vote(s, "apr_1", "bob", True, "", now)) for _ in range(5)]
    assert sorted(await asyncio.gather(*again)) == [False] * 4 + [True]
    assert not await store.write(lambda s: approvals.add_vote(s, "apr_1", "bob", False, "changed my mind", now))
    assert await store.read(lambda s: approvals.votes(s, "apr_1")) == [Vote("bob", True, "", now)]


async def test_a_vote_on_a_question_that_is_not_there_is_refused(store: Store, now: datetime) -> None:
    with pytest.raises(Permanent, match="FOREIGN KEY"):
        await store.write(lambda s: approvals.add_vote(s, "apr_forged", "bob", True, "", now))


async def test_T05_two_clicks_at_once_give_one_decision(store: Store, approval: Make, now: datetime) -> None:
    await store.write(lambda s: approvals.open(s, approval()))
    states = ["approved", "rejected", "approved", "void", "approved"]
    won = await asyncio.gather(*(store.write(lambda s, x=x: approvals.decide(s, "apr_1", x, now)) for x in states))
    assert won.count(True) == 1
    kept = await store.read(lambda s: approvals.get(s, "apr_1"))
    assert kept is not None
    assert (kept.state, kept.decided_at) == (states[won.index(True)], now)


async def test_T05_one_approval_starts_one_run(store: Store, approval: Make, now: datetime) -> None:
    asked = approval()
    await store.write(lambda s: approvals.open(s, asked))
    await store.write(lambda s: approvals.decide(s, "apr_1", "approved", now))
    used = [store.write(lambda s: approvals.consume(s, "apr_1", asked.digest, now)) for _ in range(8)]
    assert sorted(await asyncio.gather(*used)) == [False] * 7 + [True]


async def test_T06_a_reject_wins_until_the_first_intent(store: Store, approval: Make, now: datetime) -> None:
    for number, first in ((1, "consume"), (2, "withdraw")):
        asked = approval(number)
        await store.write(lambda s, a=asked: approvals.open(s, a))
        await store.write(lambda s, a=asked: approvals.decide(s, a.id, "approved", now))
        if first == "consume":
            assert await store.write(lambda s, a=asked: approvals.consume(s, a.id, a.digest, now))
            assert not await store.write(lambda s, a=asked: approvals.withdraw(s, a.id, now))
        else:
            assert await store.write(lambda s, a=asked: approvals.withdraw(s, a.id, now))
            assert not await store.write(lambda s, a=asked: approvals.consume(s, a.id, a.digest, now))


async def test_T11_an_approval_is_for_one_digest_and_in_time(store: Store, approval: Make, now: datetime) -> None:
    asked = approval()
    await store.write(lambda s: approvals.open(s, asked))
    assert not await store.write(lambda s: approvals.consume(s, "apr_1", asked.digest, now)), "not approved yet"
    await store.write(lambda s: approvals.decide(s, "apr_1", "approved", now))
    assert not await store.write(lambda s: approvals.consume(s, "apr_1", "e" * 64, now)), "another plan"
    assert not await store.write(lambda s: approvals.consume(s, "apr_1", asked.digest, asked.expires_at)), "too late"
    assert await store.write(lambda s: approvals.consume(s, "apr_1", asked.digest, now))
    assert not await store.write(lambda s: approvals.consume(s, "apr_1", asked.digest, now)), "single use"


@pytest.mark.parametrize(
    ("kind", "state", "minutes", "allowed"),
    [
        ("approval", "approved", 1, True),
        ("approval", "approved", 15, False),
        ("approval", "rejected", 20, True),
        ("approval", "done", 1, False),
        ("unknown", "approved", 1, False),
        ("unknown", "done", 1, True),
        ("unknown", "retry", 16, False),
        ("unknown", "abort", 16, True),
        ("paused", "retry", 1, True),
        ("paused", "retry", 15, False),
        ("paused", "abort", 16, True),
        ("paused", "done", 1, False),
        ("paused", "approved", 1, False),
        ("confirmation", "approved", 1, True),
        ("confirmation", "expired", 0, True),
    ],
)
async def test_what_may_be_decided(
    store: Store, approval: Make, now: datetime, kind: str, state: str, minutes: int, allowed: bool
) -> None:
    await store.write(lambda s: approvals.open(s, approval(kind=kind)))
    at = now + timedelta(minutes=minutes)
    assert await store.write(lambda s: approvals.decide(s, "apr_1", state, at)) is allowed


@pytest.mark.parametrize("state", ["consumed", "pending", "yes"])
async def test_consumed_is_not_a_decision(store: Store, now: datetime, state: str) -> None:
    with pytest.raises(ValueError, match="not a decision"):
        await store.write(lambda s: approvals.decide(s, "apr_1", state, now))


async def test_decided_questions_are_delivered_once(store: Store, approval: Make, now: datetime) -> None:
    for number in (1, 2, 3):
        await store.write(lambda s, n=number: approvals.open(s, approval(n)))
    later = now + timedelta(seconds=1)
    await store.write(lambda s: approvals.decide(s, "apr_2", "rejected", later))
    await store.write(lambda s: approvals.expire(s, "apr_1", now))
    assert [a.id for a in await store.read(approvals.undelivered)] == ["apr_1", "apr_2"]
    await store.write(lambda s: approvals.mark_delivered(s, "apr_1"))
    assert [a.id for a in await store.read(approvals.undelivered)] == ["apr_2"]
    assert [a.id for a in await store.read(approvals.pending)] == ["apr_3"]


MINUTE = timedelta(minutes=1)


async def test_what_is_due_is_told_once(store: Store, approval: Make, now: datetime) -> None:
    rows = {
        1: {"widen_at": now + 5 * MINUTE, "widen_to": ["leads"]},
        2: {"remind_at": now + 6 * MINUTE},
        3: {},
        4: {"widen_at": now, "state": "approved"},
    }
    for number, changes in rows.items():
        await store.write(lambda s, n=number, c=changes: approvals.open(s, approval(n, **c)))

    async def due(minutes: int) -> list[str]:
        at = now + minutes * MINUTE
        return [found.id for found in await store.read(lambda s: approvals.due(s, at))]

    assert [await due(minutes) for minutes in (4, 5, 6)] == [[], ["apr_1"], ["apr_1", "apr_2"]]
    await store.write(lambda s: approvals.mark_told(s, "apr_1", widened=now + 5 * MINUTE, reminded=None))
    assert await due(6) == ["apr_2"]
    await store.write(lambda s: approvals.mark_told(s, "apr_2", widened=None, reminded=now + 6 * MINUTE))
    assert await due(60) == []
    told = [await store.read(lambda s, n=n: approvals.get(s, f"apr_{n}")) for n in (1, 2)]
    assert [(found.widened_at, found.reminded_at) for found in told if found] == [
        (now + 5 * MINUTE, None),
        (None, now + 6 * MINUTE),
    ]


async def test_P2_a_question_is_told_of_the_groups_that_follow(store: Store, approval: Make, now: datetime) -> None:
    await store.write(lambda s: approvals.open(s, approval(widen_at=now, widen_to=["leads"])))
    following = (now + 5 * MINUTE, ["directors"])
    await store.write(lambda s: approvals.mark_told(s, "apr_1", widened=now, reminded=None, following=following))
    told = await store.read(lambda s: approvals.get(s, "apr_1"))
    assert (told.widen_at, told.widen_to, told.widened_at) == (now + 5 * MINUTE, ["directors"], None)


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


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["vote", "approved", "rejected", "void", "expire", "withdraw", "consume", "consume_other"]),
        st.sampled_from(["bob", "eve", "zoe"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(events=EVENTS, seconds=st.integers(5, 60))
def test_T05_T11_any_order_of_events_gives_one_decision_and_at_most_one_use(
    events: list[tuple[str, str, int]], seconds: int
) -> None:
    asked = Approval(
        id="apr_1", run_id="run_1", step_id="s", kind="approval", digest="d", approvers={}, requester="ada",
        message="?", state="pending", created_at=START, expires_at=START + timedelta(seconds=seconds),
    )  # fmt: skip
    now, decisions, uses, voters = START, [], 0, []
    with empty_session() as session:
        approvals.open(session, asked)
        for what, person, passed in events:
            now += timedelta(seconds=passed)
            before = approvals.get(session, "apr_1")
            assert before is not None
            if what == "vote":
                if approvals.add_vote(session, "apr_1", person, True, "", now):
                    voters.append(person)
            elif what == "consume":
                used = approvals.consume(session, "apr_1", "d", now)
                assert not used or (before.state == "approved" and now < asked.expires_at)
                uses += used
            elif what == "consume_other":
                assert not approvals.consume(session, "apr_1", "other", now)
            elif what == "withdraw":
                assert approvals.withdraw(session, "apr_1", now) == (before.state == "approved")
            else:
                state = "expired" if what == "expire" else what
                won = approvals.decide(session, "apr_1", state, now)
                assert not won or before.state == "pending"
                assert not (won and state == "approved" and now >= asked.expires_at)
                decisions += [state] * won
        end = approvals.get(session, "apr_1")
    assert end is not None
    assert len(decisions) <= 1
    assert uses <= 1
    assert (end.state == "consumed") == (uses == 1)
    assert uses == 0 or decisions == ["approved"]
    assert len(voters) == len(set(voters))
