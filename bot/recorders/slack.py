"""The Slack recorder: one message per incident, one card per run, one reply per entry; edited, never doubled.

Called by bot/recorders/outbox.py with one delivery at a time per lane. Shows what the store says at the moment of
delivery, so a late delivery shows the present. A post without an answer is looked up by its metadata before it is sent
again (reference/apis.md 1.5). Must not decide what is delivered or in which order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.clients.slack import Posted, SlackClient
from bot.errors import Ambiguous, Permanent, Transient
from bot.incident import Incident
from bot.recorders.base import Delivery
from bot.recorders.slack_pace import EDITS, Pace
from bot.recorders.slack_seen import Seen, SlackTurn, key_of, look, opened
from bot.render import Message, Renderer
from bot.services import Catalogue, People, Service
from bot.store import messages
from bot.store.board import Board
from bot.store.messages import SlackMessage
from bot.store.session import Store
from bot.transcript import Entry, EntryKind

EVENT_TYPE = "countersign"
PAGES = 10
MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message goes. since: no older message can be ours (for the look-up in a channel). opens: an incident."""

    channel: str
    thread_ts: str = ""
    key: str = field(kw_only=True)
    since: datetime | None = None
    broadcast: bool = False
    opens: bool = False


Make = Callable[[Any], Message]  # of what was Seen; a notice shows nothing of the store


class SlackRecorder:
    """default_channel: for incidents whose service names none. clock: UTC now. sleep: seconds, for the pace only."""

    destination = "slack"

    def __init__(
        self,
        client: SlackClient,
        store: Store,
        renderer: Renderer,
        catalogue: Catalogue,
        people: People,
        default_channel: str,
        clock: Callable[[], datetime],
        pace: Pace,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._client = client
        self._store = store
        self._renderer = renderer
        self._catalogue = catalogue
        self._people = people
        self._default_channel = default_channel
        self._clock = clock
        self._pace = pace
        self._sleep = sleep
        self._doubtful: set[str] = set()
        self._channels: dict[str, str] = {}

    def turn(self) -> SlackTurn:
        """A look at what Slack's pace lets go now, for the outbox."""
        return SlackTurn(self._pace, self.channel_of, self._default_channel, self._channels)

    async def deliver(self, delivery: Delivery) -> str:
        """Post or edit it; the receipt is the message's ts. Raises Transient, Permanent or Ambiguous."""
        if delivery.kind == "notice":
            return await self._notice(delivery)
        kinds = {"summary": self._summary, "card": self._card, "entry": self._entry}
        if delivery.kind not in kinds:
            raise Permanent(f"Slack has no {delivery.kind!r} deliveries")
        return await kinds[delivery.kind](await self._seen(delivery), delivery)

    async def _summary(self, seen: Seen, delivery: Delivery) -> str:
        if seen.known is not None:
            return await self._edit(seen, seen.known, self._summary_message, delivery)
        return (await self._root(seen, delivery)).ts

    async def _card(self, seen: Seen, delivery: Delivery) -> str:
        def card(present: Seen) -> Message:
            return self._card_message(_board(present), delivery.subject)

        if seen.known is not None:
            return await self._edit(seen, seen.known, card, delivery)
        card(seen)  # a run that is not there must not open a thread
        return (await self._reply(seen, card, delivery)).ts

    async def _entry(self, seen: Seen, delivery: Delivery) -> str:
        if seen.known is not None:
            return seen.known.ts
        entry = seen.entry
        if entry is None:
            raise Permanent(f"transcript entry {delivery.subject} is not in the store")
        mentions = self._called(seen.incident) if entry.kind is EntryKind.ESCALATED else []

        def line(_present: Seen) -> Message:
            return self._renderer.blocks("entry", entry=entry, names=self.name_of, mentions=mentions)

        return (await self._reply(seen, line, delivery, broadcast=bool(mentions))).ts

    async def _notice(self, delivery: Delivery) -> str:
        message = self._renderer.blocks("notice", text=str(delivery.payload.get("text", "")))
        channel = str(delivery.payload.get("channel") or self._default_channel)
        place = Place(channel, key=key_of(delivery), since=self._clock())
        return (await self._post(place, None, lambda _: message, delivery)).ts

    async def _root(self, seen: Seen, delivery: Delivery) -> SlackMessage:
        """The incident's summary message; posted now when it is not there yet, whatever is to be delivered."""
        if seen.root is not None:
            return seen.root
        incident = seen.incident
        key, since = f"summary:{incident.id}", incident.opened_at
        place = Place(self.channel_of(incident), key=key, since=since, opens=True)
        return await self._post(place, seen, self._summary_message, delivery)

    async def _reply(self, seen: Seen, make: Make, delivery: Delivery, *, broadcast: bool = False) -> SlackMessage:
        root = await self._root(seen, delivery)
        place = Place(root.channel, root.ts, key=key_of(delivery), broadcast=broadcast)
        return await self._post(place, seen, make, delivery)

    async def _post(self, place: Place, seen: Seen | None, make: Make, delivery: Delivery) -> SlackMessage:
        """Post once and remember where."""
        doubtful = delivery.maybe_sent or place.key in self._doubtful
        found = await self._look_up(place) if doubtful else None
        if found is None:
            waited = await self._wait(self._pace.post(place.channel, opens=place.opens))
            present = await self._seen(replace(delivery, seen=None)) if waited and seen is not None else seen
            found = await self._send(place, make(present), delivery)
            self._doubtful.add(place.key)  # until the store has it: a full disk must not post it again and again (T62)
        posted = SlackMessage(key=place.key, channel=found.channel, ts=found.ts, thread_ts=place.thread_ts)
        try:
            await self._store.write(lambda s: messages.save(s, posted))
        except Transient as error:
            raise Ambiguous(f"{place.key} was posted, and its place could not be stored: {error}") from error
        self._doubtful.discard(place.key)
        return posted

    async def _send(self, place: Place, message: Message, delivery: Delivery) -> Posted:
        try:
            return await self._client.post(
                place.channel,
                message.text,
                message.blocks,
                thread_ts=place.thread_ts,
                metadata=_metadata(delivery, place.key),
                broadcast=place.broadcast,
            )
        except Ambiguous:
            self._doubtful.add(place.key)
            raise
        except Transient as error:
            raise self._slowed(place.channel, error) from error

    async def _edit(self, seen: Seen, known: SlackMessage, make: Make, delivery: Delivery) -> str:
        if await self._wait(self._pace.edit()):
            seen = await self._seen(replace(delivery, seen=None))
        message = make(seen)
        metadata = _metadata(delivery, known.key)
        try:
            await self._client.update(known.channel, known.ts, message.text, message.blocks, metadata=metadata)
        except Transient as error:
            raise self._slowed(EDITS, error) from error
        return known.ts

    def _slowed(self, name: str, error: Transient) -> Transient:
        """After a 429 its own channel (or the edits) wait; only when two are held at once the whole workspace does."""
        if error.retry_after and self._pace.slow_down(name, error.retry_after):
            return Transient(str(error))
        return error

    async def _wait(self, seconds: float) -> bool:
        """Whether it took time: then what was read is old."""
        if seconds > 0:
            await self._sleep(seconds)
        return seconds > 0

    async def _look_up(self, place: Place) -> Posted | None:
        """Our message with that key, when an earlier try did post it. Only messages of our own bot user count."""
        me = await self._client.identity()
        channel, thread_ts, key = place.channel, place.thread_ts, place.key
        oldest = f"{(place.since - MARGIN).timestamp():.6f}" if place.since else ""
        cursor = ""
        for _ in range(PAGES):
            page = (
                await self._client.replies(channel, thread_ts, cursor=cursor)
                if thread_ts
                else await self._client.history(channel, oldest=oldest, cursor=cursor)
            )
            for message in page.get("messages") or []:
                if message.get("user") == me.user and _key(message) == key:
                    return Posted(channel, str(message["ts"]))
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return None
        raise Ambiguous(f"{key} may have been posted, and the channel is too busy to find it")

    async def _seen(self, delivery: Delivery) -> Seen:
        """What is shown: read when it was claimed, else now."""
        if isinstance(delivery.seen, Board):
            return opened(delivery.seen)
        if isinstance(delivery.seen, Seen):
            return delivery.seen
        return await self._store.read(lambda s: look(s, delivery))

    def _summary_message(self, seen: Seen) -> Message:
        return self._renderer.blocks(
            "summary", board=_board(seen), service=self._service(seen.incident), names=self.name_of, now=self._clock()
        )

    def _card_message(self, shown: Board, run_id: str) -> Message:
        run = next((r for r in shown.runs if r.id == run_id), None)
        if run is None:
            raise Permanent(f"run {run_id} is not in the store")
        mine: list[Entry] = [entry for entry in shown.entries if entry.run_id == run_id]
        return self._renderer.blocks(
            "card",
            run=run,
            approvals=list(shown.approvals.get(run_id, ())),
            votes=shown.votes,
            entries=mine,
            facts=shown.facts,
            incident=shown.incident,
            service=self._service(shown.incident),
            names=self.name_of,
            now=self._clock(),
        )

    def channel_of(self, incident: Incident) -> str:
        """Where an incident is shown: its own channel, its service's, else the default."""
        service = self._service(incident)
        return incident.channel or (service.channel if service else "") or self._default_channel

    def _service(self, incident: Incident) -> Service | None:
        return self._catalogue.named(incident.service, incident.environment) if incident.service else None

    def name_of(self, person_id: str) -> str:
        """Display name of a directory id; `bot` is us; anything else is shown as it is."""
        person = self._people.by_id(person_id)
        return person.name if person else "Countersign" if person_id == "bot" else str(person_id)

    def _called(self, incident: Incident) -> list[str]:
        """Mentions of the people PagerDuty has assigned. Never from another source's text: an alert cannot ping (C4)."""
        if incident.source != "pagerduty":
            return []
        return [
            f"<@{account.user}>"
            for person in self._people.people
            if person.name in incident.assignees
            for account in person.slack[:1]
        ]


def _board(seen: Seen) -> Board:
    if seen.board is None:
        raise Permanent(f"the board of incident {seen.incident.id} was not read")
    return seen.board


def _metadata(delivery: Delivery, key: str) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"delivery": delivery.id, "key": key}}


def _key(message: dict[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return ""
    return str((metadata.get("event_payload") or {}).get("key", ""))
