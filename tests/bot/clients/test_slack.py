"""The Slack client against a real local server that behaves and misbehaves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from bot.clients.slack import SlackClient
from bot.clients.slack_socket import LONGEST_WAIT, Patience, SlackSocket
from bot.errors import Ambiguous, CountersignError, Permanent, Transient

Answer = Callable[[web.Request], Any]


class Fake:
    """One server whose next answers are set by the test."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.answer: Answer | None = None
        self.url = ""
        self.sockets: list[web.WebSocketResponse] = []
        self.received: list[Any] = []
        self.on_connect: list[dict[str, Any]] = [{"type": "hello"}]

    async def call(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.content_type == "application/json" else dict(request.query)
        self.calls.append((request.path.rsplit("/", 1)[-1], body))
        if self.answer is not None:
            answer: web.StreamResponse = await self.answer(request)
            return answer
        made = {
            "ok": True,
            "ts": "1.5",
            "channel": "C1",
            "team_id": "T1",
            "user_id": "UB",
            "bot_id": "B1",
            "url": self.url.replace("http", "ws").replace("/api/", "/ws"),
        }
        return web.json_response(made)

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        made = web.WebSocketResponse()
        await made.prepare(request)
        self.sockets.append(made)
        for message in self.on_connect:
            await made.send_json(message)
        async for message in made:
            self.received.append(message.json())
        return made


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    made = Fake()
    application = web.Application()
    application.router.add_route("*", "/api/{method}", made.call)
    application.router.add_post("/hook", made.call)
    application.router.add_get("/ws", made.socket)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    yield made
    await runner.cleanup()


@pytest.fixture
async def client(fake: Fake) -> AsyncIterator[SlackClient]:
    made = SlackClient("xoxb-1", fake.url, timeout=0.5)
    yield made
    await made.close()


async def test_T44_a_post_never_unfurls_or_links_names(fake: Fake, client: SlackClient) -> None:
    posted = await client.post("C1", "text", [], thread_ts="1.0", metadata={"event_type": "x", "event_payload": {}})
    ((method, body),) = fake.calls
    assert (method, posted.ts, posted.channel) == ("chat.postMessage", "1.5", "C1")
    assert (body["unfurl_links"], body["unfurl_media"], body["link_names"], body["parse"]) == (
        False,
        False,
        False,
        "none",
    )
    assert (body["text"], body["thread_ts"], body["metadata"]["event_type"]) == ("text", "1.0", "x")


def says(status: int, body: dict[str, Any], **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body, status=status, headers=headers)

    return answer


async def silent(_: web.Request) -> web.Response:
    await asyncio.sleep(2)
    return web.Response()


async def reset(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def html(_: web.Request) -> web.Response:
    return web.Response(status=502, text="<html>", content_type="text/html")


async def half(_: web.Request) -> web.Response:
    return web.Response(text='{"ok": tr', content_type="application/json")


BAD: list[tuple[str, Answer, type[CountersignError], type[CountersignError]]] = [
    ("ratelimited", says(429, {"ok": False, "error": "ratelimited"}, **{"Retry-After": "7"}), Transient, Transient),
    ("channel_not_found", says(200, {"ok": False, "error": "channel_not_found"}), Permanent, Permanent),
    ("invalid_blocks", says(200, {"ok": False, "error": "invalid_blocks"}), Permanent, Permanent),
    ("invalid_auth", says(200, {"ok": False, "error": "invalid_auth"}), Permanent, Permanent),
    ("internal_error", says(200, {"ok": False, "error": "internal_error"}), Ambiguous, Transient),
    ("500", says(500, {}), Ambiguous, Transient),
    ("html", html, Ambiguous, Transient),
    ("half", half, Ambiguous, Transient),
    ("silent", silent, Ambiguous, Transient),
    ("reset", reset, Ambiguous, Transient),
]


@pytest.mark.parametrize(("name", "answer", "posting", "editing"), BAD, ids=[b[0] for b in BAD])
async def test_T64_foreign_errors_become_ours(
    fake: Fake,
    client: SlackClient,
    name: str,
    answer: Answer,
    posting: type[CountersignError],
    editing: type[CountersignError],
) -> None:
    fake.answer = answer
    with pytest.raises(posting) as posted:
        await client.post("C1", "t", [])
    with pytest.raises(editing):
        await client.update("C1", "1.5", "t", [])
    assert len(fake.calls) == 2, "the client itself never repeats a call"
    if name == "ratelimited":
        assert isinstance(posted.value, Transient)
        assert posted.value.retry_after == 7.0


async def test_a_refused_connection_changed_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = SlackClient("xoxb-1", f"http://127.0.0.1:{port}/api/")
    try:
        with pytest.raises(Transient):
            await client.post("C1", "t", [])
    finally:
        await client.close()


ADDRESSES = [
    ("https://hooks.slack.com/actions/T1/1/x", True),
    ("https://hooks.slack-gov.com/x", True),
    ("http://hooks.slack.com/x", False),
    ("https://slack.com.evil.example/x", False),
    ("https://evilslack.com/", False),
    ("https://hooks.slack.com@evil.example/", False),
    ("https://user@hooks.slack.com/", False),
    ("", False),
    ("https://hooks.slack.com:8443/", False),
    ("http://127.0.0.1:1/hook", False),
    ("https://[::1", False),
]


@pytest.mark.parametrize(("address", "good"), ADDRESSES)
async def test_T28_answers_go_to_slack_only(client: SlackClient, address: str, good: bool) -> None:
    assert client.may_respond_to(address) is good


async def test_the_configured_address_may_be_answered(fake: Fake, client: SlackClient) -> None:
    await client.respond(fake.url.replace("/api/", "/hook"), "t", [], thread_ts="1.0")
    assert fake.calls[0][1]["response_type"] == "ephemeral"
    assert fake.calls[0][1]["replace_original"] is False
    with pytest.raises(Permanent):
        await client.respond("http://127.0.0.1:1/hook", "t", [])


async def test_identity_is_asked_once(fake: Fake, client: SlackClient) -> None:
    assert (await client.identity()).user == "UB"
    assert (await client.identity()).team == "T1"
    assert len(fake.calls) == 1


@pytest.mark.parametrize("told", [{}, {"bot": None}, {"bot": {}}, {"bot": {"app_id": ""}}, {"bot": {"app_id": 7}}])
async def test_T12_an_app_that_slack_does_not_name_is_an_error(
    fake: Fake, client: SlackClient, told: dict[str, object]
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True, **told})

    fake.answer = answer
    with pytest.raises(Permanent, match="no app"):
        await client.app_of("B1")


async def test_T12_the_app_is_asked_for_by_the_bots_id(fake: Fake, client: SlackClient) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True, "bot": {"id": "B1", "app_id": "A1"}})

    fake.answer = answer
    assert await client.app_of("B1") == "A1"
    assert fake.calls == [("bots.info", {"bot": "B1"})]


async def test_history_asks_for_all_metadata(fake: Fake, client: SlackClient) -> None:
    await client.history("C1", oldest="1.0")
    await client.replies("C1", "1.0", cursor="next")
    assert all(arguments["include_all_metadata"] in ("1", "true", "True") for _, arguments in fake.calls)
    assert (fake.calls[0][1]["oldest"], fake.calls[1][1]["cursor"]) == ("1.0", "next")


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def test_reconnecting_slows_down_and_recovers() -> None:
    time = Time()
    patience = Patience(time.clock)
    patience.connected()
    assert [patience.wait("") for _ in range(9)] == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_WAIT, LONGEST_WAIT]
    time.now += 3600
    assert patience.wait("") == LONGEST_WAIT, "an outage is not a steady connection"
    patience.connected()
    time.now += 120
    assert patience.wait("refresh_requested") == 0.0


async def test_too_many_websockets_does_not_loop_tightly(fake: Fake, client: SlackClient) -> None:
    fake.on_connect = [{"type": "hello"}, {"type": "disconnect", "reason": "too_many_websockets"}]
    time = Time()

    async def receive(*_: Any) -> None:
        return

    made = SlackSocket(client, "xapp-1", receive, clock=time.clock, sleep=time.sleep)
    made.start()
    while len(time.slept) < 5:
        await asyncio.sleep(0.01)
    await made.close()
    assert time.slept[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]


async def test_an_envelope_is_handed_over_and_acknowledged(fake: Fake, client: SlackClient) -> None:
    fake.on_connect = [{"type": "hello"}, {"envelope_id": "e1", "type": "slash_commands", "payload": {"text": "x"}}]
    seen: list[Any] = []

    async def receive(envelope: dict[str, Any], acknowledge: Any) -> None:
        seen.append(envelope["payload"])
        await acknowledge("e1", {"text": "y"})

    made = SlackSocket(client, "xapp-1", receive, clock=Time().clock)
    made.start()
    await asyncio.wait_for(made.connected.wait(), 2)
    for _ in range(100):
        if fake.received:
            break
        await asyncio.sleep(0.01)
    await made.close()
    assert seen == [{"text": "x"}]
    assert fake.received == [{"envelope_id": "e1", "payload": {"text": "y"}}]
    assert fake.calls[0][0] == "apps.connections.open"
