"""Signed HTTP: `POST /slack/events`. Our own verifier over the raw bytes comes before any parsing (cases T16 to T18).

Registered by bot/web.py. slack_sdk's verifier raises on a non-numeric timestamp or a non-ASCII signature, accepts a
timestamp 290 s ahead, and Bolt logs the body of a bad request (trust.md 1.4); this one does none of that. The answer
waits for the inbox only. Must not log a byte of the body.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime

from aiohttp import web

from bot.errors import Transient
from bot.slack.dispatch import Dispatcher, key_of, read
from bot.telemetry import log

BODY_CAP = 1024 * 1024
OLDEST, NEWEST = 300, 60
DIGITS = frozenset("0123456789")


def verified(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether Slack signed exactly these bytes within -300 and +60 seconds of now. Never raises.

    headers: names in any case. An empty secret verifies nothing. Source: "Verifying requests from Slack"; case T17.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp, signature = given.get("x-slack-request-timestamp", ""), given.get("x-slack-signature", "")
    if not secret or not 0 < len(timestamp) <= 12 or not set(timestamp) <= DIGITS:
        return False
    age = now.timestamp() - int(timestamp)
    if not -NEWEST <= age <= OLDEST:
        return False
    expected = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v0={expected}".encode(), signature.encode("utf-8", "surrogateescape"))


class Endpoint:
    """secret: the signing secret. clock: UTC now."""

    def __init__(self, secret: str, dispatcher: Dispatcher, clock: Callable[[], datetime]) -> None:
        self._secret = secret
        self._dispatcher = dispatcher
        self._clock = clock

    async def handle(self, request: web.Request) -> web.Response:
        """401 for anything unsigned, 413 for too much, 503 when it cannot be stored, else 200."""
        if (request.content_length or 0) > BODY_CAP:
            return web.Response(status=413)
        body = await request.read()  # bounded by the application's client_max_size; kept by aiohttp when read before
        if len(body) > BODY_CAP:
            return web.Response(status=413)
        if not verified(self._secret, request.headers, body, self._clock()):
            log().warning("slack: a request without a valid signature", size=len(body))
            return web.Response(status=401)
        return await self._signed(request, body)

    async def _signed(self, request: web.Request, body: bytes) -> web.Response:
        payload = read(body, request.headers.get("content-type", ""))
        if payload is None or "ssl_check" in payload:
            return web.Response(status=200)
        if payload.get("type") == "url_verification":
            return web.json_response({"challenge": str(payload.get("challenge", ""))})
        key = key_of(payload, f"signature:{request.headers['x-slack-signature']}")
        try:
            fresh = await self._dispatcher.accept(key, payload)
        except Transient as error:
            log().error("slack: a request could not be stored", error=str(error))
            return web.Response(status=503)
        if fresh and payload.get("type") == "view_submission":
            response = await self._dispatcher.answer(key, payload)
            return web.Response(status=200, text=response.body or "", content_type="application/json")
        if fresh:
            self._dispatcher.handle(key, payload)
        return web.Response(status=200)
