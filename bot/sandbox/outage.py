"""The switch that makes a stand-in misbehave the way a vendor does on a bad day.

Set by stories, tests and the page's top bar; obeyed by every stand-in through `middleware`. Must not know any vendor's
payloads: the one body that differs (429) is given in by the stand-in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from aiohttp import web

from bot.sandbox.feed import Feed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class OutageMode(StrEnum):
    """How a vendor fails. LOSE_ANSWERS carries the request out and then drops the connection (trust: ambiguous act)."""

    UP = "up"
    REFUSE = "refuse"
    ERROR_503 = "error_503"
    SLOW = "slow"
    RATE_LIMITED = "rate_limited"
    LOSE_ANSWERS = "lose_answers"


class Outage:
    """One mode per vendor name (`slack`, `pagerduty`, `jira`, `servicenow`); a vendor not set is up.

    delay: seconds a SLOW vendor waits before it works; retry_after: whole seconds a RATE_LIMITED vendor asks for.
    feed: publishes {"type": "outage", "vendor": str, "mode": str} at every change.
    """

    def __init__(self, *, delay: float = 6.0, retry_after: int = 1) -> None:
        self.delay = delay
        self.retry_after = retry_after
        self.feed = Feed()
        self._modes: dict[str, OutageMode] = {}
        self._changed = asyncio.Event()

    def set(self, vendor: str, mode: OutageMode | str) -> None:
        """Switch one vendor. Raises ValueError for a mode that does not exist."""
        self._modes[vendor] = OutageMode(mode)
        self.feed.publish({"type": "outage", "vendor": vendor, "mode": str(self._modes[vendor])})
        self._changed.set()
        self._changed = asyncio.Event()

    def mode(self, vendor: str) -> OutageMode:
        """The vendor's present mode."""
        return self._modes.get(vendor, OutageMode.UP)

    def modes(self) -> dict[str, str]:
        """Every vendor that was ever switched, for the page."""
        return {vendor: str(mode) for vendor, mode in self._modes.items()}

    def unreachable(self, vendor: str) -> bool:
        """True when nothing at all gets through: people cannot click either."""
        return self.mode(vendor) in (OutageMode.REFUSE, OutageMode.ERROR_503)

    async def until_reachable(self, vendor: str) -> None:
        """Wait until something gets through again; returns at once when it does now."""
        while self.unreachable(vendor):
            await self._changed.wait()

    def middleware(self, vendor: str, too_many: Mapping[str, Any]) -> Any:
        """An aiohttp middleware for one vendor's listener. too_many: the JSON body of its 429 answer."""

        @web.middleware
        async def obey(request: web.Request, handler: Handler) -> web.StreamResponse:
            mode = self.mode(vendor)
            if mode is OutageMode.REFUSE:
                return hang_up(request)
            if mode is OutageMode.ERROR_503:
                return web.Response(status=503, text="Service Unavailable")
            if mode is OutageMode.RATE_LIMITED:
                return self.too_many(too_many)
            if mode is OutageMode.SLOW:
                await asyncio.sleep(self.delay)
            answer = await handler(request)
            # A WebSocket handler returns when its socket ends: nothing is left to lose then.
            if mode is OutageMode.LOSE_ANSWERS and not isinstance(answer, web.WebSocketResponse):
                return hang_up(request)
            return answer

        return obey

    def too_many(self, body: Mapping[str, Any]) -> web.Response:
        """The 429 answer with Retry-After and PagerDuty's ratelimit-reset, both in seconds."""
        seconds = str(self.retry_after)
        return web.json_response(dict(body), status=429, headers={"Retry-After": seconds, "ratelimit-reset": seconds})


def hang_up(request: web.Request) -> web.Response:
    """Drop the TCP connection under a request; the returned answer never leaves this process."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)
