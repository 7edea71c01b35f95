"""The door of the web server: how long a connection may take, how many there may be, and who makes room for whom.

Used by bot/web.py only. aiohttp has no deadline between the first byte and the last byte of a request, and an idle
socket keeps its place for ever; this guard stands between the transport and aiohttp and closes both (case T26).
It counts bytes and time, and must never look at what the bytes say.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

SWEEPS_PER_LIMIT = 15

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the web server.

    body_bytes: largest body; PagerDuty sends at most 256 KB, so 512 KiB loses nothing (trust.md 1.4). line_bytes,
    field_bytes, fields: request line, one header, number of headers. request_seconds: from connecting (or from the
    first byte on a kept connection) to the last byte of the body. idle_seconds: a kept connection between requests.
    connections: open at once; when full, the connection that has waited longest makes room.
    """

    body_bytes: int = 512 * 1024
    line_bytes: int = 8190
    field_bytes: int = 8190
    fields: int = 100
    request_seconds: float = 15.0
    idle_seconds: float = 75.0
    connections: int = 512


class Door:
    """Every open connection and its deadline. One per server; `open` and `close` belong to the running loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._sweep_every = limits.request_seconds / SWEEPS_PER_LIMIT
        self._request_seconds = limits.request_seconds - self._sweep_every
        self._idle_seconds = max(limits.idle_seconds - self._sweep_every, self._sweep_every)
        self._strangers: OrderedDict[Connection, None] = OrderedDict()
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._working: dict[Connection, None] = {}
        self._by_protocol: dict[object, Connection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.turned_away = 0
        self.timed_out = 0

    def __len__(self) -> int:
        return len(self._by_protocol)

    def open(self) -> None:
        """Start watching the clock."""
        self._timer = asyncio.get_running_loop().call_later(self._sweep_every, self._sweep)

    def close(self) -> None:
        """Stop watching and drop whatever is still connected."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in list(self._by_protocol.values()):
            connection.drop()

    def request_read(self, request: web.BaseRequest) -> None:
        """The whole request is here: from now on the time is ours, not the sender's."""
        connection = self._by_protocol.get(request.protocol)
        if connection is not None:
            self._move(connection, self._working, self._request_seconds)

    def request_done(self, request: web.BaseRequest) -> None:
        """The answer is ready: the connection may idle and be used again."""
        connection = self._by_protocol.get(request.protocol)
        if connection is not None:
            connection.reading = False
            self._move(connection, self._idle, self._idle_seconds)

    def watched(self, handler: Handler) -> Handler:
        """The handler, after which its connection may idle. Paths that nobody handles leave it a stranger."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            finally:
                self.request_done(request)

        return answer

    def entered(self, connection: Connection) -> None:
        """A new connection; makes room when all places are taken."""
        if len(self._by_protocol) >= self.limits.connections:
            self.turned_away += 1
            for waiting in (self._strangers, self._idle):
                if waiting:
                    next(iter(waiting)).drop()
                    break
            else:
                connection.drop()
                return
        self._by_protocol[connection.inner] = connection
        self._move(connection, self._strangers, self._request_seconds)

    def first_byte(self, connection: Connection) -> None:
        """A kept connection begins another request: its sender has the request time again."""
        self._move(connection, self._strangers, self._request_seconds)

    def left(self, connection: Connection) -> None:
        """The connection is gone."""
        self._by_protocol.pop(connection.inner, None)
        for group in (self._strangers, self._idle, self._working):
            group.pop(connection, None)

    def _move(self, connection: Connection, group: dict[Connection, None], seconds: float) -> None:
        self._strangers.pop(connection, None)
        self._idle.pop(connection, None)
        self._working.pop(connection, None)
        group[connection] = None
        connection.deadline = asyncio.get_running_loop().time() + seconds

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._by_protocol.values()):
            if connection.deadline <= now:
                self.timed_out += 1
                connection.drop()
        self._timer = loop.call_later(self._sweep_every, self._sweep)


class Connection(asyncio.Protocol):
    """Stands before aiohttp's protocol object, passes everything on and tells the door when a request begins."""

    __slots__ = ("deadline", "door", "inner", "reading", "transport")

    def __init__(self, door: Door, inner: web.RequestHandler) -> None:
        self.door = door
        self.inner = inner
        self.deadline = 0.0
        self.reading = True
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self.transport = transport
        self.inner.connection_made(transport)
        self.door.entered(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone, or we closed it."""
        self.transport = None
        self.door.left(self)
        self.inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        if not self.reading:
            self.reading = True
            self.door.first_byte(self)
        self.inner.data_received(data)

    def eof_received(self) -> None:
        """The client will send no more."""
        self.inner.eof_received()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        self.inner.resume_writing()

    def drop(self) -> None:
        """Close at once and free the place."""
        self.door.left(self)
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()


class _WithoutRequestBytes(logging.Filter):
    """Drops the traceback of malformed requests: aiohttp's message quotes the bytes that were sent (T16, T48)."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, HttpProcessingError):
            record.msg, record.args = "malformed request refused", ()
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


def protocol_logger() -> logging.Logger:
    """The logger handed to aiohttp's protocol: it never repeats request bytes."""
    logger = logging.getLogger("countersign.web.protocol")
    if not any(isinstance(existing, _WithoutRequestBytes) for existing in logger.filters):
        logger.addFilter(_WithoutRequestBytes())
    return logger
