"""One Socket Mode connection to Slack, kept up: connect, hand over envelopes, reconnect with patience.

Used by bot/slack/socket.py. Uses aiohttp's WebSocket directly and slack_sdk only to get the address, because the SDK's
own client reconnects at once on every `disconnect` (a tight loop on `too_many_websockets`), keeps retrying an address
whose ticket is used up, and queues every envelope once more before it can be acknowledged (reference/apis.md 1.4,
performance.md section 3). Must not look into envelopes beyond their type.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp

from bot.clients.slack import SlackClient
from bot.errors import CountersignError, Transient
from bot.telemetry import log

Envelope = dict[str, Any]
Acknowledge = Callable[[str, dict[str, Any] | None], Awaitable[None]]
Receive = Callable[[Envelope, Acknowledge], Coroutine[Any, Any, None]]

HEARTBEAT = 10.0
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
STEADY = 60.0
CROWDED = ("too_many_websockets", "link_disabled")


class Patience:
    """How long to wait before the next connection: nothing after a steady one, else 1, 2, 4 ... 60 seconds.

    clock: monotonic seconds. A connection is steady when it lived for STEADY seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wait = 0.0
        self._since: float | None = None

    def connected(self) -> None:
        """A connection was made."""
        self._since = self._clock()

    def wait(self, reason: str) -> float:
        """Seconds until the next try. reason: of Slack's `disconnect`, or empty."""
        lived = 0.0 if self._since is None else self._clock() - self._since
        self._since = None
        if lived >= STEADY:
            self._wait = 0.0
        delay = max(self._wait, FIRST_WAIT) if reason in CROWDED else self._wait
        self._wait = min(max(delay * 2, FIRST_WAIT), LONGEST_WAIT)
        return delay


class SlackSocket:
    """Keeps one connection open until `close`.

    receive: called in order, in its own task, with each envelope and the way to acknowledge it.
    sleep: seconds, injectable; clock: monotonic seconds.
    """

    def __init__(
        self,
        client: SlackClient,
        app_token: str,
        receive: Receive,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._app_token = app_token
        self._receive = receive
        self._patience = Patience(clock)
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()

    def start(self) -> None:
        """Begin to connect, in the background. `connected` is set while Slack has said hello."""
        self._runner = asyncio.create_task(self.run())

    async def close(self) -> None:
        """Stop, and wait for envelopes that are being handled."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
            self._runner = None
        while self._tasks:
            await asyncio.gather(*tuple(self._tasks), return_exceptions=True)

    async def run(self) -> None:
        """Connect, listen, reconnect; until cancelled."""
        while True:
            reason = ""
            try:
                reason = await self._once()
            except (CountersignError, aiohttp.ClientError, TimeoutError, OSError) as error:
                asked = error.retry_after if isinstance(error, Transient) else None
                log().warning("slack socket failed", error=f"{type(error).__name__}: {error}")
                await self._sleep(asked or 0.0)
            finally:
                self.connected.clear()
            await self._sleep(self._patience.wait(reason))

    async def _once(self) -> str:
        address = await self._client.open_socket(self._app_token)
        async with self._client.session.ws_connect(
            address, heartbeat=HEARTBEAT, timeout=aiohttp.ClientWSTimeout(ws_close=2.0)
        ) as socket:
            self._patience.connected()
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                reason = self._take(socket, message.data)
                if reason is not None:
                    return reason
        return ""

    def _take(self, socket: aiohttp.ClientWebSocketResponse, text: str) -> str | None:
        """The reason when Slack asks us to leave, else None."""
        try:
            envelope = json.loads(text)
        except ValueError:
            log().warning("slack socket: unreadable message", size=len(text))
            return None
        kind = envelope.get("type") if isinstance(envelope, dict) else None
        if kind == "hello":
            self.connected.set()
        elif kind == "disconnect":
            reason = str(envelope.get("reason", ""))
            log().info("slack socket: asked to leave", reason=reason)
            return reason
        elif isinstance(envelope, dict) and envelope.get("envelope_id"):
            self._hand_over(socket, envelope)
        return None

    def _hand_over(self, socket: aiohttp.ClientWebSocketResponse, envelope: Envelope) -> None:
        async def acknowledge(envelope_id: str, payload: dict[str, Any] | None) -> None:
            answer: dict[str, Any] = {"envelope_id": envelope_id}
            if payload is not None:
                answer["payload"] = payload
            try:
                await socket.send_str(json.dumps(answer))
            except (ConnectionError, aiohttp.ClientError) as error:
                # Slack will deliver it again; the inbox key makes that harmless (T18).
                log().warning("slack socket: acknowledgement lost", error=str(error))

        task = asyncio.create_task(self._receive(envelope, acknowledge))
        self._tasks.add(task)
        task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log().error("slack socket: an envelope failed", error=repr(task.exception()))
