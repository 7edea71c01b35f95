"""One path for everything: read, keyed, accepted once, and marked when it was handled."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.errors import Transient
from bot.slack.dispatch import key_of, read

FORM = "application/x-www-form-urlencoded"
COMMAND = {
    "command": "/runbook", "text": "list", "api_app_id": "A0SANDBOX", "team_id": "T0SANDBOX", "user_id": "U0ALICE",
    "channel_id": "C0INC",
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "kind", "payload"),
    [
        (b'{"type": "x"}', "application/json", {"type": "x"}),
        (b'{"type": "x"}', "", {"type": "x"}),
        (urlencode({"payload": '{"type": "y"}'}).encode(), FORM, {"type": "y"}),
        (urlencode({"command": "/runbook", "text": ""}).encode(), f"{FORM}; charset=utf-8", {"command": "/runbook", "text": ""}),
        (b"[]", "application/json", None),
        (b"\xff", "application/json", None),
        (b"{", "application/json", None),
        (b"[" * 100_000, "application/json", None),
        (urlencode({"payload": "not json"}).encode(), FORM, None),
        (urlencode({"payload": "[]"}).encode(), FORM, None),
    ],
)  # fmt: skip
def test_T22_every_kind_of_body_is_read_or_is_nothing(body: bytes, kind: str, payload: Any) -> None:
    assert read(body, kind) == payload


CLICK = {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "run_stop", "action_ts": "9.9"}]}


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        ({"event_id": "Ev1", "type": "event_callback"}, "event:Ev1"),
        (CLICK, "action:9.9:run_stop:U1"),
        ({**CLICK, "user": None}, "action:9.9:run_stop:"),
        ({**CLICK, "actions": []}, "envelope:1"),
        ({**CLICK, "actions": ["odd"]}, "envelope:1"),
        ({"event_id": 7}, "envelope:1"),
        (COMMAND, "envelope:1"),
    ],
)
def test_T18_the_key_is_what_the_act_is_and_not_how_it_came(payload: dict[str, Any], key: str) -> None:
    assert key_of(payload, "envelope:1") == key


async def test_T18_accepting_twice_is_once(room: Any) -> None:
    assert await room.dispatcher.accept("k", COMMAND)
    assert not await room.dispatcher.accept("k", COMMAND)
    room.dispatcher.handle("k", COMMAND)
    await room.settled()
    assert room.asked.calls == [("list_runbooks",)]
    assert await room.inbox.take(10) == []


@pytest.mark.parametrize("app", ["A0OTHER", "", None])
async def test_T12_a_payload_of_another_app_is_neither_stored_nor_handled(room: Any, app: str | None) -> None:
    foreign = {**COMMAND, "api_app_id": app}
    assert not await room.dispatcher.accept("k", foreign)
    assert await room.inbox.take(10) == []
    assert room.strangers == [("T0SANDBOX/U0ALICE", {"code": "foreign_app", "app": app or "", "kind": ""})]
    assert room.told() == [], "its ids and its response address mean nothing here"
    assert await room.dispatcher.accept("k", COMMAND), "and it takes nobody's place"


async def test_what_was_not_stored_may_come_again(room: Any) -> None:
    inbox = room.dispatcher._inbox

    class Full:
        async def accept(self, *_: Any) -> bool:
            raise Transient("disk full")

    room.dispatcher._inbox = Full()
    with pytest.raises(Transient):
        await room.dispatcher.accept("k", COMMAND)
    room.dispatcher._inbox = inbox
    assert await room.dispatcher.accept("k", COMMAND)


async def test_recovery_leaves_the_deliveries_of_others_alone(room: Any) -> None:
    at = datetime.now(UTC)
    await room.inbox.accept("pagerduty", "p", {}, b"{}", at)
    await room.inbox.accept("slack", "young", {"content-type": "application/json"}, json.dumps(COMMAND).encode(), at)
    await room.inbox.accept("slack", "junk", {"content-type": "application/json"}, b"[]", at)
    old = at - timedelta(minutes=11)
    await room.inbox.accept("slack", "old", {"content-type": "application/json"}, json.dumps(COMMAND).encode(), old)
    assert await room.dispatcher.recover() == 1
    assert room.asked.calls == [("list_runbooks",)]
    assert [d.key for d in await room.inbox.take(10)] == ["p"]


async def test_T12_what_another_app_left_behind_is_not_recovered(room: Any) -> None:
    """The token was replaced by another app's, or a version before this rule stored it, and the bot started again."""
    foreign = json.dumps({**COMMAND, "api_app_id": "A0OTHER"}).encode()
    await room.inbox.accept("slack", "f", {"content-type": "application/json"}, foreign, datetime.now(UTC))
    assert await room.dispatcher.recover() == 0
    assert room.asked.calls == []
    assert [what["code"] for _, what in room.strangers] == ["foreign_app"]
    assert await room.inbox.take(10) == []


async def test_what_cannot_be_handled_does_not_keep_the_bot_from_starting(
    room: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It failed before the crash and fails again: the others are handled, and the next start does not meet it."""
    dispatch, first = room.app.async_dispatch, iter([True])

    async def once(request: Any) -> Any:
        if next(first, False):
            raise RuntimeError("inside bolt")
        return await dispatch(request)

    room.app.async_dispatch = once
    for key in ("poison", "fine"):
        body = json.dumps(COMMAND).encode()
        await room.inbox.accept("slack", key, {"content-type": "application/json"}, body, datetime.now(UTC))
    await room.dispatcher.recover()
    assert room.asked.calls == [("list_runbooks",)]
    assert await room.inbox.take(10) == []
    logged = capsys.readouterr()
    assert "inside bolt" in logged.out + logged.err


async def test_a_failure_while_handling_is_logged_and_the_next_one_is_handled(
    room: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_: Any) -> None:
        raise RuntimeError("inside bolt")

    dispatch = room.app.async_dispatch
    room.app.async_dispatch = broken
    room.dispatcher.handle("k", COMMAND)
    await room.settled()
    room.app.async_dispatch = dispatch
    logged = capsys.readouterr()
    assert "inside bolt" in logged.out + logged.err
    room.dispatcher.handle("k2", COMMAND)
    await room.settled()
    assert room.asked.calls == [("list_runbooks",)]
