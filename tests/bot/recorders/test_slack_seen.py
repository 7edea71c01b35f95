"""What is read for a delivery to Slack, and what the pace lets go in one look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from bot.errors import Permanent
from bot.incident import Incident, IncidentStatus, Severity
from bot.recorders.base import Delivery
from bot.recorders.slack_pace import Pace
from bot.recorders.slack_seen import Seen, SlackTurn, key_of, look, opened
from bot.store import board, entries, incidents, messages
from bot.store.messages import SlackMessage
from bot.store.session import Store
from bot.transcript import Entry, EntryKind

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)


def incident(name: str, channel: str = "C1") -> Incident:
    return Incident(
        id=name, source="pagerduty", external_id=name, title="payments is down", status=IncidentStatus.TRIGGERED,
        severity=Severity.ERROR, service="payments", environment="prod", opened_at=NOW, updated_at=NOW, channel=channel,
    )  # fmt: skip


def delivery(kind: str, name: str = "a", subject: str = "", **more: Any) -> Delivery:
    return Delivery(1, "slack", name, kind, name, subject or name, **more)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(f"sqlite+aiosqlite:///{tmp_path}/app.db") as opened_store:

        def fill(session: Session) -> None:
            for name, channel in (("a", "C1"), ("b", "C1"), ("c", "C2")):
                incidents.save(session, incident(name, channel))
                entries.append(session, Entry(incident_id=name, kind=EntryKind.SKIPPED, at=NOW, actor="ana"))

        await opened_store.write(fill)
        yield opened_store


async def posted(store: Store, key: str, channel: str = "C1") -> None:
    await store.write(lambda s: messages.save(s, SlackMessage(key, channel, "1.5")))


async def looked(store: Store, what: Delivery) -> Seen:
    return await store.read(lambda s: look(s, what))


def turn(pace: Pace) -> SlackTurn:
    return SlackTurn(pace, lambda found: found.channel, "C0", {})


async def allowed(store: Store, made: SlackTurn, *some: Delivery) -> list[bool]:
    return await store.read(lambda s: [made.allows(s, each) for each in some])


async def test_one_look_reads_everything_a_delivery_shows(store: Store) -> None:
    seen = await looked(store, delivery("summary"))
    assert (seen.incident.id, seen.known, seen.root) == ("a", None, None)
    assert seen.board is not None
    assert seen.board.incident == seen.incident
    await posted(store, "summary:a")
    await posted(store, "card:run_1")
    seen = await looked(store, delivery("card", subject="run_1"))
    assert seen.known is not None
    assert seen.root is not None
    assert (seen.known.key, seen.root.key) == ("card:run_1", "summary:a")


async def test_an_entry_whose_thread_is_there_needs_no_board(store: Store) -> None:
    assert (await looked(store, delivery("entry", subject="1"))).board is not None
    await posted(store, "summary:a")
    seen = await looked(store, delivery("entry", subject="1"))
    assert seen.board is None
    assert seen.entry is not None
    assert seen.entry.kind is EntryKind.SKIPPED


@pytest.mark.parametrize(
    "wrong", [delivery("summary", "x"), delivery("card", "x", "run_1"), delivery("entry", "a", "99")]
)
async def test_what_is_not_there_is_permanent(store: Store, wrong: Delivery) -> None:
    with pytest.raises(Permanent):
        await looked(store, wrong)


async def test_a_board_of_the_same_transaction_is_all_there_is(store: Store) -> None:
    shown = await store.read(lambda s: board.load(s, "a"))
    assert shown is not None
    assert opened(shown) == Seen(shown.incident, shown, None, None)


def test_keys_name_the_message() -> None:
    assert [key_of(delivery(kind, "inc", "7")) for kind in ("summary", "card", "entry", "notice")] == [
        "summary:inc", "card:7", "entry:7", "notice:1",
    ]  # fmt: skip


async def test_one_look_lets_go_what_each_channel_can_take(store: Store) -> None:
    made = turn(Pace(1.0, 3, lambda: 0.0))
    assert await allowed(store, made, *(delivery("summary", name) for name in "abc")) == [True, False, True]
    assert made.soonest == pytest.approx(1 / 0.96)


async def test_C3_a_full_channel_or_waiting_edits_do_not_hold_up_an_idle_channel(store: Store) -> None:
    pace = Pace(1.0, 1, lambda: 0.0)
    await posted(store, "summary:a")
    for _ in range(30):
        pace.edit()
        pace.post("C1")
    wanted = [delivery("summary", "a"), delivery("summary", "b"), delivery("entry", "a", "1"), delivery("summary", "c")]
    assert await allowed(store, turn(pace), *wanted) == [False, False, False, True]


async def test_what_is_already_there_or_cannot_be_placed_is_let_go(store: Store) -> None:
    pace = Pace(1.0, 1, lambda: 0.0)
    await posted(store, "summary:a")
    await posted(store, "entry:1")
    made = turn(pace)
    assert await allowed(store, made, delivery("entry", "a", "1"), delivery("summary", "x")) == [True, True]
    assert made.soonest is None


async def test_notices_have_their_channel_and_show_nothing_of_the_store(store: Store) -> None:
    pace = Pace(1.0, 1, lambda: 0.0)
    pace.post("C9")
    notices = [delivery("notice", payload={"channel": "C9"}), delivery("notice")]
    assert await allowed(store, turn(pace), *notices) == [False, True]
    assert await store.read(lambda s: turn(pace).seen(s, notices[0])) is None


async def test_a_board_given_with_it_is_an_opening(store: Store) -> None:
    pace, shown = Pace(1.0, 3, lambda: 0.0), await store.read(lambda s: board.load(s, "a"))
    given = delivery("summary", "a", seen=shown)
    assert await allowed(store, turn(pace), given, given) == [True, False]
