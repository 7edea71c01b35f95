"""The Slack stand-in's way to the app: Socket Mode with the real slack_sdk client, and signed HTTP."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.listener import Listener
from bot.sandbox.slack_api import SlackApi
from bot.sandbox.slack_records import NotAcknowledged, SlackUser
from bot.sandbox.slack_socket import SlackHttp, signature
from bot.sandbox.slack_state import SlackWorkspace

ROOM = "C0INC"
ANA = "U0ANA"
PAYLOADS = Path(__file__).resolve().parents[4] / "shared" / "payloads" / "slack"
Answer = Callable[[SocketModeRequest], dict[str, Any] | None]


class App:
    """A minimal app: remembers what arrives; `answer` gives the acknowledgement's payload, None stays silent."""

    def __init__(self, api: SlackApi, workspace: SlackWorkspace) -> None:
        self.seen: list[SocketModeRequest] = []
        self.answer: Answer = lambda _: {}
        self.web = AsyncWebClient(workspace.bot_token, base_url=api.url)
        self.client = SocketModeClient(
            app_token=workspace.app_token, web_client=AsyncWebClient(base_url=api.url), ping_interval=0.2
        )
        self.client.socket_mode_request_listeners.append(self._receive)

    async def _receive(self, client: Any, request: SocketModeRequest) -> None:
        self.seen.append(request)
        answer = self.answer(request)
        if answer is not None:
            response = SocketModeResponse(request.envelope_id, answer or None)
            await client.send_socket_mode_response(response)


@pytest.fixture
async def workspace() -> SlackWorkspace:
    count = itertools.count(1)
    workspace = SlackWorkspace(clock=lambda: datetime.now(UTC), new_id=lambda prefix: f"{prefix}{next(count):010d}")
    workspace.add_user(SlackUser(ANA, "ana", "Ana Ruiz"))
    workspace.add_user(SlackUser("U0EVE", "eve", "Eve", is_stranger=True, team_id="T0OTHER"))
    workspace.add_channel(ROOM, "incidents")
    return workspace


@pytest.fixture
async def api(workspace: SlackWorkspace) -> AsyncIterator[SlackApi]:
    api = SlackApi(workspace, burst=50, ack_timeout=0.3)
    await api.start()
    yield api
    await api.stop()


@pytest.fixture
async def app(api: SlackApi, workspace: SlackWorkspace) -> AsyncIterator[App]:
    app = App(api, workspace)
    await app.client.connect()
    await api.socket.connected()
    yield app
    await app.client.close()


def card() -> list[dict[str, Any]]:
    label = {"type": "plain_text", "text": "Approve"}
    button = {"type": "button", "action_id": "plan_approve", "value": "apr_1", "text": label, "style": "primary"}
    return [{"type": "actions", "block_id": "b1", "elements": [button]}]


async def test_a_slash_command_arrives_as_slack_sends_it(app: App, workspace: SlackWorkspace) -> None:
    app.answer = lambda _: {"text": "one incident", "response_type": "ephemeral"}
    await workspace.slash(ANA, ROOM, "/runbook status <x> @ana")
    request = app.seen[0]
    assert request.type == "slash_commands"
    assert request.accepts_response_payload
    assert request.payload["command"] == "/runbook"
    assert request.payload["text"] == f"status &lt;x&gt; <@{ANA}>"
    assert request.payload["user_id"] == ANA
    assert [m.text for m in workspace.ephemerals(ANA)] == ["one incident"]
    if (PAYLOADS / "socket_mode_slash_commands_1_command.json").exists():
        sample = json.loads((PAYLOADS / "socket_mode_slash_commands_1_command.json").read_text())
        assert set(sample["payload"]) <= set(request.payload)


async def test_a_click_carries_the_button_the_message_and_the_person(app: App, workspace: SlackWorkspace) -> None:
    posted = await app.web.chat_postMessage(channel=ROOM, text="approve?", blocks=card())
    reply = await app.web.chat_postMessage(channel=ROOM, text="x", blocks=card(), thread_ts=posted["ts"])
    await workspace.click(ANA, ROOM, posted["ts"], "plan_approve")
    await workspace.click("U0EVE", ROOM, reply["ts"], "plan_approve")
    first, second = (request.payload for request in app.seen)
    assert first["type"] == "block_actions"
    assert first["actions"][0]["action_id"] == "plan_approve"
    assert first["actions"][0]["value"] == "apr_1"
    assert first["actions"][0]["block_id"] == "b1"
    assert first["container"]["message_ts"] == posted["ts"]
    assert first["message"]["text"] == "approve?"
    assert (first["user"]["id"], first["user"]["team_id"]) == (ANA, workspace.team)
    assert second["user"]["team_id"] == "T0OTHER"
    assert second["container"]["thread_ts"] == posted["ts"]
    assert not app.seen[0].accepts_response_payload
    if (PAYLOADS / "block_actions_button.json").exists():
        sample = json.loads((PAYLOADS / "block_actions_button.json").read_text())
        assert set(sample) <= set(first)
        assert set(sample["actions"][0]) - {"text"} <= set(first["actions"][0])


async def test_a_click_on_an_earlier_version_is_only_possible_when_stale(app: App, workspace: SlackWorkspace) -> None:
    posted = await app.web.chat_postMessage(channel=ROOM, text="approve?", blocks=card())
    await app.web.chat_update(channel=ROOM, ts=posted["ts"], text="done", blocks=[])
    with pytest.raises(LookupError):
        await workspace.click(ANA, ROOM, posted["ts"], "plan_approve")
    await workspace.click(ANA, ROOM, posted["ts"], "plan_approve", stale=True)
    assert app.seen[0].payload["actions"][0]["value"] == "apr_1"


async def test_a_mention_is_posted_and_announced(app: App, workspace: SlackWorkspace) -> None:
    ts = await workspace.mention(ANA, ROOM, "status of payments?")
    event = app.seen[0].payload["event"]
    assert event["type"] == "app_mention"
    assert event["text"] == f"<@{workspace.bot.id}> status of payments?"
    assert (event["ts"], event["channel"], event["user"]) == (ts, ROOM, ANA)
    assert workspace.message(ROOM, ts).user == ANA
    await workspace.mention(ANA, ROOM, "and now?", ts)
    assert app.seen[1].payload["event"]["thread_ts"] == ts


async def test_an_event_that_is_not_acknowledged_is_sent_once_more(app: App, workspace: SlackWorkspace) -> None:
    app.answer = lambda request: {} if request.retry_attempt else None
    await workspace.mention(ANA, ROOM, "hello")
    assert [r.retry_attempt for r in app.seen] == [0, 1]
    assert app.seen[0].payload["event_id"] == app.seen[1].payload["event_id"]
    assert app.seen[1].retry_reason == "timeout"


async def test_an_act_that_is_not_acknowledged_fails_and_is_not_repeated(app: App, workspace: SlackWorkspace) -> None:
    app.answer = lambda _: None
    with pytest.raises(NotAcknowledged) as caught:
        await workspace.slash(ANA, ROOM, "/runbook status")
    assert caught.value.reason == "timeout"
    assert len(app.seen) == 1


async def test_without_a_connection_nothing_arrives(api: SlackApi, workspace: SlackWorkspace) -> None:
    with pytest.raises(NotAcknowledged) as caught:
        await workspace.slash(ANA, ROOM, "/runbook status")
    assert caught.value.reason == "not_connected"


async def test_a_modal_is_opened_submitted_with_errors_and_then_accepted(app: App, workspace: SlackWorkspace) -> None:
    label = {"type": "plain_text", "text": "Why?"}
    element = {"type": "plain_text_input", "action_id": "text"}
    view = {
        "type": "modal",
        "callback_id": "reject",
        "private_metadata": "apr_1",
        "title": label,
        "submit": label,
        "blocks": [{"type": "input", "block_id": "reason", "label": label, "element": element}],
    }
    await app.web.views_open(trigger_id=workspace.new_trigger(ANA), view=view)
    shown = workspace.views(ANA)[0]
    assert "required" in (await workspace.submit_view(ANA, shown.id, {}))["reason"]
    assert app.seen == []
    app.answer = lambda _: {"response_action": "errors", "errors": {"reason": "too short"}}
    assert await workspace.submit_view(ANA, shown.id, {"text": "no"}) == {"reason": "too short"}
    app.answer = lambda _: {}
    assert await workspace.submit_view(ANA, shown.id, {"reason": {"text": "the database"}}) == {}
    payload = app.seen[-1].payload
    assert payload["type"] == "view_submission"
    assert payload["view"]["state"]["values"]["reason"]["text"]["value"] == "the database"
    assert payload["view"]["private_metadata"] == "apr_1"
    assert workspace.views(ANA) == []
    if (PAYLOADS / "view_submission.json").exists():
        sample = json.loads((PAYLOADS / "view_submission.json").read_text())
        assert set(sample["view"]) <= set(payload["view"])


async def test_the_home_tab_is_opened_and_shown(app: App, workspace: SlackWorkspace) -> None:
    await workspace.open_home(ANA)
    assert app.seen[0].payload["event"]["tab"] == "home"
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "nothing waits for you"}}, *card()]
    await app.web.views_publish(user_id=ANA, view={"type": "home", "blocks": blocks})
    home = await workspace.open_home(ANA)
    assert home is not None
    await workspace.click_view(ANA, home.id, "plan_approve")
    assert app.seen[-1].payload["container"] == {"type": "view", "view_id": home.id}


async def test_disconnect_makes_the_client_come_back(app: App, api: SlackApi, workspace: SlackWorkspace) -> None:
    await api.socket.disconnect()
    await asyncio.sleep(0.05)
    await api.socket.connected(within=5)
    await workspace.slash(ANA, ROOM, "/runbook status")
    assert app.seen[-1].type == "slash_commands"


async def test_an_outage_closes_the_socket_and_it_recovers(app: App, api: SlackApi, workspace: SlackWorkspace) -> None:
    workspace.outage.set("slack", "refuse")
    async with asyncio.timeout(5):
        while api.socket.connections:
            await asyncio.sleep(0.01)
    workspace.outage.set("slack", "up")
    await api.socket.connected(within=10)
    await workspace.slash(ANA, ROOM, "/runbook status")
    assert app.seen


async def test_several_connections_take_turns(app: App, api: SlackApi, workspace: SlackWorkspace) -> None:
    other = App(api, workspace)
    await other.client.connect()
    await api.socket.connected(2)
    for _ in range(4):
        await workspace.slash(ANA, ROOM, "/runbook status")
    await other.client.close()
    assert (len(app.seen), len(other.seen)) == (2, 2)


async def test_a_socket_address_works_once(api: SlackApi, app: App) -> None:
    opened = await app.client.web_client.apps_connections_open(app_token=app.client.app_token)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(opened["url"]) as socket:
            hello = await socket.receive_json()
            assert hello["type"] == "hello"
            assert hello["num_connections"] == 2
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(opened["url"])


def test_signatures_agree_with_slacks_own_example() -> None:
    file = PAYLOADS / "signature_vector.json"
    if not file.exists():
        pytest.skip("../shared/payloads is not here")
    vector = json.loads(file.read_text())
    headers = signature(vector["signing_secret"], vector["timestamp"], vector["body"].encode())
    assert headers["X-Slack-Signature"] == vector["signature"]


async def serve(handler: Callable[[web.Request], Awaitable[web.Response]]) -> tuple[Listener, str]:
    application = web.Application()
    application.router.add_post("/slack/events", handler)
    listener = Listener()
    return listener, await listener.start(application) + "/slack/events"


async def test_http_delivery_is_accepted_by_bolts_own_verifier(api: SlackApi, workspace: SlackWorkspace) -> None:
    bolt = AsyncApp(
        signing_secret=workspace.signing_secret, client=AsyncWebClient(workspace.bot_token, base_url=api.url)
    )
    clicked: list[str] = []

    @bolt.command("/runbook")
    async def command(ack: Any) -> None:
        await ack(text="from the answer")

    @bolt.action("plan_approve")
    async def action(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        clicked.append(body["actions"][0]["value"])

    @bolt.event("app_mention")
    async def mentioned(event: dict[str, Any]) -> None:
        clicked.append(event["text"])

    async def handle(request: web.Request) -> web.Response:
        headers = {name: [value] for name, value in request.headers.items()}
        answer = await bolt.async_dispatch(AsyncBoltRequest(body=await request.text(), headers=headers))
        kind = answer.first_headers_without_set_cookie().get("content-type", "text/plain").partition(";")[0]
        return web.Response(status=answer.status, text=answer.body, content_type=kind)

    listener, url = await serve(handle)
    async with aiohttp.ClientSession() as session:
        workspace.connect(SlackHttp(workspace, url, session))
        await workspace.slash(ANA, ROOM, "/runbook status")
        posted = workspace.post(ROOM, workspace.bot.id, "x", blocks=tuple(card()))
        await workspace.click(ANA, ROOM, posted.ts, "plan_approve")
        await workspace.mention(ANA, ROOM, "hi")
        async with asyncio.timeout(5):
            while len(clicked) < 2:
                await asyncio.sleep(0.01)
    await listener.stop()
    assert [m.text for m in workspace.ephemerals(ANA)] == ["from the answer"]
    assert clicked == ["apr_1", f"<@{workspace.bot.id}> hi"]


async def test_http_delivery_retries_an_event_and_reports_the_reason(workspace: SlackWorkspace) -> None:
    retries: list[str | None] = []

    async def handle(request: web.Request) -> web.Response:
        retries.append(request.headers.get("X-Slack-Retry-Num"))
        return web.Response(status=500 if len(retries) == 1 else 200)

    listener, url = await serve(handle)
    async with aiohttp.ClientSession() as session:
        workspace.connect(SlackHttp(workspace, url, session))
        await workspace.mention(ANA, ROOM, "hi")
    await listener.stop()
    assert retries == [None, "1"]
