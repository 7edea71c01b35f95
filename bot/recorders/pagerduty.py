"""The PagerDuty recorder: notes, state changes, reassignments and pages.

Driven by bot/recorders/outbox.py. A note is not repeatable, so a note that may have been written is looked up by its
marker first; the others are repeatable (reference/apis.md section 7). Must not decide what is said: `render_text` does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from bot.errors import Permanent
from bot.recorders.base import Delivery
from bot.recorders.marker import carries, fitting
from bot.recorders.tickets import RenderText, entry_seq

NOTE_CHARACTERS = 25_000


class PagerDutyCalls(Protocol):
    """The part of bot.clients.pagerduty.PagerDutyClient that is used here."""

    async def notes(self, incident_id: str) -> list[dict[str, Any]]:
        """All notes."""
        ...

    async def add_note(self, incident_id: str, content: str) -> str:
        """A new note's id."""
        ...

    async def set_status(self, incident_id: str, status: str) -> None:
        """Change the state."""
        ...

    async def reassign(self, incident_id: str, user_ids: list[str]) -> None:
        """Assign to others."""
        ...

    async def resolve_event(self, dedup_key: str) -> str:
        """End a page."""
        ...

    async def trigger_event(
        self,
        summary: str,
        source: str,
        severity: str,
        dedup_key: str,
        custom_details: dict[str, Any] | None = None,
        links: list[dict[str, str]] = ...,
    ) -> str:
        """Page; the dedup key."""
        ...


class PagerDutyRecorder:
    """Delivers to PagerDuty.

    external_id: our incident id -> PagerDuty's, '' when the incident did not come from there (then a note fails for good).
    """

    destination = "pagerduty"

    def __init__(
        self, client: PagerDutyCalls, external_id: Callable[[str], Awaitable[str]], render_text: RenderText
    ) -> None:
        self._client = client
        self._external_id = external_id
        self._render_text = render_text

    async def deliver(self, delivery: Delivery) -> str:
        """Sends one `note`, `status`, `reassign`, `page` or `page_over` and returns its receipt: note id, status, ids, dedup key."""
        if delivery.kind == "note":
            return await self._note(delivery)
        if delivery.kind == "status":
            status = str(delivery.payload.get("status", ""))
            await self._client.set_status(await self._incident(delivery), status)
            return status
        if delivery.kind == "reassign":
            users = [str(user) for user in delivery.payload.get("user_ids", [])]
            await self._client.reassign(await self._incident(delivery), users)
            return ",".join(users)
        if delivery.kind == "page_over":
            return await self._client.resolve_event(str(delivery.payload.get("dedup_key", "")))
        if delivery.kind == "page":
            return await self._page(delivery)
        raise Permanent(f"PagerDuty has no place for a delivery of kind {delivery.kind!r}")

    async def _note(self, delivery: Delivery) -> str:
        incident = await self._incident(delivery)
        if delivery.maybe_sent:
            for note in await self._client.notes(incident):
                if carries(str(note.get("content") or ""), delivery.id):
                    return str(note.get("id", ""))
        text = await self._render_text(self.destination, entry_seq(delivery))
        return await self._client.add_note(incident, fitting(text, delivery.id, NOTE_CHARACTERS))

    async def _page(self, delivery: Delivery) -> str:
        payload = delivery.payload
        links = [dict(link) for link in payload.get("links", [])]
        if payload.get("url"):
            links.append({"href": str(payload["url"]), "text": "Incident"})
        return await self._client.trigger_event(
            summary=str(payload.get("summary") or "Countersign needs a person"),
            source=str(payload.get("source") or "countersign"),
            severity=str(payload.get("severity") or "critical"),
            dedup_key=str(payload.get("dedup_key") or f"countersign/{delivery.incident_id}"),
            custom_details=dict(payload.get("custom_details") or {}),
            links=links,
        )

    async def _incident(self, delivery: Delivery) -> str:
        found = await self._external_id(delivery.incident_id)
        if not found:
            raise Permanent("the incident is not known to PagerDuty")
        return found
