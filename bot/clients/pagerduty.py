"""PagerDuty: REST v2 and Events v2 through the vendor's own package, made asynchronous, bounded and honest.

Called by recorders, facts, the poller, escalation and `doctor`. The package is synchronous, sleeps, and retries 429
for ever and POSTs on network failures (reference/apis.md 2.5): here it makes exactly one try, in a thread, with a
deadline; trying again is the outbox's business. A failure before the request's first byte is Transient, after it a
POST is Ambiguous. Must not build a path from anything but checked ids, and never follows a `self` link.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pagerduty

from bot.clients.addresses import base_url, path_part
from bot.errors import Ambiguous, ConfigurationError, Permanent, Transient

REST_URL = "https://api.pagerduty.com"
EVENTS_URL = "https://events.pagerduty.com"
THREADS = 4
DONE_ALREADY = frozenset({1001, 1002})
PAGE = 100
MAX_PAGES = 10
NOTE_CHARACTERS = 25_000
SUMMARY_CHARACTERS = 1024
DEDUP_CHARACTERS = 255
STATUSES = frozenset({"triggered", "acknowledged", "resolved"})
PLAN_STATUSES = frozenset({402, 403, 404})


class _LoopbackAllowed:
    """Lets the package's clients talk plain http to this machine; the check is ours (addresses.base_url)."""

    @property
    def url(self) -> str:
        """The base address."""
        return self._base

    @url.setter
    def url(self, new_base_url: str) -> None:
        self._base = base_url(new_base_url, "PAGERDUTY_API_URL or PAGERDUTY_EVENTS_URL")


class _Rest(_LoopbackAllowed, pagerduty.RestApiV2Client):
    """One try per call: with max_http_attempts below zero the package returns a 429 instead of sleeping on it."""

    max_network_attempts = 0
    max_http_attempts = -1


class _Events(_LoopbackAllowed, pagerduty.EventsApiV2Client):
    """One try per call, see _Rest."""

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


class PagerDutyClient:
    """One bot user's access to one PagerDuty account.

    api_token, from_email: REST key and the user it acts as. api_url, events_url: base addresses, '' for the vendor's.
    routing_key: Events v2 integration key, '' when nothing is paged. deadline: seconds for one call, everything included.
    """

    def __init__(
        self,
        api_token: str,
        from_email: str,
        api_url: str = "",
        events_url: str = "",
        routing_key: str = "",
        deadline: float = 10.0,
    ) -> None:
        self._deadline = deadline
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="pagerduty")
        self._rest = _Rest(api_token, default_from=from_email, base_url=api_url or REST_URL)
        self._events = _Events(routing_key, base_url=events_url or EVENTS_URL) if routing_key else None
        for client in (self._rest, self._events):
            if client is not None:
                client.retry = {status: 1 for status in (429, 500, 502, 503, 504)}
                client.timeout = math.ceil(deadline)

    async def close(self) -> None:
        """Give the threads and sockets back."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._rest.close()
        if self._events is not None:
            self._events.close()

    async def incident(self, incident_id: str) -> dict[str, Any]:
        """The incident as it is now. Raises Permanent when there is none."""
        return _object(await self._get(f"/incidents/{path_part(incident_id)}"), "incident")

    async def open_incidents(self) -> list[dict[str, Any]]:
        """Every triggered or acknowledged incident, at most MAX_PAGES * PAGE of them."""
        found: list[dict[str, Any]] = []
        for page in range(MAX_PAGES):
            params = {"statuses[]": ["triggered", "acknowledged"], "limit": PAGE, "offset": page * PAGE}
            answer = await self._get("/incidents", {**params, "sort_by": "created_at:asc"})
            found += _objects(answer, "incidents")
            if not answer.get("more"):
                break
        return found

    async def alerts(self, incident_id: str) -> list[dict[str, Any]]:
        """The incident's first alerts, with their details in `body`."""
        return _objects(await self._get(f"/incidents/{path_part(incident_id)}/alerts", {"limit": PAGE}), "alerts")

    async def notes(self, incident_id: str) -> list[dict[str, Any]]:
        """All notes of the incident: `id`, `content`, `user`, `created_at`."""
        return _objects(await self._get(f"/incidents/{path_part(incident_id)}/notes"), "notes")

    async def add_note(self, incident_id: str, content: str) -> str:
        """Write a note; returns its id. Not repeatable: Ambiguous means look at `notes` first (apis.md section 7)."""
        body = {"note": {"content": content[:NOTE_CHARACTERS]}}
        answer = await self._send("POST", f"/incidents/{path_part(incident_id)}/notes", body)
        return str(_object(answer, "note").get("id", ""))

    async def set_status(self, incident_id: str, status: str) -> None:
        """Acknowledge, resolve or re-trigger. Done already (1001, 1002) is success, so it can be repeated."""
        if status not in STATUSES:
            raise Permanent("PagerDuty has no such incident status")
        await self._update(incident_id, {"status": status})

    async def reassign(self, incident_id: str, user_ids: Sequence[str]) -> None:
        """Assign to these users instead. Repeatable. Raises Permanent for an empty list."""
        assignees = [{"assignee": {"id": path_part(user), "type": "user_reference"}} for user in user_ids]
        if not assignees:
            raise Permanent("nobody was named to reassign the incident to")
        await self._update(incident_id, {"assignments": assignees})

    async def oncalls(self, escalation_policy_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Who is on call now for these escalation policies, lowest level first."""
        policies = [path_part(policy) for policy in escalation_policy_ids]
        if not policies:
            return []
        params = {"escalation_policy_ids[]": policies, "earliest": "true", "limit": PAGE}
        found = _objects(await self._get("/oncalls", params), "oncalls")
        return sorted(found, key=lambda oncall: int(oncall.get("escalation_level") or 0))

    async def past_incidents(self, incident_id: str) -> list[dict[str, Any]]:
        """Similar incidents of the last six months; [] when the account's plan does not include them."""
        return await self._of_plan(f"/incidents/{path_part(incident_id)}/past_incidents", "past_incidents")

    async def related_change_events(self, incident_id: str) -> list[dict[str, Any]]:
        """Deploys that PagerDuty relates to the incident; [] when the account's plan does not include them."""
        return await self._of_plan(f"/incidents/{path_part(incident_id)}/related_change_events", "change_events")

    async def user_by_email(self, email: str) -> dict[str, Any] | None:
        """The user with exactly this address, or None."""
        users = _objects(await self._get("/users", {"query": email, "limit": PAGE}), "users")
        return next((user for user in users if str(user.get("email", "")).lower() == email.lower()), None)

    async def trigger_event(
        self,
        summary: str,
        source: str,
        severity: str,
        dedup_key: str,
        custom_details: Mapping[str, Any] | None = None,
        links: Sequence[Mapping[str, str]] = (),
    ) -> str:
        """Page by Events v2; returns the dedup key. Repeatable: the same key updates the open alert (apis.md 2.4)."""
        events = self._events
        if events is None:
            raise ConfigurationError(
                "is not set, so nobody can be paged.",
                place="environment: PAGERDUTY_ROUTING_KEY",
                fix="set it to the integration key of an Events API v2 integration.",
            )
        if not dedup_key:
            raise Permanent("a page needs a dedup key, or a repeat would page twice")
        event: dict[str, Any] = {
            "event_action": "trigger",
            "dedup_key": dedup_key[:DEDUP_CHARACTERS],
            "payload": {
                "summary": summary[:SUMMARY_CHARACTERS],
                "source": source,
                "severity": severity,
                "custom_details": dict(custom_details or {}),
            },
        }
        if links:
            event["links"] = [dict(link) for link in links]
        answer = await self._call(events, "POST", "/v2/enqueue", repeatable=True, json=event)
        return str(answer.get("dedup_key") or event["dedup_key"])

    async def _update(self, incident_id: str, change: Mapping[str, Any]) -> None:
        body = {"incident": {"type": "incident_reference", **change}}
        await self._send("PUT", f"/incidents/{path_part(incident_id)}", body, done=DONE_ALREADY)

    async def _of_plan(self, path: str, name: str) -> list[dict[str, Any]]:
        return _objects(await self._call(self._rest, "GET", path, repeatable=True, absent=PLAN_STATUSES), name)

    async def _get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await self._call(self._rest, "GET", path, repeatable=True, params=dict(params or {}))

    async def _send(
        self, method: str, path: str, body: Mapping[str, Any], done: frozenset[int] = frozenset()
    ) -> dict[str, Any]:
        return await self._call(self._rest, method, path, repeatable=method != "POST", done=done, json=dict(body))

    async def _call(
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
        """One try. done: error codes that mean success; absent: statuses that mean an empty answer."""
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
    words = "; ".join(str(item)[:200] for item in [error.get("message"), *(error.get("errors") or [])][:4] if item)
    raise Permanent(f"{where}: answer {status}" + (f" code {code}" if code else "") + (f" ({words})" if words else ""))


def _wait(response: httpx2.Response) -> float | None:
    """Seconds to wait from `ratelimit-reset` or `Retry-After`; both may be missing (apis.md 2.3)."""
    for name in ("retry-after", "ratelimit-reset"):
        value = response.headers.get(name, "")
        if value.isascii() and value.isdigit():
            return float(min(int(value), 86400))
    return None


def _json(response: httpx2.Response) -> dict[str, Any] | None:
    try:
        data = response.json()
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _object(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = answer.get(name)
    return value if isinstance(value, dict) else {}


def _objects(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = answer.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
