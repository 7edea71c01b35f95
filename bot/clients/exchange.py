"""One JSON exchange with a vendor over aiohttp: bounded, without redirects, its failures already ours.

Called by bot/clients/jira.py and servicenow.py only. Makes exactly one try; trying again is the outbox's business.
A failure before anything was sent is Transient, after it a request that must not be repeated is Ambiguous.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.errors import Ambiguous, ConfigurationError, Permanent, Transient

MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_WAIT_SECONDS = 86_400.0


def basic_authorization(user: str, secret: str, place: str) -> str:
    """The Authorization header's value. Raises ConfigurationError when the user name cannot be sent (RFC 7617)."""
    try:
        return aiohttp.encode_basic_auth(user, secret, "utf-8")
    except ValueError as error:
        raise ConfigurationError(
            "holds a colon.", place=f"environment: {place}", fix="write the user name only."
        ) from error


@dataclass(frozen=True, slots=True)
class Api:
    """One user's access to one vendor's JSON interface.

    session: shared, closed by its owner. root: address that every path is added to. vendor: how errors name it.
    authorization: the header's value, never shown. deadline: seconds for one call.
    """

    session: aiohttp.ClientSession
    root: str
    vendor: str
    authorization: str = field(repr=False)
    deadline: float

    async def call(
        self,
        method: str,
        path: str,
        what: str,
        *,
        repeatable: bool,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """One call of this interface. path: begins with `/`, its parts checked. what, repeatable, errors: see `exchange`."""
        return await exchange(
            self.session,
            method,
            f"{self.root}{path}",
            what=f"{self.vendor} {what}",
            authorization=self.authorization,
            deadline=self.deadline,
            repeatable=repeatable,
            params=params,
            body=body,
        )


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    what: str,
    authorization: str,
    deadline: float,
    repeatable: bool,
    params: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Send and return the answer's JSON object.

    what: how errors name the call, without ids or secrets. authorization: the header's value. deadline: seconds for
    everything. repeatable: False when a second identical request would do it twice. Raises Transient (429, 5xx and
    network, with the wait the vendor asked for), Ambiguous, or Permanent (other statuses, redirects).
    """
    timeout = aiohttp.ClientTimeout(total=deadline, connect=deadline / 2)
    headers = {"Accept": "application/json", "Authorization": authorization}
    try:
        async with session.request(
            method,
            url,
            params=params,
            json=body,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            raw = await _bounded(response, what)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise Transient(f"{what}: cannot connect ({type(error).__name__})") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _unanswered(f"{what}: no answer ({type(error).__name__})", repeatable) from error
    return _read(response, raw, what, repeatable)


async def _bounded(response: aiohttp.ClientResponse, what: str) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_chunked(65_536):
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            response.close()
            return b""
        chunks.append(chunk)
    return b"".join(chunks)


def _read(response: aiohttp.ClientResponse, raw: bytes, what: str, repeatable: bool) -> dict[str, Any]:
    status = response.status
    data = _object(raw)
    if 200 <= status < 300:
        if data is None:
            raise _unanswered(f"{what}: the answer {status} is not a JSON object of sensible size", repeatable)
        return data
    if status == 429 or (status == 503 and "Retry-After" in response.headers):
        raise Transient(f"{what}: rate limit, answer {status}", retry_after=_wait(response.headers))
    if status >= 500:
        raise _unanswered(f"{what}: answer {status}", repeatable)
    if status in (408, 425):
        raise Transient(f"{what}: answer {status}")
    raise Permanent(f"{what}: answer {status}{_words(data or {})}")


def _unanswered(message: str, repeatable: bool) -> Transient | Ambiguous:
    return Transient(message) if repeatable else Ambiguous(message)


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _wait(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return min(float(value), MAX_WAIT_SECONDS) if value.isascii() and value.isdigit() else None


def _words(data: Mapping[str, Any]) -> str:
    """The vendor's own explanation: Jira's errorMessages and errors, ServiceNow's error.message and detail."""
    messages = data.get("errorMessages")
    found = [str(item) for item in messages] if isinstance(messages, list) else []
    errors, error = data.get("errors"), data.get("error")
    if isinstance(errors, dict):
        found += [f"{name}: {value}" for name, value in errors.items()]
    if isinstance(error, dict):
        found += [str(error[name]) for name in ("message", "detail") if error.get(name)]
    return f" ({'; '.join(found)[:400]})" if found else ""
