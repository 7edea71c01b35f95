"""One call through the vendor's `pagerduty` package: in a thread, one try, with a deadline, its failure told honestly.

Called by bot/clients/pagerduty.py only. The package is synchronous, sleeps, retries 429 for ever and POSTs on network
failures (reference/apis.md 2.5); all of that is switched off here. A failure before the request's first byte is
Transient, after it a POST is Ambiguous, and a call that nobody waits for any more is never sent.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pagerduty

from bot.clients.addresses import base_url
from bot.errors import Ambiguous, Permanent, Transient

THREADS = 4
LONGEST_WAIT = 86_400


class _LoopbackAllowed:
    """Lets the package's clients talk plain http to this machine; the check is ours (addresses.base_url)."""

    @property
    def url(self) -> str:
        """The base address."""
        return self._base

    @url.setter
    def url(self, new_base_url: str) -> None:
        self._base = base_url(new_base_url, "PAGERDUTY_API_URL or PAGERDUTY_EVENTS_URL")


class RestPackage(_LoopbackAllowed, pagerduty.RestApiV2Client):
    """One try per call: with max_http_attempts below zero the package returns a 429 instead of sleeping on it."""

    max_network_attempts = 0
    max_http_attempts = -1


class EventsPackage(_LoopbackAllowed, pagerduty.EventsApiV2Client):
    """One try per call, see RestPackage."""

    max_network_attempts = 0
    max_http_attempts = -1


class _Abandoned(Exception):
    """Raised inside the thread when the deadline passed before the request went out: then it must not go out later."""


class _Progress:
    """How far one request came; shared by the waiting task and the thread that sends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent = False
        self._abandoned = False

    def about_to_send(self) -> None:
        """Called by the thread just before the first byte. Raises _Abandoned when nobody waits any more."""
        with self._lock:
            if self._abandoned:
                raise _Abandoned
            self._sent = True

    def abandon(self) -> bool:
        """Called at the deadline. True when the request had already gone out."""
        with self._lock:
            self._abandoned = True
            return self._sent

    @property
    def sent(self) -> bool:
        """Whether the first byte may have left."""
        return self._sent


class Caller:
    """Makes calls. deadline: seconds for one call, waiting for a thread included."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="pagerduty")

    def tame(self, package: pagerduty.ApiClient) -> None:
        """Switch the package's own retries off and bound its waits."""
        package.retry = dict.fromkeys((429, 500, 502, 503, 504), 1)
        package.timeout = math.ceil(self._deadline)

    def close(self) -> None:
        """Give the threads back; calls that have not begun are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def call(
        self,
        client: pagerduty.ApiClient,
        method: str,
        path: str,
        *,
        repeatable: bool,
        done: frozenset[int] = frozenset(),
        absent: frozenset[int] = frozenset(),
        **request: Any,
    ) -> dict[str, Any]:
        """One try; the answer's JSON object.

        repeatable: a second identical request is harmless. done: error codes that mean success; absent: statuses that
        mean an empty answer. Raises Transient, Ambiguous or Permanent.
        """
        progress = _Progress()

        def trace(event: str, info: Mapping[str, Any]) -> None:
            if event.endswith("send_request_headers.started"):
                progress.about_to_send()

        def send() -> httpx2.Response:
            return client.request(method, path, extensions={"trace": trace}, **request)

        where = f"PagerDuty {method} {path}"
        try:
            async with asyncio.timeout(self._deadline):
                response = await asyncio.get_running_loop().run_in_executor(self._pool, send)
        except TimeoutError as error:
            raise _unanswered(f"{where}: no answer in time", progress.abandon(), repeatable) from error
        except _Abandoned as error:
            raise Transient(f"{where}: not sent in time") from error
        except pagerduty.HttpError as error:
            if error.response is None:
                raise _unanswered(f"{where}: unreadable answer", progress.sent, repeatable) from error
            response = error.response
        except (pagerduty.Error, httpx2.HTTPError) as error:
            raise _unanswered(f"{where}: network failure", progress.sent, repeatable) from error
        except asyncio.CancelledError:
            progress.abandon()
            raise
        return _answer(response, where, repeatable=repeatable, done=done, absent=absent)


def _unanswered(what: str, sent: bool, repeatable: bool) -> Transient | Ambiguous:
    return Ambiguous(what) if sent and not repeatable else Transient(what)


def _answer(
    response: httpx2.Response, where: str, *, repeatable: bool, done: frozenset[int], absent: frozenset[int]
) -> dict[str, Any]:
    status = response.status_code
    data = _json(response)
    if 200 <= status < 300:
        if data is None:
            raise _unanswered(f"{where}: the answer {status} is not a JSON object", True, repeatable)
        return data
    raw_error = (data or {}).get("error")
    error = raw_error if isinstance(raw_error, dict) else {}
    code = error.get("code")
    if status in absent or (isinstance(code, int) and code in done):
        return {}
    if status == 429:
        raise Transient(f"{where}: rate limit", retry_after=_wait(response))
    if status >= 500:
        raise _unanswered(f"{where}: answer {status}", True, repeatable)
    if status in (408, 425):
        raise Transient(f"{where}: answer {status}")
    listed = error.get("errors")
    said = [error.get("message"), *(listed if isinstance(listed, list) else [listed])]
    words = "; ".join(str(item)[:200] for item in said[:4] if item)
    raise Permanent(f"{where}: answer {status}" + (f" code {code}" if code else "") + (f" ({words})" if words else ""))


def _wait(response: httpx2.Response) -> float | None:
    """Seconds to wait from `ratelimit-reset` or `Retry-After`; both may be missing (apis.md 2.3)."""
    for name in ("retry-after", "ratelimit-reset"):
        value = response.headers.get(name, "")
        if value.isascii() and value.isdigit():
            return float(min(int(value), LONGEST_WAIT))
    return None


def _json(response: httpx2.Response) -> dict[str, Any] | None:
    try:
        data = response.json()
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
