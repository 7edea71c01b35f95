"""What the Slack recorder reads of the store for one delivery, and whether Slack's pace lets it go now.

Used by bot/recorders/slack.py; `SlackTurn` is asked by the outbox inside the transaction that claims, so that a delivery
costs one transaction before it leaves, and what cannot go yet stays in the outbox: there it can be overtaken by something
more important and waiting edits become one. Must not write, post or word anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session

from bot.errors import Permanent
from bot.incident import Incident
from bot.recorders.base import Delivery
from bot.recorders.slack_pace import EDITS, Pace
from bot.store import board, entries, incidents, messages
from bot.store.board import Board
from bot.store.messages import SlackMessage
from bot.transcript import Entry

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Seen:
    """known: the message that is to be shown, when it is there already; root: the incident's summary message.

    board: not read for an entry whose thread is there. entry: of an entry delivery.
    """

    incident: Incident
    board: Board | None
    known: SlackMessage | None
    root: SlackMessage | None
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """How a delivery goes out. name: its bucket in the pace, empty when nothing is sent; opens: it opens an incident."""

    name: str
    opens: bool = False


def key_of(delivery: Delivery) -> str:
    """The key of the message that shows a delivery (bot/store/messages.py)."""
    if delivery.kind == "notice":
        return f"notice:{delivery.id}"
    return f"{delivery.kind}:{delivery.incident_id if delivery.kind == 'summary' else delivery.subject}"


def look(session: Session, delivery: Delivery) -> Seen:
    """Everything a summary, card or entry shows. Raises Permanent when it is not in the store."""
    known = messages.get(session, key_of(delivery))
    root = known if delivery.kind == "summary" else messages.get(session, f"summary:{delivery.incident_id}")
    entry = None
    if delivery.kind == "entry":
        entry = entries.get(session, int(delivery.subject))
        if entry is None:
            raise Permanent(f"transcript entry {delivery.subject} is not in the store")
        if root is not None:
            return Seen(_there(incidents.get(session, delivery.incident_id), delivery), None, known, root, entry)
    shown = board.load(session, delivery.incident_id)
    return Seen(_there(shown.incident if shown else None, delivery), shown, known, root, entry)


def opened(shown: Board) -> Seen:
    """What is shown of an incident that was opened in the same transaction."""
    return Seen(shown.incident, shown, None, None)


def _there(incident: Incident | None, delivery: Delivery) -> Incident:
    if incident is None:
        raise Permanent(f"incident {delivery.incident_id} is not in the store")
    return incident


class SlackTurn:
    """One look of the outbox. channel_of: where an incident is shown; known: what it said before, by incident id.

    In a storm hundreds of rows wait for one channel and each look passes over them all, so passing over one must be cheap.
    """

    def __init__(
        self, pace: Pace, channel_of: Callable[[Incident], str], default_channel: str, known: dict[str, str]
    ) -> None:
        self._known = known
        self.soonest: float | None = None
        self._pace = pace
        self._channel_of = channel_of
        self._default_channel = default_channel
        self._allowed: Counter[str] = Counter()

    def allows(self, session: Session, delivery: Delivery) -> bool:
        """Whether Slack's pace lets it go now; what it cannot place it lets go, and the delivery says what is wrong."""
        way = self._way(session, delivery)
        if not way.name:
            return True
        wait = self._pace.wait(way.name, self._allowed[way.name], opens=way.opens)
        if wait > 0:
            self.soonest = wait if self.soonest is None else min(self.soonest, wait)
            return False
        self._allowed[way.name] += 1
        return True

    def seen(self, session: Session, delivery: Delivery) -> object:
        """What it shows; None for a notice, and for what is not there."""
        if delivery.kind == "notice":
            return None
        return look(session, delivery)

    def _way(self, session: Session, delivery: Delivery) -> Way:
        if delivery.kind == "notice":
            return Way(str(delivery.payload.get("channel") or self._default_channel))
        if isinstance(delivery.seen, Board):
            return Way(self._channel_of(delivery.seen.incident), opens=True)
        if messages.get(session, key_of(delivery)) is not None:
            return Way("" if delivery.kind == "entry" else EDITS)
        root = None if delivery.kind == "summary" else messages.get(session, f"summary:{delivery.incident_id}")
        if root is not None:
            return Way(root.channel)
        return Way(self._channel(session, delivery.incident_id), opens=True)

    def _channel(self, session: Session, incident_id: str) -> str:
        """Where an incident is to be shown; a channel never changes. Empty for one that is not there."""
        if incident_id not in self._known:
            incident = incidents.get(session, incident_id)
            if incident is None:
                return ""
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[incident_id] = self._channel_of(incident)
        return self._known[incident_id]
