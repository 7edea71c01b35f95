"""The ServiceNow recorder: one incident record per incident, one work note per transcript entry, one record per review.

Driven by bot/recorders/outbox.py. People know the record by its number, calls need its sys_id (reference/apis.md 3.2),
so the sys_id is looked up by our incident id and remembered. Must not repeat a work note: one that may have been written is looked up by its marker (case T64).
"""

from __future__ import annotations

from typing import Protocol

from bot.clients.servicenow import Record, WorkNote
from bot.errors import Permanent
from bot.recorders.base import Delivery
from bot.recorders.marker import carries, fitting
from bot.recorders.tickets import Draft, DraftOf, FollowUps, RenderText, SaveTicket, Ticket, TicketOf, entry_seq

NOTE_CHARACTERS = 30_000
REMEMBERED = 1000


class ServiceNowCalls(Protocol):
    """The part of bot.clients.servicenow.ServiceNowClient that is used here."""

    def address(self, record: Record) -> str:
        """Where people find it."""
        ...

    async def create_incident(self, incident_id: str, short_description: str, description: str) -> Record:
        """The incident's record, found or made."""
        ...

    async def work_notes(self, sys_id: str) -> list[WorkNote]:
        """All work notes."""
        ...

    async def add_work_note(self, sys_id: str, text: str) -> None:
        """Write a work note."""
        ...


class ServiceNowRecorder:
    """Delivers to ServiceNow. ticket_of, save_ticket, draft_of, follow_ups: see bot/recorders/tickets.py."""

    destination = "servicenow"

    def __init__(
        self,
        client: ServiceNowCalls,
        ticket_of: TicketOf,
        save_ticket: SaveTicket,
        draft_of: DraftOf,
        render_text: RenderText,
        follow_ups: FollowUps,
    ) -> None:
        self._follow_ups = follow_ups
        self._client = client
        self._ticket_of = ticket_of
        self._save_ticket = save_ticket
        self._draft_of = draft_of
        self._render_text = render_text
        self._sys_ids: dict[str, str] = {}

    async def deliver(self, delivery: Delivery) -> str:
        """Sends one `comment` as a work note and returns its journal id, or the marker when the vendor names none; or opens
        one `follow_up` and returns its number.
        """
        if delivery.kind == "follow_up":
            return await self._follow_up(delivery.subject)
        if delivery.kind != "comment":
            raise Permanent(f"ServiceNow has no place for a delivery of kind {delivery.kind!r}")
        seq = entry_seq(delivery)
        sys_id = await self._sys_id(delivery.incident_id)
        if delivery.maybe_sent:
            for note in await self._client.work_notes(sys_id):
                if carries(note.text, delivery.id):
                    return note.id
        text = await self._render_text(self.destination, seq)
        await self._client.add_work_note(sys_id, fitting(text, delivery.id, NOTE_CHARACTERS))
        return f"cs-{delivery.id}"

    async def _follow_up(self, run_id: str) -> str:
        """Creating looks first for the record that carries the run's id, so a second try opens no second one."""
        known = await self._ticket_of(run_id)
        if known is not None:
            return known.key
        record = await self._open(await self._follow_ups.draft_of(run_id), run_id)
        await self._follow_ups.opened(run_id, Ticket(key=record.number, url=self._client.address(record)))
        return record.number

    async def _open(self, draft: Draft, about_id: str) -> Record:
        description = f"{draft.text}\n\n{draft.url}".strip()
        return await self._client.create_incident(about_id, draft.summary, description)

    async def _sys_id(self, incident_id: str) -> str:
        if incident_id in self._sys_ids:
            return self._sys_ids[incident_id]
        record = await self._open(await self._draft_of(incident_id), incident_id)
        if await self._ticket_of(incident_id) is None:
            await self._save_ticket(incident_id, Ticket(key=record.number, url=self._client.address(record)))
        while len(self._sys_ids) >= REMEMBERED:
            self._sys_ids.pop(next(iter(self._sys_ids)))
        self._sys_ids[incident_id] = record.sys_id
        return record.sys_id
