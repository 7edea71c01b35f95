"""Buttons and windows: one request and one answer per click."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.errors import Permanent
from bot.slack.desk import Said

CHANNEL, ALICE, EVE = "C0INC", "U0ALICE", "U0EVE"

HERE = "(channel, ts) of the card"
DEEDS: list[tuple[str, tuple[Any, ...]]] = [
    ("step_run", ("run_step", "id_1", "alice", HERE)),
    ("step_skip", ("skip_step", "id_1", "alice", "")),
    ("incident_escalate", ("escalate", "id_1", "alice", "asked for in Slack")),
    ("run_stop", ("stop", "id_1", "alice")),
    ("plan_why", ("explain", "id_1", "alice")),
    ("unknown_done", ("answer_unknown", "id_1", "alice", "done")),
    ("unknown_retry", ("answer_unknown", "id_1", "alice", "retry")),
    ("unknown_abort", ("answer_unknown", "id_1", "alice", "abort")),
]


@pytest.mark.parametrize(("action", "call"), DEEDS)
async def test_each_button_asks_for_its_deed(room: Any, action: str, call: tuple[Any, ...]) -> None:
    channel, ts = await room.card(action, "id_1")
    await room.workspace.click(ALICE, channel, ts, action)
    await room.settled()
    assert room.asked.calls == [tuple((channel, ts) if part == HERE else part for part in call)]
    assert room.told() == ["✅ noted"]


@pytest.mark.parametrize(
    "action", ["plan_approve", "plan_reject", "step_skip", "incident_escalate", "run_stop", "plan_why"]
)
async def test_T12_a_button_of_another_message_is_refused(room: Any, action: str) -> None:
    channel, ts = await room.card(action, "apr_1", known=False)
    await room.workspace.click(ALICE, channel, ts, action)
    await room.settled()
    assert room.asked.calls == []
    assert "does not belong to the message" in room.told()[0]


@pytest.mark.parametrize("action", ["step_run_", "a_step_run", "step", "step_run\n", "STEP_RUN"])
async def test_T12_an_action_that_is_none_of_ours_does_nothing(room: Any, action: str) -> None:
    channel, ts = await room.card("step_run", "prop_1")
    payload = {
        "type": "block_actions",
        "user": {"id": ALICE, "team_id": "T0SANDBOX"},
        "team": {"id": "T0SANDBOX"},
        "channel": {"id": channel},
        "container": {"message_ts": ts, "channel_id": channel},
        "trigger_id": "t",
        "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": "prop_1", "action_ts": "1.1"}],
    }
    room.dispatcher.handle("k", payload)
    await room.settled()
    assert (room.asked.calls, room.told()) == ([], [])


async def test_T07_a_stranger_cannot_approve(room: Any) -> None:
    channel, ts = await room.card("plan_approve", "apr_1")
    await room.workspace.click(EVE, channel, ts, "plan_approve")
    await room.settled()
    assert room.asked.calls == []
    assert "do not know this Slack account" in room.told(EVE)[0]


async def test_P4_a_refusal_says_why_and_what_would_help(room: Any) -> None:
    room.asked.reply = Said("refused", {"code": "self_approval", "reason": "You asked for it.", "remedy": "Ask Bob."})
    channel, ts = await room.card("plan_approve", "apr_1")
    await room.workspace.click(ALICE, channel, ts, "plan_approve")
    await room.settled()
    (seen,) = room.workspace.ephemerals(ALICE)
    words = str(seen.blocks)
    assert "You asked for it." in words
    assert "Ask Bob." in words
    assert "self_approval" in words


async def test_P2_a_rejection_asks_for_its_reason(room: Any) -> None:
    channel, ts = await room.card("plan_reject", "apr_1")
    await room.workspace.click(ALICE, channel, ts, "plan_reject")
    await room.settled()
    (view,) = room.workspace.views(ALICE)
    errors = await room.workspace.submit_view(ALICE, view.id, {"reason": {"text": "   "}})
    assert "reason" in errors
    assert room.asked.calls == []
    assert await room.workspace.submit_view(ALICE, view.id, {"reason": {"text": "wrong target"}}) == {}
    await room.settled()
    assert room.asked.calls == [("vote", "apr_1", "alice", False, "wrong target", channel, ts)]
    assert room.told() == ["✅ noted"]
    assert room.workspace.views(ALICE) == []


async def test_the_plan_opens_in_a_window(room: Any) -> None:
    plan = {
        "runbook_title": "Restart",
        "service": "payments",
        "environment": "prod",
        "why": "",
        "steps": [
            {
                "id": "r",
                "title": "Restart",
                "read_only": False,
                "risk": "safe",
                "check": None,
                "rollback": [],
                "rollback_note": "",
                "irreversible": False,
                "act": {
                    "shown": "supervisorctl restart payments",
                    "target": {"kind": "supervisor_program", "environment": "prod", "name": "payments"},
                },
            }
        ],
    }
    room.asked.reply = Said("plan", {"plan": plan, "digest": "abcdef123456", "decision": [], "asks": []}, ok=True)
    channel, ts = await room.card("step_plan", "prop_1")
    await room.workspace.click(ALICE, channel, ts, "step_plan")
    await room.settled()
    assert room.asked.calls == [("show_plan", "prop_1", "alice", (channel, ts))]
    (view,) = room.workspace.views(ALICE)
    assert "supervisorctl restart payments" in str(view.body)
    assert room.told() == []


async def test_the_window_is_there_before_the_plan_is(room: Any) -> None:
    seen: list[str] = []
    done = asyncio.Event()

    async def slow(*_: Any) -> Said:
        async with asyncio.timeout(5):
            while not room.workspace.views(ALICE):
                await asyncio.sleep(0.001)
        seen.extend(str(view.body) for view in room.workspace.views(ALICE))
        done.set()
        return Said("refused", {"code": "stale_button", "reason": "It is over.", "remedy": "Look at the newest."})

    room.asked.show_plan = slow
    channel, ts = await room.card("step_plan", "prop_1")
    await room.workspace.click(ALICE, channel, ts, "step_plan")
    await done.wait()
    await room.settled()
    assert "Taking fresh facts" in seen[0]
    (view,) = room.workspace.views(ALICE)
    assert "It is over." in str(view.body)
    assert room.told() == []


async def test_a_window_that_was_closed_meanwhile_is_answered_in_the_channel(room: Any) -> None:
    room.asked.reply = Said("refused", {"code": "stale_button", "reason": "It is over.", "remedy": ""})

    async def closed(*_: Any) -> None:
        raise Permanent("not_found")

    room.client.update_view = closed
    channel, ts = await room.card("step_plan", "prop_1")
    await room.workspace.click(ALICE, channel, ts, "step_plan")
    await room.settled()
    assert len(room.told()) == 1
    assert "It is over." in room.told()[0]


async def test_the_plan_is_an_ephemeral_answer_when_no_window_opens(room: Any) -> None:
    room.asked.reply = Said(
        "plan",
        {"plan": {"runbook_title": "R", "service": "s", "environment": "e", "why": "", "steps": []}, "digest": "abc"},
        ok=True,
    )
    channel, ts = await room.card("step_plan", "prop_1")
    room.workspace.triggers.clear()
    payload = {
        "type": "block_actions",
        "user": {"id": ALICE, "team_id": "T0SANDBOX"},
        "team": {"id": "T0SANDBOX"},
        "channel": {"id": channel},
        "container": {"message_ts": ts, "channel_id": channel},
        "trigger_id": "too late",
        "actions": [
            {"type": "button", "action_id": "step_plan", "block_id": "b", "value": "prop_1", "action_ts": "1.1"}
        ],
    }
    room.dispatcher.handle("k", payload)
    await room.settled()
    assert room.told() == ["The plan"]


async def test_the_emergency_button_of_the_home_tab(room: Any) -> None:
    room.asked.reply = Said("status", {"incidents": [], "services": [], "stops": []}, ok=True)
    await room.workspace.open_home(ALICE)
    await room.settled()
    view = room.workspace.homes[ALICE]
    room.asked.reply = Said("done", {"text": "stopped"}, ok=True)
    await room.workspace.click_view(ALICE, view.id, "kill_switch")
    await room.settled()
    assert ("kill", "all", "", "pressed in the App Home", "alice") in room.asked.calls
    sent = [arguments for method, arguments in room.api.calls if method == "chat.postMessage"]
    assert sent[-1]["channel"] == ALICE
