"""The room under test against the sandbox's real local Slack (Web API and Socket Mode on 127.0.0.1), with a real inbox."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.clients.slack import SlackClient
from bot.clients.slack_socket import SlackSocket
from bot.render import Renderer
from bot.sandbox.slack_api import SlackApi
from bot.sandbox.slack_records import SlackUser
from bot.sandbox.slack_state import SlackWorkspace
from bot.services import People, Person, SlackIdentity
from bot.slack.accounts import Accounts
from bot.slack.bolt import build
from bot.slack.desk import Desk, Said
from bot.slack.dispatch import Dispatcher
from bot.slack.origin import Origin
from bot.slack.socket import SocketDoor
from bot.store.inbox import Inbox

ROOT = Path(__file__).resolve().parents[3]
TEAM, CHANNEL, ALICE, STRANGER = "T0SANDBOX", "C0INC", "U0ALICE", "U0EVE"
PERSON = Person(
    id="alice", name="Alice", roles=("responder", "approver"), slack=(SlackIdentity(team=TEAM, user=ALICE),)
)


def now() -> datetime:
    return datetime.now(UTC)


class Asked:
    """Stands in for bot.requests.Requests: writes down every question and gives the answer it was told to give."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.once: list[str] = []
        self.reply: Any = Said("done", {"text": "noted"}, ok=True)
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    def __getattr__(self, name: str) -> Any:
        async def ask(*arguments: Any, once: str = "") -> Any:
            self.once.append(once)
            self.calls.append((name, *(a.id if isinstance(a, Person) else a for a in arguments)))
            await self.gate.wait()
            if self.error is not None:
                raise self.error
            return self.reply

        return ask


class Cards:
    """Which button stands in which message."""

    def __init__(self) -> None:
        self.places: set[tuple[str, str, str]] = set()

    async def belongs(self, action_id: str, value: str, channel: str, ts: str) -> bool:
        return (value, channel, ts) in self.places


class Room:
    """Everything of one test."""

    def __init__(self, path: Path) -> None:
        numbers = itertools.count(1)
        self.workspace = SlackWorkspace(
            clock=now, new_id=lambda prefix: f"{prefix}{next(numbers):08d}", commands=("/runbook",)
        )
        self.workspace.add_user(SlackUser(ALICE, "alice", "Alice"))
        self.workspace.add_user(SlackUser(STRANGER, "eve", "Eve"))
        self.workspace.add_channel(CHANNEL, "incidents", members={ALICE, STRANGER, self.workspace.bot.id})
        self.api = SlackApi(self.workspace, posts_per_second=0)
        self.asked, self.cards = Asked(), Cards()
        self.inbox = Inbox.open(path)
        self.strangers: list[tuple[str, dict[str, Any]]] = []
        self.incidents: dict[tuple[str, str], str] = {}
        self.client: SlackClient
        self.dispatcher: Dispatcher
        self.socket: SlackSocket

    async def start(self) -> None:
        self.client = SlackClient(self.workspace.bot_token, await self.api.start())

        async def incident_of(channel: str, ts: str) -> str | None:
            return self.incidents.get((channel, ts))

        self.desk = Desk(
            asking=self.asked,
            client=self.client,
            renderer=Renderer(ROOT / "templates"),
            people=People(people=(PERSON,)),
            provenance=self.cards,
            incident_of=incident_of,
            team=TEAM,
            command="/runbook",
            clock=now,
            accounts=Accounts(self.client.user_info, TEAM, now),
        )
        self.origin = Origin(await self.client.app_of((await self.client.identity()).bot), self._record)
        self.app = build(self.desk, await self.client.identity(), self.workspace.bot_token)
        self.dispatcher = Dispatcher(self.app, self.inbox, now, origin=self.origin, mark_after=0.0)
        self.door = SocketDoor(self.dispatcher)
        self.socket = SlackSocket(self.client, self.workspace.app_token, self.door.receive, clock=time.monotonic)
        self.socket.start()
        await asyncio.wait_for(self.socket.connected.wait(), 5)

    async def _record(self, who: str, what: dict[str, Any]) -> None:
        self.strangers.append((who, what))

    async def stop(self) -> None:
        self.asked.gate.set()
        await self.socket.close()
        await self.dispatcher.drain()
        await self.client.close()
        await self.api.stop()
        self.inbox.close()

    def told(self, user: str = ALICE) -> list[str]:
        """Texts of the ephemeral answers a person sees."""
        return [message.text for message in self.workspace.ephemerals(user)]

    async def card(self, action_id: str, value: str, *, known: bool = True) -> tuple[str, str]:
        """A posted message with one button."""
        button = {
            "type": "button",
            "action_id": action_id,
            "value": value,
            "text": {"type": "plain_text", "text": "Go"},
        }
        posted = await self.client.post(CHANNEL, "card", [{"type": "actions", "elements": [button]}])
        if known:
            self.cards.places.add((value, posted.channel, posted.ts))
        return posted.channel, posted.ts

    async def settled(self) -> None:
        """Everything that arrived has been handled."""
        await asyncio.sleep(0.02)
        await self.dispatcher.drain()


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path / "inbox.db")
    await made.start()
    yield made
    await made.stop()
