"""One path for everything Slack sends, over the socket or over HTTP: stored first, acknowledged, then handled once.

Used by bot/slack/socket.py and endpoint.py; `recover` by bot/app.py at the start. What was accepted but not handled when
the process died is handled again when it is younger than ten minutes (a click older than that is stale). A second
delivery of the same click finds its key in the inbox and does nothing (cases T18 and P4). Must not acknowledge.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qs

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.errors import CountersignError, Transient
from bot.slack.bolt import AFTER
from bot.slack.origin import Origin
from bot.telemetry import log

SOURCE = "slack"
YOUNG = timedelta(minutes=10)
BATCH = 500
Payload = dict[str, Any]


class Delivered(Protocol):
    """bot.store.inbox.Delivered as this room sees it."""

    @property
    def id(self) -> int:
        """Row of the inbox."""
        ...

    @property
    def source(self) -> str:
        """`slack` for ours."""
        ...

    @property
    def key(self) -> str:
        """The deduplication key."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names."""
        ...

    @property
    def body(self) -> bytes:
        """Raw bytes."""
        ...

    @property
    def received_at(self) -> datetime:
        """UTC."""
        ...


class Accepting(Protocol):
    """bot.store.inbox.Inbox as this room sees it."""

    async def accept(self, source: str, key: str, headers: dict[str, str], body: bytes, received_at: datetime) -> bool:
        """True when it is new, after it is on disk. Raises Transient."""
        ...

    async def take(self, limit: int, *, only: str = "") -> list[Any]:
        """The oldest deliveries that are not done, of every source."""
        ...

    async def done(self, ids: list[int]) -> None:
        """They need not be taken again."""
        ...


def read(body: bytes, content_type: str) -> Payload | None:
    """The payload of a JSON, form (`payload=` or slash command) or Socket Mode body; None when it is neither."""
    try:
        text = body.decode("utf-8")
        if content_type.split(";", maxsplit=1)[0].strip().lower() == "application/x-www-form-urlencoded":
            form = {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
            made = json.loads(form["payload"]) if "payload" in form else form
        else:
            made = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return made if isinstance(made, dict) else None


def key_of(payload: Payload, otherwise: str) -> str:
    """The deduplication key (apis.md 1.1): event id, or click, or what the way of delivery offers."""
    if isinstance(payload.get("event_id"), str):
        return f"event:{payload['event_id']}"
    actions = payload.get("actions")
    if (
        payload.get("type") == "block_actions"
        and isinstance(actions, list)
        and actions
        and isinstance(actions[0], dict)
    ):
        user = payload.get("user")
        name = user.get("id") if isinstance(user, dict) else ""
        return f"action:{actions[0].get('action_ts')}:{actions[0].get('action_id')}:{name}"
    return otherwise


class Dispatcher:
    """Accepts, dispatches and remembers what was handled.

    clock: UTC now. origin: whose payloads are taken. mark_after: seconds until what was handled is marked in the inbox, so that a busy moment costs one
    write; a crash in between only means that a handled click is offered again, and its decision is in the store.
    """

    def __init__(
        self,
        app: AsyncApp,
        inbox: Accepting,
        clock: Callable[[], datetime],
        *,
        origin: Origin,
        mark_after: float = 0.2,
    ) -> None:
        self._origin = origin
        self._mark_after = mark_after
        self._app = app
        self._inbox = inbox
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: set[str] = set()
        self._handled: set[str] = set()
        self._marking: asyncio.Task[None] | None = None

    async def accept(self, key: str, payload: Payload) -> bool:
        """Store it durably. False: it was accepted before, or it is of another app (T12); there is nothing to handle.

        Raises Transient when it cannot be stored: do not acknowledge then, Slack will say so or deliver it again.
        """
        if await self._origin.refuses(payload):
            return False
        repeated = key in self._under_way
        self._under_way.add(key)
        headers = {"content-type": "application/json"}
        body = json.dumps(payload).encode()
        try:
            fresh = await self._inbox.accept(SOURCE, key, headers, body, self._clock())
        except CountersignError:
            if not repeated:
                self._under_way.discard(key)
            raise
        if not fresh and not repeated:
            self._under_way.discard(key)
        return fresh

    def handle(self, key: str, payload: Payload) -> None:
        """Handle an accepted payload in a task of ours; the acknowledgement does not wait for it."""
        self._own(self._handle(key, payload))

    async def answer(self, key: str, payload: Payload) -> BoltResponse:
        """Handle a payload whose acknowledgement carries an answer (a sent window); the work follows in a task."""
        request, response = await self._bolt(payload)
        self._own(self._after(key, request))
        return response

    async def recover(self) -> int:
        """Handle again what a crash left over; returns how many. Called once, before anything new arrives."""
        again = 0
        left = await self._inbox.take(BATCH, only=SOURCE)
        for delivered in left:
            if await self.replay(delivered, self._clock() - delivered.received_at):
                again += 1
        await self._inbox.done([d.id for d in left])
        return again

    async def replay(self, delivered: Delivered, age: timedelta) -> bool:
        """Dispatch a stored delivery again when it is young enough and nobody is at it; True when it was."""
        if delivered.key in self._under_way or delivered.key in self._handled:
            return False
        payload = read(delivered.body, delivered.headers.get("content-type", ""))
        if payload is None or age > YOUNG:
            log().warning(
                "slack: a stored delivery is too old or unreadable", key=delivered.key, age=age.total_seconds()
            )
            return False
        if await self._origin.refuses(payload):
            return False
        await asyncio.wait({self._own(self._handle(delivered.key, payload))})  # one that fails is logged, not met again
        return True

    async def drain(self) -> None:
        """Wait for everything under way (orderly stop, tests)."""
        while self._tasks:
            await asyncio.gather(*tuple(self._tasks), return_exceptions=True)
        if self._marking is not None:
            await asyncio.gather(self._marking, return_exceptions=True)

    async def _handle(self, key: str, payload: Payload) -> None:
        request, _ = await self._bolt(payload)
        await self._after(key, request)

    async def _bolt(self, payload: Payload) -> tuple[AsyncBoltRequest, BoltResponse]:
        request = AsyncBoltRequest(mode="socket_mode", body=payload, headers={"content-type": ["application/json"]})
        return request, await self._app.async_dispatch(request)

    async def _after(self, key: str, request: AsyncBoltRequest) -> None:
        work = request.context.get(AFTER)
        if work is not None:
            try:
                await work
            except CountersignError as error:
                log().error("slack: the work after an acknowledgement failed", error=f"{type(error).__name__}: {error}")
        self._under_way.discard(key)
        self._handled.add(key)
        if self._marking is None or self._marking.done():
            self._marking = asyncio.create_task(self._mark())

    async def _mark(self) -> None:
        """Mark what was handled as done in the inbox; the inbox names rows by id, so they are looked up by key."""
        await asyncio.sleep(self._mark_after)
        try:
            rows = [d for d in await self._inbox.take(BATCH, only=SOURCE) if d.key in self._handled]
            await self._inbox.done([d.id for d in rows])
        except Transient as error:
            log().warning("slack: handled deliveries not marked yet", error=str(error))
            return
        self._handled -= {d.key for d in rows}

    def _own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._settled)
        return task

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log().error("slack: handling failed", error=repr(task.exception()))
