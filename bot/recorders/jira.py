"""The Jira recorder: one issue per incident, one comment per transcript entry, one issue per run that needs a review.

Driven by bot/recorders/outbox.py; lanes are incidents, so the first entry opens the issue and the rest follow in order.
Must not repeat a comment: one that may have been written is looked up by its marker (case T64).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bot.clients import adf
from bot.clients.jira import Comment
from bot.errors import Permanent
from bot.recorders.base import Delivery
from bot.recorders.marker import carries, marker
from bot.recorders.tickets import Draft, DraftOf, FollowUps, RenderText, SaveTicket, Ticket, TicketOf, entry_seq


class JiraCalls(Protocol):
    """The part of bot.clients.jira.JiraClient that is used here."""

    def address(self, key: str) -> str:
        """Where people find it."""
        ...

    async def create_issue(
        self,
        project: str,
        summary: str,
        description_adf: Mapping[str, Any],
        labels: tuple[str, ...],
        incident_id: str,
    ) -> str:
        """The incident's issue key, found or made."""
        ...

    async def comments(self, key: str) -> list[Comment]:
        """All comments."""
        ...

    async def add_comment(self, key: str, body_adf: Mapping[str, Any]) -> str:
        """A new comment's id."""
        ...


class JiraRecorder:
    """Delivers to Jira. ticket_of, save_ticket, draft_of, follow_ups: see bot/recorders/tickets.py."""

    destination = "jira"

    def __init__(
        self,
        client: JiraCalls,
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

    async def deliver(self, delivery: Delivery) -> str:
        """Sends one `comment` and returns the comment's id, or opens one `follow_up` and returns its key."""
        if delivery.kind == "follow_up":
            return await self._follow_up(delivery.subject)
        if delivery.kind != "comment":
            raise Permanent(f"Jira has no place for a delivery of kind {delivery.kind!r}")
        seq = entry_seq(delivery)
        ticket = await self._ticket(delivery.incident_id)
        if delivery.maybe_sent:
            for comment in await self._client.comments(ticket.key):
                if carries(comment.text, delivery.id):
                    return comment.id
        text = await self._render_text(self.destination, seq)
        return await self._client.add_comment(ticket.key, adf.from_text(text, end=marker(delivery.id)))

    async def _ticket(self, incident_id: str) -> Ticket:
        known = await self._ticket_of(incident_id)
        if known is not None:
            return known
        ticket = await self._open(await self._draft_of(incident_id), incident_id)
        await self._save_ticket(incident_id, ticket)
        return ticket

    async def _follow_up(self, run_id: str) -> str:
        """Creating looks first for the issue that carries the run's id, so a second try opens no second one.

        Its search lags by seconds; what we remember does not.
        """
        known = await self._ticket_of(run_id)
        if known is not None:
            return known.key
        ticket = await self._open(await self._follow_ups.draft_of(run_id), run_id)
        await self._follow_ups.opened(run_id, ticket)
        return ticket.key

    async def _open(self, draft: Draft, about_id: str) -> Ticket:
        about = adf.paragraph(adf.link("The incident", draft.url)) if draft.url else []
        description = adf.document(adf.from_text(draft.text)["content"], about)
        key = await self._client.create_issue(draft.project, draft.summary, description, draft.labels, about_id)
        return Ticket(key=key, url=self._client.address(key))
