"""How acts and events reach the app: Socket Mode, or HTTP requests signed with the signing secret.

Both carry the same payloads and are chosen with SlackWorkspace.connect. Must not interpret payloads.
Source: reference/apis.md 1.1, 1.3, 1.4.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from aiohttp import WSMsgType, web

from bot.sandbox.slack_memory import SlackMemory
from bot.sandbox.slack_records import JSON, NotAcknowledged

MAXIMUM_SOCKETS: Final = 10
ANSWERS: Final = ("slash_commands", "interactive")


class SlackSocket:
    """The Socket Mode server. Envelopes go to one open connection, in turn; ack_timeout in seconds."""

    def __init__(self, workspace: SlackMemory, *, ack_timeout: float = 3.0) -> None:
        self._workspace = workspace
        self._timeout = ack_timeout
        self._tickets: set[str] = set()
        self._sockets: list[web.WebSocketResponse] = []
        self._turn = 0
        self._waiting: dict[str, asyncio.Future[JSON]] = {}
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        workspace.outage.feed.subscribe(self._on_outage)

    def new_address(self, base: str, query: str = "") -> str:
        """A single-use WebSocket address for `apps.connections.open`."""
        ticket = self._workspace.identifier("").lower() + self._workspace.identifier("").lower()
        self._tickets.add(ticket)
        more = f"&{query}" if query else ""
        return f"{base}/link/?ticket={ticket}&app_id={self._workspace.app_id}{more}"

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """One connection of the app: hello, then its acknowledgements until it goes."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=408, text="the ticket was used or never given out")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(heartbeat=20)
        await socket.prepare(request)
        if len(self._sockets) >= MAXIMUM_SOCKETS:
            await self._disconnect(socket, "too_many_websockets")
            return socket
        await self._add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._acknowledged(message.data)
        finally:
            self._sockets.remove(socket)
            async with self._changed:
                self._changed.notify_all()
        return socket

    async def connected(self, count: int = 1, within: float = 10.0) -> None:
        """Wait until at least `count` connections are open. within: seconds. Raises TimeoutError."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: len(self._sockets) >= count)

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._sockets)

    async def deliver(self, kind: str, payload: JSON) -> JSON:
        """Send one envelope and wait for its acknowledgement; an event is tried once more. Raises NotAcknowledged."""
        try:
            return await self._send(kind, payload, {})
        except NotAcknowledged as error:
            if kind != "events_api":
                raise
            return await self._send(kind, payload, {"retry_attempt": 1, "retry_reason": error.reason})

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Tell every connection to go, and close it, as Slack does when it rotates its servers."""
        for socket in list(self._sockets):
            await self._disconnect(socket, reason)

    async def close(self) -> None:
        """Close every connection."""
        for socket in list(self._sockets):
            await socket.close()

    async def _add(self, socket: web.WebSocketResponse) -> None:
        self._sockets.append(socket)
        host = {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18060}
        info = {"connection_info": {"app_id": self._workspace.app_id}, "debug_info": host}
        await socket.send_json({"type": "hello", "num_connections": len(self._sockets), **info})
        async with self._changed:
            self._changed.notify_all()

    async def _send(self, kind: str, payload: JSON, retry: JSON) -> JSON:
        open_now = [socket for socket in self._sockets if not socket.closed]
        if not open_now:
            raise NotAcknowledged("not_connected")
        self._turn += 1
        envelope_id = self._workspace.identifier("").lower() + self._workspace.identifier("").lower()
        accepts = kind == "slash_commands" or payload.get("type") in ("view_submission", "block_suggestion")
        envelope = {"envelope_id": envelope_id, "type": kind, "accepts_response_payload": accepts, "payload": payload}
        if kind == "events_api":
            envelope |= {"retry_attempt": 0, "retry_reason": "", **retry}
        future: asyncio.Future[JSON] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = future
        try:
            await open_now[self._turn % len(open_now)].send_json(envelope)
            return await asyncio.wait_for(future, self._timeout)
        except TimeoutError:
            raise NotAcknowledged("timeout") from None
        except ConnectionError:
            raise NotAcknowledged("connection_lost") from None
        finally:
            self._waiting.pop(envelope_id, None)

    def _acknowledged(self, text: str) -> None:
        """Junk from the app is dropped silently, as Slack does."""
        try:
            message = json.loads(text)
        except json.JSONDecodeError:
            return
        future = self._waiting.get(message.get("envelope_id", "")) if isinstance(message, dict) else None
        if future is not None and not future.done():
            payload = message.get("payload")
            future.set_result(payload if isinstance(payload, dict) else {})

    async def _disconnect(self, socket: web.WebSocketResponse, reason: str) -> None:
        if not socket.closed:
            await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}})
            await socket.close()

    def _on_outage(self, event: JSON) -> None:
        """A vendor that is unreachable has no open sockets either."""
        if event["vendor"] == self._workspace.vendor and self._workspace.outage.unreachable(self._workspace.vendor):
            for socket in list(self._sockets):
                task = asyncio.get_running_loop().create_task(self._drop(socket))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _drop(socket: web.WebSocketResponse) -> None:
        await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)


class SlackHttp:
    """Signed HTTP delivery to the app's request URL. session: made and closed by the caller."""

    def __init__(
        self, workspace: SlackMemory, url: str, session: aiohttp.ClientSession, *, ack_timeout: float = 3.0
    ) -> None:
        self._workspace = workspace
        self._url = url
        self._session = session
        self._timeout = ack_timeout

    async def deliver(self, kind: str, payload: JSON) -> JSON:
        """Send one request and read its answer; an event is tried once more, marked as a retry."""
        try:
            return await self._send(kind, payload, {})
        except NotAcknowledged as error:
            if kind != "events_api":
                raise
            reason = "http_timeout" if error.reason == "timeout" else "http_error"
            return await self._send(kind, payload, {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": reason})

    async def _send(self, kind: str, payload: JSON, headers: dict[str, str]) -> JSON:
        body, content_type = self._body(kind, payload)
        stamp = str(int(self._workspace.clock().timestamp()))
        signed = {**signature(self._workspace.signing_secret, stamp, body), "Content-Type": content_type, **headers}
        return await self.post(body, signed)

    async def post(self, body: bytes, headers: dict[str, str]) -> JSON:
        """Exactly these bytes with these headers; the app's answer. Raises NotAcknowledged."""
        limit = aiohttp.ClientTimeout(total=self._timeout)
        try:
            async with self._session.post(self._url, data=body, headers=headers, timeout=limit) as answer:
                text = await answer.text()
                if answer.status != 200:
                    raise NotAcknowledged(f"http {answer.status}")
                return self._read(answer.content_type, text)
        except TimeoutError:
            raise NotAcknowledged("timeout") from None
        except aiohttp.ClientError:
            raise NotAcknowledged("connection_failed") from None

    @staticmethod
    def _body(kind: str, payload: JSON) -> tuple[bytes, str]:
        if kind == "events_api":
            return json.dumps(payload).encode(), "application/json"
        fields: Any = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
        return urlencode(fields).encode(), "application/x-www-form-urlencoded"

    @staticmethod
    def _read(content_type: str, text: str) -> JSON:
        if content_type != "application/json":
            return {"text": text} if text.strip() else {}
        body = json.loads(text or "{}")
        return body if isinstance(body, dict) else {}


def signature(secret: str, stamp: str, body: bytes) -> dict[str, str]:
    """The two headers of a signed request: HMAC-SHA256 over `v0:<stamp>:<raw body>`."""
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}
