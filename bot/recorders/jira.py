"""The Jira recorder: one issue per incident, one comment per transcript entry, one issue per run that needs a review.

Driven by bot/recorders/outbox.py; lanes are incidents, so the first entry opens the issue and the rest follow in order.
Must not repeat a comment: one that may have been written is looked up by its marker (case T64). Must not look for an issue
that may have been opened before Jira's search can know it: it would be opened twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from bot.clients import adf
from bot.clients.jira import Comment
from bot.errors import Ambiguous, Permanent, Transient
from bot.recorders.base import Delivery
from bot.recorders.marker import carries, marker
from bot.recorders.tickets import Draft, DraftOf, FollowUps, RenderText, SaveTicket, Ticket, TicketOf, entry_seq

T = TypeVar("T")

SEARCH_LAG = 30.0
"""Seconds until Jira's search is taken to know a new issue. An assumption of ours: Jira gives no figure for its index."""

REMEMBERED = 1000  # issues that may have been opened, or whose key could not be stored yet


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
    """Delivers to Jira. ticket_of, save_ticket, draft_of, follow_ups: see bot/recorders/tickets.py. clock: monotonic seconds."""

    destination = "jira"

    def __init__(
        self,
        client: JiraCalls,
        ticket_of: TicketOf,
        save_ticket: SaveTicket,
        draft_of: DraftOf,
        render_text: RenderText,
        follow_ups: FollowUps,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._doubtful: dict[str, float] = {}
        self._opened: dict[str, Ticket] = {}
        self._follow_ups = follow_ups
        self._client = client
        self._ticket_of = ticket_of
        self._save_ticket = save_ticket
        self._draft_of = draft_of
        self._render_text = render_text

    async def deliver(self, delivery: Delivery) -> str:
        """Sends one `comment` and returns the comment's id, or opens one `follow_up` and returns its key."""
        if delivery.kind == "follow_up":
            return await self._follow_up(delivery.subject, maybe=delivery.maybe_sent)
        if delivery.kind != "comment":
            raise Permanent(f"Jira has no place for a delivery of kind {delivery.kind!r}")
        seq = entry_seq(delivery)
        ticket = await self._ticket(delivery.incident_id, maybe=delivery.maybe_sent)
        if delivery.maybe_sent:
            for comment in await self._client.comments(ticket.key):
                if carries(comment.text, delivery.id):
                    return comment.id
        text = await self._render_text(self.destination, seq)
        return await self._client.add_comment(ticket.key, adf.from_text(text, end=marker(delivery.id)))

    async def _ticket(self, incident_id: str, *, maybe: bool) -> Ticket:
        known = await self._ticket_of(incident_id)
        if known is not None:
            return known
        ticket = await self._once(incident_id, self._draft_of, maybe=maybe)
        await self._stored(incident_id, ticket, self._save_ticket)
        return ticket

    async def _follow_up(self, run_id: str, *, maybe: bool) -> str:
        """Creating looks first for the issue that carries the run's id, so a second try opens no second one.

        Its search lags by seconds; what we remember does not.
        """
        known = await self._ticket_of(run_id)
        if known is not None:
            return known.key
        ticket = await self._once(run_id, self._follow_ups.draft_of, maybe=maybe)
        await self._stored(run_id, ticket, self._follow_ups.opened)
        return ticket.key

    async def _stored(self, about_id: str, ticket: Ticket, save: SaveTicket) -> None:
        try:
            await save(about_id, ticket)
        except Transient as error:  # so that the outbox knows it after a restart, too
            raise Ambiguous(f"{ticket.key} was opened and could not be stored: {error}") from error
        self._opened.pop(about_id, None)

    async def _once(self, about_id: str, draft_of: DraftOf, *, maybe: bool) -> Ticket:
        """The issue about it: the one this process opened and could not store, else found or opened now.

        maybe: an earlier try may have opened it. Its search is asked only when it surely knows of that; until then this
        raises Transient, and the outbox comes back. A restart waits as long again, for nobody knows when the try was.
        """
        if about_id in self._opened:
            return self._opened[about_id]
        if maybe:
            _remember(self._doubtful, about_id, self._doubtful.get(about_id, self._clock()))
        since = self._doubtful.get(about_id)
        if since is not None and self._clock() - since < SEARCH_LAG:
            raise Transient("an issue may have been opened, and Jira's search may not know it yet")
        draft = await draft_of(about_id)
        try:
            ticket = await self._open(draft, about_id)
        except Ambiguous:
            _remember(self._doubtful, about_id, self._clock())
            raise
        self._doubtful.pop(about_id, None)
        _remember(self._opened, about_id, ticket)
        return ticket

    async def _open(self, draft: Draft, about_id: str) -> Ticket:
        about = adf.paragraph(adf.link("The incident", draft.url)) if draft.url else []
        description = adf.document(adf.from_text(draft.text)["content"], about)
        key = await self._client.create_issue(draft.project, draft.summary, description, draft.labels, about_id)
        return Ticket(key=key, url=self._client.address(key))


def _remember(where: dict[str, T], about_id: str, what: T) -> None:
    """Keep it; the oldest give way."""
    where[about_id] = what
    while len(where) > REMEMBERED:
        where.pop(next(iter(where)))
