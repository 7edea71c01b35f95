"""The web server: only verified, only durable, never 4xx after a good signature, and nobody can sit on it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.errors import Transient
from bot.ingress import Limits
from bot.sources.github import GitHubSource
from bot.sources.pagerduty import PagerDutySource
from bot.web import WebServer, build

NOW = datetime(2026, 4, 1, tzinfo=UTC)
SECRET = "s3cret"
SHORT = Limits(request_seconds=0.45, idle_seconds=0.9, connections=20)


class MemoryInbox:
    """An inbox whose commit can be held back or fail."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[dict[str, str], bytes]] = {}
        self.fails: Exception | None = None
        self.commit = asyncio.Event()
        self.commit.set()

    async def accept(self, source: str, key: str, headers: dict[str, str], body: bytes, received_at: datetime) -> bool:
        await self.commit.wait()
        if self.fails:
            raise self.fails
        new = (source, key) not in self.rows
        self.rows.setdefault((source, key), (headers, body))
        return new


class Bench:
    """A running server with its inbox and counters."""

    def __init__(self, limits: Limits | None = None, slack: Any = None, inbox: Any = None, signed: Any = None) -> None:
        self.inbox = inbox or MemoryInbox()
        self.woken = 0
        self.answers: list[tuple[str, str]] = []
        self.fine = True
        self.server = WebServer(
            build(
                sources={"pagerduty": PagerDutySource((SECRET,), 600), "github": GitHubSource((SECRET,))},
                inbox=self.inbox,
                clock=lambda: NOW,
                metrics=lambda: b"# EOF\n",
                ready=self._ready,
                on_accepted=self._wake,
                slack_endpoint=slack,
                signed_answer=signed,
                on_answer=lambda source, answer: self.answers.append((source, answer)),
                limits=limits or Limits(),
            )
        )
        self.port = 0

    async def _ready(self) -> tuple[bool, dict[str, Any]]:
        return self.fine, {"store": self.fine}

    def _wake(self) -> None:
        self.woken += 1

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[Bench]]]:
    benches: list[Bench] = []

    async def make(**options: Any) -> Bench:
        bench = Bench(**options)
        bench.port = await bench.server.start("127.0.0.1", 0)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        await bench.server.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def body_of(key: str = "01EVENT") -> bytes:
    data = {"id": "PINC1", "type": "incident", "title": "x"}
    return json.dumps({"event": {"id": key, "event_type": "incident.triggered", "data": data}}).encode()


def signature(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-PagerDuty-Signature": "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


async def post(http: aiohttp.ClientSession, bench: Bench, body: bytes, **headers: str) -> int:
    sent = {**signature(body), **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with http.post(f"{bench.url}/webhooks/pagerduty", data=body, headers=sent) as response:
        return response.status


async def test_T21_both_deliveries_of_one_event_are_202_and_one_row(start: Any, http: aiohttp.ClientSession) -> None:
    bench = await start()
    bench.inbox.commit.clear()
    body = body_of()
    both = [asyncio.ensure_future(post(http, bench, body)) for _ in range(2)]
    await asyncio.sleep(0.05)
    assert not any(one.done() for one in both)  # nobody is told before the commit
    bench.inbox.commit.set()
    assert await asyncio.gather(*both) == [202, 202]
    assert list(bench.inbox.rows) == [("pagerduty", "01EVENT")]
    assert bench.woken == 1
    assert sorted(bench.answers) == [("pagerduty", "accepted"), ("pagerduty", "duplicate")]


async def test_T19_a_replay_under_a_new_webhook_id_is_one_row(start: Any, http: aiohttp.ClientSession) -> None:
    bench = await start()
    for number in range(3):
        assert await post(http, bench, body_of(), X_Webhook_Id=str(number)) == 202
    assert len(bench.inbox.rows) == 1


JUNK = [
    {},
    {"X-PagerDuty-Signature": ""},
    {"X-PagerDuty-Signature": "v1="},
    {"X-PagerDuty-Signature": "v1=" + "0" * 64},
    {"X-PagerDuty-Signature": "v1=\xe9\xff"},
    {"X-PagerDuty-Signature": "," * 4000},
    {"X-Hub-Signature-256": "sha256=" + "0" * 64},
]


@pytest.mark.parametrize("headers", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize("body", [b"", b"canary-body", b"{" * 50_000, b"\x00\xff\xfe", body_of()], ids=range(5))
async def test_T16_without_a_signature_401_and_no_body_in_the_log(
    start: Any,
    http: aiohttp.ClientSession,
    headers: dict[str, str],
    body: bytes,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    bench = await start()
    async with http.post(f"{bench.url}/webhooks/pagerduty", data=body, headers=headers) as response:
        assert response.status == 401
    assert not bench.inbox.rows
    assert bench.answers == [("pagerduty", "refused")]
    seen = caplog.text + "".join(capfd.readouterr())
    assert "canary-body" not in seen


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[" * 100_000, b'{"event": {"id": 5}}', b'{"event":{"id":"\\ud800"}}']
)
async def test_T22_a_signed_body_we_cannot_read_is_202_and_kept(
    start: Any, http: aiohttp.ClientSession, body: bytes
) -> None:
    bench = await start()
    assert await post(http, bench, body) == 202
    assert list(bench.inbox.rows) == [("pagerduty", "sha256:" + hashlib.sha256(body).hexdigest())]


async def test_T22_T62_an_inbox_that_cannot_store_is_503_with_retry_after(
    start: Any, http: aiohttp.ClientSession
) -> None:
    bench = await start()
    body = body_of()
    for error, wait in ((Transient("disk full"), "5"), (Transient("queue full", retry_after=1.2), "2")):
        bench.inbox.fails = error
        async with http.post(f"{bench.url}/webhooks/pagerduty", data=body, headers=signature(body)) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == wait
    bench.inbox.fails = None
    assert await post(http, bench, body) == 202
    assert bench.woken == 1


async def test_only_harmless_headers_are_kept(start: Any, http: aiohttp.ClientSession) -> None:
    bench = await start()
    await post(http, bench, body_of(), X_Webhook_Id="w1", Authorization="Bearer secret", Cookie="a=b")
    headers, body = bench.inbox.rows[("pagerduty", "01EVENT")]
    assert headers == {"x-webhook-id": "w1", "content-type": "application/octet-stream"}
    assert body == body_of()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/webhooks/nobody", 404),
        ("POST", "/webhooks/../healthz", 405),
        ("GET", "/webhooks/pagerduty", 405),
        ("POST", "/slack/events", 404),
        ("GET", "/", 404),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
    ],
)
async def test_routes(start: Any, http: aiohttp.ClientSession, method: str, path: str, status: int) -> None:
    bench = await start()
    async with http.request(method, bench.url + path) as response:
        assert response.status == status


async def test_not_ready_is_503_with_the_report(start: Any, http: aiohttp.ClientSession) -> None:
    bench = await start()
    bench.fine = False
    async with http.get(f"{bench.url}/readyz") as response:
        assert response.status == 503
        assert await response.json() == {"store": False}


async def test_github_is_received_under_its_own_signature(start: Any, http: aiohttp.ClientSession) -> None:
    bench = await start()
    body = b'{"deployment": {"id": 5}}'
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": "deployment"}
    async with http.post(f"{bench.url}/webhooks/github", data=body, headers=headers) as response:
        assert response.status == 202
    assert bench.inbox.rows[("github", "deployment:5")][0]["x-github-event"] == "deployment"


async def test_the_slack_endpoint_gets_the_raw_bounded_body(start: Any, http: aiohttp.ClientSession) -> None:
    seen: list[bytes] = []

    async def endpoint(request: web.Request) -> web.StreamResponse:
        seen.append(await request.read())
        return web.Response(text="ok")

    bench = await start(slack=endpoint, limits=Limits(body_bytes=1000))
    async with http.post(f"{bench.url}/slack/events", data=b"a=%F0") as response:
        assert response.status == 200
    async with http.post(f"{bench.url}/slack/events", data=b"a" * 1001) as response:
        assert response.status == 413
    assert seen == [b"a=%F0"]


async def test_T25_too_large_is_413_before_it_is_read(start: Any) -> None:
    bench = await start()
    for head in (b"Content-Length: 104857600\r\n", b"Transfer-Encoding: chunked\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
        writer.write(b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        if b"chunked" in head:
            writer.write(chunk * 9)
        answer = await asyncio.wait_for(reader.readline(), 3)
        assert b" 413 " in answer
        writer.close()
    assert not bench.inbox.rows


async def test_T25_a_compressed_body_is_never_unpacked(start: Any, http: aiohttp.ClientSession) -> None:
    bench = await start()
    bomb = gzip.compress(b"\0" * 30_000_000)
    assert await post(http, bench, bomb, Content_Encoding="gzip") == 202
    (_, stored) = next(iter(bench.inbox.rows.values()))
    assert stored == bomb


@pytest.mark.parametrize(
    "head",
    [
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)),
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 20_000 + b"\r\n",
        b"POST /" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n",
        b"\x16\x03\x01canary-bytes\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nbad header\x00canary-bytes\r\n",
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\ncanary-bytes\r\n",
    ],
    ids=["many", "long field", "long line", "not http", "malformed", "bad chunk"],
)
async def test_T25_T48_absurd_headers_are_400_and_not_logged(
    start: Any, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bench = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    writer.write(head + b"\r\n")
    answer = await asyncio.wait_for(reader.read(), 3)
    writer.close()
    assert answer.startswith(b"HTTP/1.") and b" 400 " in answer.split(b"\r\n")[0]
    assert "canary-bytes" not in caplog.text


SLOW = {
    "silent": b"",
    "half a request line": b"POST /webho",
    "half the headers": b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nX-A: b\r\n",
    "half the body": b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
}


@pytest.mark.parametrize("said", SLOW.values(), ids=SLOW.keys())
@pytest.mark.parametrize("dribble", [False, True])
async def test_T26_slow_senders_are_closed_in_time(start: Any, said: bytes, dribble: bool) -> None:
    bench = await start(limits=SHORT)
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    began = loop.time()
    writer.write(said)

    async def drip() -> None:
        while said:
            await asyncio.sleep(0.1)
            writer.write(b"x")

    dripping = asyncio.ensure_future(drip()) if dribble else None
    try:
        assert await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionResetError:
        pass  # closed with a reset: what an abort looks like from here
    finally:
        if dripping:
            dripping.cancel()
        writer.close()
    assert 0.2 < loop.time() - began < SHORT.request_seconds + 0.4
    assert len(bench.server.door) == 0


async def test_T26_a_kept_connection_may_idle_longer_but_its_next_request_is_timed(start: Any) -> None:
    bench = await start(limits=SHORT)
    body = body_of()
    request = (
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\n"
        + f"X-PagerDuty-Signature: {signature(body)['X-PagerDuty-Signature']}\r\n".encode()
        + f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    for _ in range(2):
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)
        assert b" 202 " in head
        await asyncio.sleep(0.6)  # longer than a request may take, shorter than idling may
    loop = asyncio.get_running_loop()
    writer.write(b"POST /webhooks/pagerduty HTTP/1.1\r\n")
    began = loop.time()
    try:
        await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        pass  # the abort
    writer.close()
    assert loop.time() - began < SHORT.request_seconds + 0.4


async def test_T26_a_thousand_idle_sockets_do_not_keep_honest_traffic_out(
    start: Any, http: aiohttp.ClientSession
) -> None:
    bench = await start(limits=Limits(connections=100))
    idle = []
    for _ in range(400):
        idle.append(await asyncio.open_connection("127.0.0.1", bench.port))
        if len(idle) % 100 == 0:
            assert await post(http, bench, body_of(str(len(idle)))) == 202
    assert len(bench.server.door) <= 100
    assert len(bench.inbox.rows) == 4
    for _, writer in idle:
        writer.close()


async def test_a_client_that_leaves_in_mid_body_leaves_nothing_behind(
    start: Any, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    bench = await start()
    _, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    writer.write(SLOW["half the body"])
    await asyncio.sleep(0.05)
    assert len(bench.server.door) == 1
    writer.close()
    await asyncio.sleep(0.05)
    assert len(bench.server.door) == 0
    assert await post(http, bench, body_of()) == 202
    assert "Traceback" not in caplog.text


async def test_T22_with_the_real_inbox_nothing_is_answered_before_it_is_on_disk(
    start: Any, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    from bot.store.inbox import Inbox

    inbox = Inbox.open(tmp_path / "inbox.db")
    bench = await start(inbox=inbox)
    bodies = [body_of(f"E{number}") for number in range(50)]
    assert set(await asyncio.gather(*(post(http, bench, body) for body in bodies * 2))) == {202}
    taken = await inbox.take(100)
    assert sorted(one.body for one in taken) == sorted(bodies)
    assert taken[0].received_at == NOW
    inbox.close()


async def test_T64_signed_answers_are_taken_only_when_somebody_has_a_key(
    start: Any, http: aiohttp.ClientSession
) -> None:
    bench = await start()
    async with http.post(f"{bench.url}/answers", data=b"{}") as response:
        assert response.status == 404


@pytest.mark.parametrize("status", [200, 401, 403])
async def test_T64_what_is_said_to_a_signed_answer_is_handed_through(
    start: Any, http: aiohttp.ClientSession, status: int
) -> None:
    read: list[bytes] = []

    async def answer(body: bytes) -> tuple[int, dict[str, Any]]:
        read.append(body)
        return status, {"ok": status == 200, "name": "done", "data": {"text": "Grüße"}}

    bench = await start(signed=answer)
    async with http.post(f"{bench.url}/answers", data=b'{"statement": 1}') as response:
        assert (response.status, response.content_type) == (status, "application/json")
        assert await response.json() == {"ok": status == 200, "name": "done", "data": {"text": "Grüße"}}
    async with http.get(f"{bench.url}/answers") as response:
        assert response.status == 405
    assert read == [b'{"statement": 1}']


async def test_T25_a_signed_answer_is_bounded(start: Any, http: aiohttp.ClientSession) -> None:
    read: list[bytes] = []

    async def answer(body: bytes) -> tuple[int, dict[str, Any]]:
        read.append(body)
        return 200, {}

    bench = await start(signed=answer, limits=Limits(body_bytes=1000))
    async with http.post(f"{bench.url}/answers", data=b"x" * 1001) as response:
        assert response.status == 413
    assert read == []
