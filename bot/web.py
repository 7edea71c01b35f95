"""The web server: webhooks in, health and metrics out.

Built by bot/app.py. `POST /webhooks/{source}` answers 202 only after the delivery is durable in the inbox; after a
good signature it answers 2xx or 503, never 4xx (trust rule 10, cases T16, T21, T22). Must not parse a body before its
signature is verified, must not log bodies or signatures, and does no work beyond storing: triage is woken instead.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from aiohttp import web
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST

from bot.errors import Transient
from bot.ingress import Connection, Door, Limits, protocol_logger
from bot.sources.base import Source, Unreadable
from bot.telemetry import log

KEPT_HEADERS = ("Content-Type", "X-Webhook-Id", "X-Webhook-Subscription", "X-GitHub-Event", "X-GitHub-Delivery")
RETRY_AFTER_SECONDS = 5
BACKLOG = 1024
LINGER_SECONDS = 1.0


class Accepting(Protocol):
    """The inbox as this module needs it (bot/store/inbox.py)."""

    async def accept(self, source: str, key: str, headers: dict[str, str], body: bytes, received_at: datetime) -> bool:
        """Resolves after the commit; True for a new delivery, False for a repeat. Raises Transient."""
        ...


SlackEndpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]
SignedAnswer = Callable[[bytes], Awaitable[tuple[int, dict[str, Any]]]]
Counted = Callable[[str, str], None]
DOOR: web.AppKey[Door] = web.AppKey("door", Door)


def build(
    *,
    sources: Mapping[str, Source],
    inbox: Accepting,
    clock: Callable[[], datetime],
    metrics: Callable[[], bytes],
    ready: Callable[[], Awaitable[tuple[bool, dict[str, Any]]]],
    on_accepted: Callable[[], None],
    slack_endpoint: SlackEndpoint | None = None,
    signed_answer: SignedAnswer | None = None,
    on_answer: Counted | None = None,
    limits: Limits | None = None,
) -> web.Application:
    """The application with its routes.

    sources: by the name in the path. on_accepted: called after each new delivery (wakes triage). on_answer: called with
    (source, `accepted` | `duplicate` | `refused` | `too_large` | `unavailable`) for metrics. slack_endpoint: handler of
    POST /slack/events; the body is already read and bounded (`await request.read()`), its signature is its own affair.
    signed_answer: body of POST /answers -> (status, JSON); the route exists only when somebody has a key.
    """
    limits = limits or Limits()
    door = Door(limits)
    counted = on_answer or (lambda source, result: None)

    app = web.Application(client_max_size=limits.body_bytes)
    app[DOOR] = door

    async def body_of(request: web.Request) -> bytes:
        if (request.content_length or 0) > limits.body_bytes:
            raise web.HTTPRequestEntityTooLarge(limits.body_bytes, request.content_length or 0)
        try:
            body = await request.read()
        except (ConnectionError, web.RequestPayloadError) as error:
            raise web.HTTPBadRequest(text="the body did not arrive whole\n") from error
        door.request_read(request)
        return body

    for name, source in sources.items():
        receiver = _Receiver(name, source, inbox, clock, on_accepted, counted, body_of)
        app.router.add_post(f"/webhooks/{name}", door.watched(receiver.receive))

    async def healthz(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(request: web.Request) -> web.Response:
        fine, report = await ready()
        return web.Response(
            status=200 if fine else 503, text=json.dumps(report, default=str) + "\n", content_type="application/json"
        )

    async def show_metrics(request: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/healthz", door.watched(healthz))
    app.router.add_get("/readyz", door.watched(readyz))
    app.router.add_get("/metrics", door.watched(show_metrics))
    if slack_endpoint is not None:
        answer_slack = slack_endpoint

        async def slack_events(request: web.Request) -> web.StreamResponse:
            await body_of(request)
            return await answer_slack(request)

        app.router.add_post("/slack/events", door.watched(slack_events))
    if signed_answer is not None:
        receive_signed = signed_answer

        async def answers(request: web.Request) -> web.Response:
            status, told = await receive_signed(await body_of(request))
            return web.json_response(told, status=status)

        app.router.add_post("/answers", door.watched(answers))
    return app


class _Receiver:
    """`POST /webhooks/<one source>`. The hot path: nothing here that can be done later."""

    def __init__(
        self,
        name: str,
        source: Source,
        inbox: Accepting,
        clock: Callable[[], datetime],
        on_accepted: Callable[[], None],
        counted: Counted,
        body_of: Callable[[web.Request], Awaitable[bytes]],
    ) -> None:
        self._name = name
        self._source = source
        self._inbox = inbox
        self._clock = clock
        self._on_accepted = on_accepted
        self._counted = counted
        self._body_of = body_of
        self._said_refused: datetime | None = None

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Verify, key, store, answer: 202, 401, 413 or 503."""
        name, source, headers = self._name, self._source, request.headers
        try:
            body = await self._body_of(request)
        except web.HTTPRequestEntityTooLarge:
            self._counted(name, "too_large")
            raise
        now = self._clock()
        if not source.verified(headers, body, now):
            self._counted(name, "refused")
            self._say_refused(now, len(body))
            return web.Response(status=401, text="no valid signature\n")
        try:
            key = source.key(headers, body)
        except Unreadable:
            key = "sha256:" + hashlib.sha256(body).hexdigest()
        kept = {name.lower(): headers[name][:1000] for name in KEPT_HEADERS if name in headers}
        try:
            new = await self._inbox.accept(name, key, kept, body, now)
        except Transient as error:
            self._counted(name, "unavailable")
            log().error("webhook_not_stored", source=name, error=str(error)[:200])
            wait = error.retry_after or RETRY_AFTER_SECONDS
            return web.Response(status=503, headers={"Retry-After": str(math.ceil(wait))}, text="not stored, repeat\n")
        self._counted(name, "accepted" if new else "duplicate")
        if new:
            self._on_accepted()
        return web.Response(status=202)

    def _say_refused(self, now: datetime, size: int) -> None:
        """At most one line a second, so that a flood of forgeries cannot fill the disk; /metrics counts them all."""
        if self._said_refused is None or abs((now - self._said_refused).total_seconds()) >= 1:
            self._said_refused = now
            log().warning("webhook_refused", source=self._name, reason="no valid signature", bytes=size)


class WebServer:
    """A listening server. `start` returns the port; `stop` lets running requests end for at most two seconds."""

    def __init__(self, app: web.Application) -> None:
        self.door = app[DOOR]
        limits = self.door.limits
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=protocol_logger(),
            auto_decompress=False,
            keepalive_timeout=limits.idle_seconds,
            lingering_time=LINGER_SECONDS,
            max_line_size=limits.line_bytes,
            max_field_size=limits.field_bytes,
            max_headers=limits.fields,
            shutdown_timeout=2.0,
        )
        self._listening: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; port 0 picks a free one. Raises OSError when the address is taken."""
        await self._runner.setup()
        make = self._runner.server
        if make is None:
            raise RuntimeError("aiohttp's runner was set up and has no server")
        door = self.door
        self._listening = await asyncio.get_running_loop().create_server(
            lambda: Connection(door, make()), host, port, backlog=BACKLOG
        )
        door.open()
        bound: int = self._listening.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening, let running requests end, close everything."""
        if self._listening is not None:
            self._listening.close()
        await self._runner.cleanup()
        self.door.close()
