"""Plain HTTP to listed hosts only: the client behind the `http` fact and adapter (mission E2, trust case T28).

Called by bot/facts/http.py and bot/adapters/http.py with URLs from services.yaml, never from an alert.
Must not follow redirects, use a proxy, keep cookies, reuse a connection, repeat a POST (aiohttp repeats a dropped GET
once) or reach an address that is not allowed: the name is resolved here, every address is checked, and the socket is
opened to exactly those addresses (no rebinding).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.clients.allow_list import AllowList
from bot.errors import Ambiguous, CountersignError, Permanent, Transient

Resolve = Callable[[str, int], Awaitable[list[str]]]

BODY_LIMIT = 65_536  # bytes kept of an answer; the rest is counted and hashed, then refused (trust rule 20)
READ_LIMIT = 8 * 1024 * 1024  # bytes read at most before the connection is closed
METHODS = frozenset({"GET", "POST"})


class Unreachable(Transient):
    """Nothing was sent: refused connection, no route, or no connection within the deadline."""


class NoAnswer(Transient):
    """A read-only request was sent and no whole answer came back in time."""


async def system_resolve(host: str, port: int) -> list[str]:
    """The addresses the system knows for a name. Raises OSError when there are none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class RefusedAddressError(OSError):
    """A listed name resolved to an address that is not allowed; becomes Permanent at the edge of this module."""


class CheckingResolver(AbstractResolver):
    """Resolves, checks every address and hands exactly those to the connector: what was checked is what is dialled."""

    def __init__(self, allow: AllowList, resolve: Resolve) -> None:
        self._allow = allow
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The checked addresses. Raises RefusedAddressError when any of them is not allowed."""
        found: list[ResolveResult] = []
        for text in await self._resolve(host, port):
            reason = self._allow.address_refusal(host.rstrip(".").lower(), text)
            if reason:
                raise RefusedAddressError(reason)
            version = socket.AF_INET6 if ":" in text else socket.AF_INET
            found.append(
                ResolveResult(hostname=host, host=text, port=port, family=version, proto=0, flags=socket.AI_NUMERICHOST)
            )
        return found

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer. body: at most what the client keeps (BODY_LIMIT); total_bytes and sha256 describe everything read; took: seconds.

    truncated: the body was longer than READ_LIMIT and the rest was not read.
    """

    status: int
    body: bytes
    total_bytes: int
    sha256: str
    took: float
    truncated: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The kept body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", errors="replace")


class HttpClient:
    """Sends one request at a time to a listed host. Open it with `async with`, or call `close`.

    keep: bytes of an answer that are kept, at most READ_LIMIT.
    """

    def __init__(self, allow: AllowList, *, resolve: Resolve = system_resolve, keep: int = BODY_LIMIT) -> None:
        self.allow = allow
        self._resolve = resolve
        self._keep = min(keep, READ_LIMIT)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the sockets."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        deadline: float,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """One request, no redirect, within `deadline` seconds. body: JSON values, sent as application/json.

        Raises Permanent (not allowed, malformed), Unreachable (surely not sent), NoAnswer (a GET that got no whole
        answer), Ambiguous (a POST that left us and got no whole answer: it may have been carried out).
        """
        if method not in METHODS:
            raise Permanent(f"{method} is not used here")
        refusal = self.allow.refusal(url)
        if refusal:
            raise Permanent(refusal)
        sent = SimpleNamespace(headers=False)
        data = None if body is None else json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()
        try:
            async with asyncio.timeout(deadline):
                return await self._send(method, url, data, dict(headers or {}), sent)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise _ours(error, method, deadline, sent=sent.headers) from error

    async def _send(
        self, method: str, url: str, data: bytes | None, headers: dict[str, str], sent: SimpleNamespace
    ) -> HttpAnswer:
        loop = asyncio.get_running_loop()
        started = loop.time()
        if data is not None:
            headers["Content-Type"] = "application/json"
        # identity: a compressed body could grow without bound while it is unpacked (trust rule 20)
        headers |= {"Accept-Encoding": "identity", "User-Agent": "countersign"}
        session = self._opened()
        async with session.request(
            method, url, data=data, headers=headers, allow_redirects=False, trace_request_ctx=sent
        ) as response:
            digest = hashlib.sha256()
            kept = bytearray()
            total = 0
            async for chunk in response.content.iter_chunked(65_536):
                total += len(chunk)
                digest.update(chunk)
                kept += chunk[: max(0, self._keep - len(kept))]
                if total > READ_LIMIT:
                    response.close()
                    break
            return HttpAnswer(
                status=response.status,
                body=bytes(kept),
                total_bytes=total,
                sha256=digest.hexdigest(),
                took=loop.time() - started,
                truncated=total > READ_LIMIT,
                headers={name.lower(): value[:500] for name, value in response.headers.items()},
            )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_mark_sent)
            connector = aiohttp.TCPConnector(
                resolver=CheckingResolver(self.allow, self._resolve),
                use_dns_cache=False,
                # a reused connection that the server has just closed would make a sent POST ambiguous for no reason
                force_close=True,
                limit=64,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[trace],
            )
        return self._session


def _ours(error: Exception, method: str, deadline: float, *, sent: bool) -> CountersignError:
    """What a foreign error means here. sent: the request's head had left us."""
    cause: object = getattr(error, "os_error", error)
    if isinstance(cause, RefusedAddressError):
        return Permanent(str(cause))
    if isinstance(error, aiohttp.InvalidURL):
        return Permanent("not a usable URL")
    timed_out = isinstance(error, TimeoutError)
    reason = f"no answer within {deadline:g} s" if timed_out else _words(cause)
    if not sent:
        return Unreachable(f"cannot connect: {reason}")
    if method == "GET":
        return NoAnswer(reason)
    return Ambiguous(f"the request was sent and no whole answer came back: {reason}")


async def _mark_sent(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    context.trace_request_ctx.headers = True


def _words(error: object) -> str:
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)  # asyncio's own words are "Connect call failed ('127.0.0.1', 80)"
    return (getattr(error, "strerror", "") or str(error) or type(error).__name__)[:200]
