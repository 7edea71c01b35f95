"""Mentions and the Home tab."""

from __future__ import annotations

from typing import Any

import pytest

from bot.slack.desk import Said
from bot.slack.events import kind_of, wording

CHANNEL, ALICE, EVE = "C0INC", "U0ALICE", "U0EVE"

SENTENCES: list[tuple[str, tuple[Any, ...]]] = [
    ("status of payments?", ("status", "payments")),
    ("Status", ("status", None)),
    ("status for the payments", ("status", "payments")),
    ("list runbooks", ("list_runbooks",)),
]


@pytest.mark.parametrize(("text", "call"), SENTENCES)
async def test_C2_a_sentence_becomes_one_request(room: Any, text: str, call: tuple[Any, ...]) -> None:
    ts = await room.workspace.mention(ALICE, CHANNEL, text)
    await room.settled()
    assert room.asked.calls == [call]
    assert [m.text for m in room.workspace.thread(CHANNEL, ts)][1:] == ["✅ noted"]


async def test_C2_what_has_been_done_is_answered_in_the_thread(room: Any) -> None:
    root = await room.client.post(CHANNEL, "summary", [])
    room.incidents[(CHANNEL, root.ts)] = "inc_1"
    await room.workspace.mention(ALICE, CHANNEL, "what has been done so far?", root.ts)
    await room.settled()
    assert room.asked.calls == [("so_far", "inc_1")]
    assert room.workspace.thread(CHANNEL, root.ts)[-1].text == "✅ noted"


async def test_outside_a_thread_it_asks_for_one(room: Any) -> None:
    await room.workspace.mention(ALICE, CHANNEL, "what has been done so far?")
    await room.settled()
    assert room.asked.calls == []
    assert "in the thread of an incident" in room.told()[0]


async def test_acknowledge_and_resolve_by_mention(room: Any) -> None:
    root = await room.client.post(CHANNEL, "summary", [])
    room.incidents[(CHANNEL, root.ts)] = "inc_1"
    await room.workspace.mention(ALICE, CHANNEL, "ack", root.ts)
    await room.workspace.mention(ALICE, CHANNEL, "resolve!", root.ts)
    await room.settled()
    assert sorted(room.asked.calls) == [("acknowledge", "inc_1", "alice"), ("resolve", "inc_1", "alice")]


@pytest.mark.parametrize("text", ["kubectl delete everything", "status of <!channel>", "status of ../x", ""])
async def test_other_sentences_only_get_help(room: Any, text: str) -> None:
    await room.workspace.mention(ALICE, CHANNEL, text)
    await room.settled()
    assert room.asked.calls == []
    assert len(room.told()) == 1


async def test_T07_a_stranger_gets_no_status(room: Any) -> None:
    await room.workspace.mention(EVE, CHANNEL, "status")
    await room.settled()
    assert room.asked.calls == []
    assert "do not know" in room.told(EVE)[0]


async def test_bots_are_not_answered(room: Any) -> None:
    event = {"type": "app_mention", "user": ALICE, "bot_id": "B1", "text": "status", "channel": CHANNEL, "ts": "1.1"}
    room.dispatcher.handle("k", {"type": "event_callback", "team_id": "T0SANDBOX", "event_id": "E", "event": event})
    await room.settled()
    assert room.asked.calls == []
    assert room.told() == []


async def test_the_home_tab_offers_what_the_person_may_do(room: Any) -> None:
    room.asked.reply = Said("status", {"incidents": [], "services": [], "stops": []}, ok=True)
    await room.workspace.open_home(ALICE)
    await room.workspace.open_home(EVE)
    await room.settled()
    assert "kill_switch" in str(room.workspace.homes[ALICE].body)
    assert "kill_switch" not in str(room.workspace.homes[EVE].body)


def test_mentions_and_punctuation_are_left_out() -> None:
    assert wording("<@U1> Status of payments ?! ") == "status of payments"


@pytest.mark.parametrize(
    ("text", "kind"),
    [("<@U0BOT> Ack!", "changes"), ("resolve", "changes"), ("assign to ben", "changes"), ("take it", "changes"),
     ("mine", "changes"), ("status", "looks"), ("", "looks"), ("what has been done so far?", "looks")],
)  # fmt: skip
def test_T07_a_sentence_that_changes_something_is_known(text: str, kind: str) -> None:
    assert kind_of(text) == kind
