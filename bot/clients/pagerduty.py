"""PagerDuty: REST v2 and Events v2 through the vendor's own package, made asynchronous, bounded and honest.

Called by recorders, facts, the poller, escalation and `doctor`. How one call is made and how it fails is in
bot/clients/pagerduty_call.py; trying again is the outbox's business. Must not build a path from anything but checked
ids, and never follows a `self` link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.clients.addresses import path_part
from bot.clients.pagerduty_call import Caller, EventsPackage, RestPackage
from bot.errors import ConfigurationError, Permanent

REST_URL = "https://api.pagerduty.com"
EVENTS_URL = "https://events.pagerduty.com"
DONE_ALREADY = frozenset({1001, 1002})
PAGE = 100
MAX_PAGES = 10
NOTE_CHARACTERS = 25_000
SUMMARY_CHARACTERS = 1024
DEDUP_CHARACTERS = 255
STATUSES = frozenset({"triggered", "acknowledged", "resolved"})
PLAN_STATUSES = frozenset({402, 403, 404})


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
        self._caller = Caller(deadline)
        self._rest = RestPackage(api_token, default_from=from_email, base_url=api_url or REST_URL)
        self._events = EventsPackage(routing_key, base_url=events_url or EVENTS_URL) if routing_key else None
        for client in (self._rest, self._events):
            if client is not None:
                self._caller.tame(client)

    async def close(self) -> None:
        """Give the threads and sockets back."""
        self._caller.close()
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

    async def on_schedule(self, schedule_id: str) -> list[str]:
        """Ids of the users who are on call now by this schedule."""
        params = {"schedule_ids[]": [path_part(schedule_id)], "earliest": "true", "limit": PAGE}
        found = _objects(await self._get("/oncalls", params), "oncalls")
        users = [entry.get("user") for entry in found]
        return list(dict.fromkeys(str(user["id"]) for user in users if isinstance(user, dict) and user.get("id")))

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
        return await self._enqueue(event)

    async def resolve_event(self, dedup_key: str) -> str:
        """End a page by Events v2; without an open alert the vendor drops it (apis.md 2.4). Repeatable."""
        return await self._enqueue({"event_action": "resolve", "dedup_key": dedup_key[:DEDUP_CHARACTERS]})

    async def _enqueue(self, event: dict[str, Any]) -> str:
        if self._events is None:
            raise ConfigurationError(
                "is not set, so nobody can be paged.",
                place="environment: PAGERDUTY_ROUTING_KEY",
                fix="set it to the integration key of an Events API v2 integration.",
            )
        answer = await self._caller.call(self._events, "POST", "/v2/enqueue", repeatable=True, json=event)
        return str(answer.get("dedup_key") or event["dedup_key"])

    async def _update(self, incident_id: str, change: Mapping[str, Any]) -> None:
        body = {"incident": {"type": "incident_reference", **change}}
        await self._send("PUT", f"/incidents/{path_part(incident_id)}", body, done=DONE_ALREADY)

    async def _of_plan(self, path: str, name: str) -> list[dict[str, Any]]:
        return _objects(await self._caller.call(self._rest, "GET", path, repeatable=True, absent=PLAN_STATUSES), name)

    async def _get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await self._caller.call(self._rest, "GET", path, repeatable=True, params=dict(params or {}))

    async def _send(
        self, method: str, path: str, body: Mapping[str, Any], done: frozenset[int] = frozenset()
    ) -> dict[str, Any]:
        return await self._caller.call(
            self._rest, method, path, repeatable=method != "POST", done=done, json=dict(body)
        )


def _object(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = answer.get(name)
    return value if isinstance(value, dict) else {}


def _objects(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = answer.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
