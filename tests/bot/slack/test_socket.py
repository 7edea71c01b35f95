"""Socket Mode against the sandbox's real socket: stored, acknowledged, then handled; duplicates do nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import Permanent, Transient
from bot.sandbox.slack_records import NotAcknowledged

CHANNEL, ALICE, EVE, APP = "C0INC", "U0ALICE", "U0EVE", "A0SANDBOX"


async def test_slash_command_is_acknowledged_before_it_is_handled(room: Any) -> None:
    room.asked.gate.clear()
    await asyncio.wait_for(room.workspace.slash(ALICE, CHANNEL, "/runbook status payments"), 2)
    assert room.told() == []
    room.asked.gate.set()
    await room.settled()
    assert room.asked.calls == [("status", "payments")]
    assert room.told() == ["✅ noted"]


async def test_click_is_acknowledged_before_it_is_handled(room: Any) -> None:
    channel, ts = await room.card("plan_approve", "apr_1")
    room.asked.gate.clear()
    await asyncio.wait_for(room.workspace.click(ALICE, channel, ts, "plan_approve"), 2)
    room.asked.gate.set()
    await room.settled()
    assert room.asked.calls == [("vote", "apr_1", "alice", True, "", channel, ts)]
    assert room.told() == ["✅ noted"]


async def test_T18_the_same_click_twice_has_one_effect(room: Any) -> None:
    payload = {
        "type": "block_actions",
        "api_app_id": APP,
        "user": {"id": ALICE, "team_id": "T0SANDBOX"},
        "team": {"id": "T0SANDBOX"},
        "channel": {"id": CHANNEL},
        "container": {"message_ts": "1.2", "channel_id": CHANNEL},
        "trigger_id": "t",
        "actions": [{"type": "button", "action_id": "run_stop", "block_id": "b", "value": "run_1", "action_ts": "9.9"}],
    }
    room.cards.places.add(("run_1", CHANNEL, "1.2"))
    for number in range(3):
        acknowledged: list[str] = []

        async def acknowledge(envelope: str, _: Any, seen: list[str] = acknowledged) -> None:
            seen.append(envelope)

        await room.door.receive({"envelope_id": f"e{number}", "type": "interactive", "payload": payload}, acknowledge)
        assert acknowledged == [f"e{number}"]
    await room.settled()
    assert room.asked.calls == [("stop", "run_1", "alice")]


async def test_an_event_delivered_again_under_another_envelope_has_one_effect(room: Any) -> None:
    event = {"type": "app_mention", "user": ALICE, "text": "<@U0SANDBOT> list", "channel": CHANNEL, "ts": "1.1"}
    payload = {"type": "event_callback", "api_app_id": APP, "team_id": "T0SANDBOX", "event_id": "Ev1", "event": event}

    async def acknowledge(_: str, __: Any) -> None:
        return

    for envelope in ("e1", "e2"):
        await room.door.receive({"envelope_id": envelope, "type": "events_api", "payload": payload}, acknowledge)
    await room.settled()
    assert room.asked.calls == [("list_runbooks",)]


async def test_T62_what_cannot_be_stored_is_not_acknowledged(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        async def accept(self, *_: Any) -> bool:
            raise Transient("disk full")

    room.dispatcher._inbox = Full()
    room.api.socket._timeout = 0.2
    with pytest.raises(NotAcknowledged):
        await room.workspace.slash(ALICE, CHANNEL, "/runbook status")
    assert room.asked.calls == []


async def test_handled_deliveries_are_marked_done(room: Any) -> None:
    await room.workspace.slash(ALICE, CHANNEL, "/runbook status")
    await room.settled()
    assert await room.inbox.take(10) == []


async def test_a_crash_before_handling_is_made_up_for(room: Any) -> None:
    body = {
        "command": "/runbook", "text": "list", "api_app_id": APP, "team_id": "T0SANDBOX", "user_id": ALICE,
        "channel_id": CHANNEL,
    }  # fmt: skip
    await room.dispatcher.accept("envelope:lost", body)
    room.dispatcher._under_way.clear()  # as after a restart
    assert await room.dispatcher.recover() == 1
    assert room.asked.calls == [("list_runbooks",)]
    assert await room.inbox.take(10) == []


async def test_an_old_click_is_not_repeated_after_a_crash(room: Any) -> None:
    await room.dispatcher.accept("envelope:old", {"command": "/runbook", "api_app_id": APP, "user_id": ALICE})
    room.dispatcher._under_way.clear()
    (left,) = await room.inbox.take(10)
    assert not await room.dispatcher.replay(left, timedelta(minutes=11))
    assert room.asked.calls == []


@pytest.mark.parametrize(
    ("error", "words"),
    [(Transient("x"), "try again"), (Permanent("x"), "could not do that"), (RuntimeError("secret"), "went wrong")],
)
async def test_every_failure_becomes_a_kind_answer(room: Any, error: Exception, words: str) -> None:
    room.asked.error = error
    await room.workspace.slash(ALICE, CHANNEL, "/runbook status")
    await room.settled()
    (answer,) = room.told()
    assert words in answer
    assert "secret" not in answer


async def test_T07_a_stranger_is_told_so_and_nothing_is_asked(room: Any) -> None:
    await room.workspace.slash(EVE, CHANNEL, "/runbook status")
    await room.settled()
    assert room.asked.calls == []
    assert "do not know this Slack account" in room.told(EVE)[0]


async def test_the_socket_comes_back_after_slack_closes_it(room: Any) -> None:
    await room.api.socket.disconnect("refresh_requested")
    for _ in range(200):
        await asyncio.sleep(0.02)
        if room.socket.connected.is_set() and len([c for c in room.api.calls if c[0] == "apps.connections.open"]) > 1:
            break
    await room.workspace.slash(ALICE, CHANNEL, "/runbook list")
    await room.settled()
    assert ("list_runbooks",) in room.asked.calls
