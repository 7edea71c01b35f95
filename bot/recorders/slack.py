"""The Slack recorder: one message per incident, one card per run, one reply per entry; edited, never doubled.

Called by bot/recorders/outbox.py with one delivery at a time per lane. Shows what the store says at the moment of
delivery, so a late delivery shows the present. A post without an answer is looked up by its metadata before it is sent
again (reference/apis.md 1.5). Must not decide what is delivered or in which order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from bot.clients.slack import Posted, SlackClient
from bot.errors import Ambiguous, Permanent, Transient
from bot.incident import Incident
from bot.recorders.base import Delivery
from bot.recorders.slack_pace import Pace
from bot.render import Message, Renderer
from bot.services import Catalogue, People, Service
from bot.store import board, entries, messages
from bot.store.board import Board
from bot.store.messages import SlackMessage
from bot.store.session import Store
from bot.transcript import Entry, EntryKind

EVENT_TYPE = "countersign"
PAGES = 10
MARGIN = timedelta(minutes=5)


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

    async def deliver(self, delivery: Delivery) -> str:
        """Post or edit it; the receipt is the message's ts. Raises Transient, Permanent or Ambiguous."""
        kinds = {"summary": self._summary, "card": self._card, "entry": self._entry, "notice": self._notice}
        if delivery.kind not in kinds:
            raise Permanent(f"Slack has no {delivery.kind!r} deliveries")
        return await kinds[delivery.kind](delivery)

    async def _summary(self, delivery: Delivery) -> str:
        shown = await self._board(delivery.incident_id)
        known = await self._message(f"summary:{shown.incident.id}")
        if known is not None:
            return await self._edit(known, self._summary_message(shown), delivery)
        return (await self._root(shown, delivery)).ts

    async def _card(self, delivery: Delivery) -> str:
        shown = await self._board(delivery.incident_id)
        key = f"card:{delivery.subject}"
        message = self._card_message(shown, delivery.subject)
        known = await self._message(key)
        if known is not None:
            return await self._edit(known, message, delivery)
        root = await self._root(shown, delivery)
        return (await self._reply(root, key, message, delivery)).ts

    async def _entry(self, delivery: Delivery) -> str:
        key = f"entry:{delivery.subject}"
        known = await self._message(key)
        if known is not None:
            return known.ts
        shown = await self._board(delivery.incident_id)
        entry = await self._store.read(lambda s: entries.get(s, int(delivery.subject)))
        if entry is None:
            raise Permanent(f"transcript entry {delivery.subject} is not in the store")
        root = await self._root(shown, delivery)
        mentions = self._called(shown.incident) if entry.kind is EntryKind.ESCALATED else []
        message = self._renderer.blocks("entry", entry=entry, names=self.name_of, mentions=mentions)
        return (await self._reply(root, key, message, delivery, broadcast=bool(mentions))).ts

    async def _notice(self, delivery: Delivery) -> str:
        message = self._renderer.blocks("notice", text=str(delivery.payload.get("text", "")))
        channel = str(delivery.payload.get("channel") or self._default_channel)
        return (await self._post(channel, "", f"notice:{delivery.id}", message, delivery, self._clock())).ts

    async def _root(self, shown: Board, delivery: Delivery) -> SlackMessage:
        """The incident's summary message; posted now when it is not there yet, whatever is to be delivered."""
        key = f"summary:{shown.incident.id}"
        known = await self._message(key)
        if known is not None:
            return known
        message = self._summary_message(shown)
        return await self._post(self.channel_of(shown.incident), "", key, message, delivery, shown.incident.opened_at)

    async def _reply(
        self, root: SlackMessage, key: str, message: Message, delivery: Delivery, *, broadcast: bool = False
    ) -> SlackMessage:
        return await self._post(root.channel, root.ts, key, message, delivery, None, broadcast=broadcast)

    async def _post(
        self,
        channel: str,
        thread_ts: str,
        key: str,
        message: Message,
        delivery: Delivery,
        since: datetime | None,
        *,
        broadcast: bool = False,
    ) -> SlackMessage:
        """Post once and remember where. since: no older message can be ours (for the look-up in a channel)."""
        found = (
            await self._look_up(channel, thread_ts, key, since)
            if delivery.maybe_sent or key in self._doubtful
            else None
        )
        if found is None:
            await self._wait(self._pace.post(channel))
            metadata = {"event_type": EVENT_TYPE, "event_payload": {"delivery": delivery.id, "key": key}}
            try:
                found = await self._client.post(
                    channel, message.text, message.blocks, thread_ts=thread_ts, metadata=metadata, broadcast=broadcast
                )
            except Ambiguous:
                self._doubtful.add(key)
                raise
            except Transient as error:
                if error.retry_after:
                    self._pace.slow_down(channel)
                raise
        posted = SlackMessage(key=key, channel=found.channel, ts=found.ts, thread_ts=thread_ts)
        await self._store.write(lambda s: messages.save(s, posted))
        self._doubtful.discard(key)
        return posted

    async def _edit(self, known: SlackMessage, message: Message, delivery: Delivery) -> str:
        await self._wait(self._pace.edit())
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"delivery": delivery.id, "key": known.key}}
        await self._client.update(known.channel, known.ts, message.text, message.blocks, metadata=metadata)
        return known.ts

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)

    async def _look_up(self, channel: str, thread_ts: str, key: str, since: datetime | None) -> Posted | None:
        """Our message with that key, when an earlier try did post it. Only messages of our own bot user count."""
        me = await self._client.identity()
        oldest = f"{(since - MARGIN).timestamp():.6f}" if since else ""
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

    async def _board(self, incident_id: str) -> Board:
        found = await self._store.read(lambda s: board.load(s, incident_id))
        if found is None:
            raise Permanent(f"incident {incident_id} is not in the store")
        return found

    async def _message(self, key: str) -> SlackMessage | None:
        return await self._store.read(lambda s: messages.get(s, key))

    def _summary_message(self, shown: Board) -> Message:
        return self._renderer.blocks(
            "summary", board=shown, service=self._service(shown.incident), names=self.name_of, now=self._clock()
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


def _key(message: dict[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return ""
    return str((metadata.get("event_payload") or {}).get("key", ""))
