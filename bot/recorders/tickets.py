"""What the recorders share: the entry they write, the incident's ticket, how to describe a new one, and callbacks.

The callbacks are filled in by bot/app.py from the store, the templates and the catalogue. Values only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.errors import Permanent
from bot.recorders.base import Delivery

RenderText = Callable[[str, int], Awaitable[str]]
"""(destination, entry seq) -> the entry's text for that destination. Raises Permanent when there is no such entry."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """key: what people call it (`OPS-12`, `INC0010002`). url: where they find it."""

    key: str
    url: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket to be opened. project: Jira project key, unused by ServiceNow. text: plain description; url: the incident."""

    project: str
    summary: str
    text: str
    url: str = ""
    labels: tuple[str, ...] = ()


TicketOf = Callable[[str], Awaitable[Ticket | None]]
"""incident id -> its ticket in this system, or None."""
SaveTicket = Callable[[str, Ticket], Awaitable[None]]
"""(incident id, ticket): remember it, before anything is written on it."""
DraftOf = Callable[[str], Awaitable[Draft]]
"""incident id -> what a new ticket says. Raises Permanent when the incident has no ticket project."""


@dataclass(frozen=True, slots=True)
class FollowUps:
    """Tickets of their own that review a run. draft_of: run id -> what it says. opened: (run id, ticket): remember it and
    link it in the transcript; safe to tell twice.
    """

    draft_of: DraftOf
    opened: SaveTicket


def entry_seq(delivery: Delivery) -> int:
    """The transcript entry a note or comment is about. Raises Permanent when the subject is not a number."""
    if not (delivery.subject.isascii() and delivery.subject.isdigit()):
        raise Permanent(f"a {delivery.kind} delivery names no transcript entry")
    return int(delivery.subject)
