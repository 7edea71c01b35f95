"""PagerDuty's Events API v2: alerts and change events sent by monitors and by the bot's escalation.

Used by pagerduty.PagerDutyStandIn. Must accept what the vendor accepts: a well-formed but unknown routing key gets 202
too, and nothing happens. Rules: reference/apis.md 2.4 and the vendor's published schema.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from bot.sandbox.pagerduty_records import JSON, Incident, PagerDutyService, stamp

if TYPE_CHECKING:
    from bot.sandbox.pagerduty import PagerDutyStandIn

SEVERITIES: Final = ("critical", "error", "warning", "info")
SUMMARY_CHARACTERS: Final = 1024
KEY_CHARACTERS: Final = 255


class PagerDutyEvents:
    """The two endpoints over one account."""

    def __init__(self, account: PagerDutyStandIn) -> None:
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        """For aiohttp."""
        return [web.post("/v2/enqueue", self._enqueue), web.post("/v2/change/enqueue", self._change)]

    async def _enqueue(self, request: web.Request) -> web.Response:
        body = await _json(request)
        errors = alert_errors(body)
        if errors:
            return _invalid(errors)
        key = str(body.get("dedup_key") or self._account.identifier("", 16).lower())
        service = self._service(body)
        found = self._open(service, key) if service else None
        action = str(body["event_action"])
        if action == "trigger" and service:
            found = await self._trigger(service, key, body["payload"], found)
        elif found is not None and not (action == "acknowledge" and found.status == "acknowledged"):
            self._account.set_status(found, {"acknowledge": "acknowledged"}.get(action, "resolved"), None)
        self._record(action, body, found)
        answer = {"status": "success", "message": "Event processed", "dedup_key": key}
        return web.json_response(answer, status=202)

    async def _trigger(self, service: PagerDutyService, key: str, payload: JSON, found: Incident | None) -> Incident:
        details = payload.get("custom_details")
        named = details if isinstance(details, dict) else {"details": details} if details else {}
        severity = str(payload["severity"])
        if found is not None:
            self._account.repeat(found, str(payload["summary"]), severity, named)
            return found
        urgency = "high" if severity in ("critical", "error") else "low"
        incident_id = await self._account.trigger(
            service.id, str(payload["summary"]), urgency, named, {"cef_details": payload}, severity=severity, key=key
        )
        return self._account.incidents[incident_id]

    async def _change(self, request: web.Request) -> web.Response:
        body = await _json(request)
        payload = body.get("payload")
        if not isinstance(payload, dict) or not _text(payload.get("summary"), SUMMARY_CHARACTERS):
            return _invalid(["payload.summary is required"])
        if not _text(body.get("routing_key"), 32, least=32):
            return _invalid(["Invalid routing key"])
        service = self._service(body)
        if service:
            self._account.add_change(
                [service.id],
                payload["summary"],
                source=str(payload.get("source") or ""),
                links=body.get("links") or (),
                custom_details=payload.get("custom_details"),
            )
        self._record("change", body, None)
        return web.json_response({"status": "success", "message": "Change event processed"}, status=202)

    def _service(self, body: JSON) -> PagerDutyService | None:
        services = self._account.services.values()
        return next((s for s in services if s.routing_key and s.routing_key == body["routing_key"]), None)

    def _open(self, service: PagerDutyService, key: str) -> Incident | None:
        every = self._account.incidents.values()
        return next((i for i in every if i.service.id == service.id and i.key == key and i.status != "resolved"), None)

    def _record(self, kind: str, body: JSON, incident: Incident | None) -> None:
        kept = {name: value for name, value in body.items() if name != "routing_key"}
        event = {"at": stamp(self._account.clock()), "kind": kind, "body": kept}
        event |= {"incident": incident.id if incident else None}
        self._account.received.append(event)
        self._account.feed.publish({"type": "event", "event": event})


def alert_errors(body: JSON) -> list[str]:
    """What is wrong with an alert event, worded like the vendor; empty when it may be accepted."""
    errors = []
    if not _text(body.get("routing_key"), 32, least=32):
        errors.append("Invalid routing key")
    action = body.get("event_action")
    if action not in ("trigger", "acknowledge", "resolve"):
        errors.append("'event_action' is missing or invalid")
    if "dedup_key" in body and not _text(body["dedup_key"], KEY_CHARACTERS):
        errors.append(f"'dedup_key' must be at most {KEY_CHARACTERS} characters")
    if action != "trigger":
        return errors if body.get("dedup_key") or errors else ["'dedup_key' is missing or blank"]
    payload = body.get("payload")
    if not isinstance(payload, dict):
        return [*errors, "'payload' is missing or blank"]
    if not _text(payload.get("summary"), SUMMARY_CHARACTERS):
        errors.append(f"'payload.summary' is missing, blank or over {SUMMARY_CHARACTERS} characters")
    if not _text(payload.get("source"), 10_000):
        errors.append("'payload.source' is missing or blank")
    if payload.get("severity") not in SEVERITIES:
        errors.append(f"'payload.severity' is invalid (must be one of the following: {', '.join(SEVERITIES)})")
    return errors


def _text(value: Any, most: int, *, least: int = 1) -> bool:
    return isinstance(value, str) and least <= len(value) <= most


async def _json(request: web.Request) -> JSON:
    try:
        body = await request.json()
    except json.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _invalid(errors: list[str]) -> web.Response:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return web.json_response(body, status=400)
