"""The Slack room as one piece: Bolt, the dispatcher and the way in, Socket Mode or signed HTTP.

Made by bot/app.py. Knows the bot's own identity only after `auth.test` answered; until then nothing is handled, webhooks
are still taken and the outbox keeps what is to be said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import TypeVar

from aiohttp import web

from bot.clients.slack import Identity, SlackClient
from bot.clients.slack_socket import SlackSocket
from bot.config import Configuration
from bot.errors import Ambiguous, ConfigurationError, Permanent, Transient
from bot.render import Renderer
from bot.slack.accounts import Accounts
from bot.slack.bolt import build
from bot.slack.desk import Asking, Desk
from bot.slack.dispatch import Dispatcher
from bot.slack.endpoint import Endpoint
from bot.slack.origin import Origin, in_audit
from bot.slack.provenance import Records
from bot.slack.socket import SocketDoor
from bot.store import messages
from bot.store.inbox import Inbox
from bot.store.session import Store
from bot.telemetry import log

RETRY_SECONDS = 2.0
WHERE = "environment: SLACK_BOT_TOKEN"
Answer = TypeVar("Answer")


async def _answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask until Slack answers."""
    while True:
        try:
            return await ask()
        except (Transient, Ambiguous) as error:
            log().warning("slack cannot be reached; trying again", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)


class SlackRoom:
    """One workspace. `run` connects and stays; `http_endpoint` is the route in HTTP mode, None in Socket Mode."""

    def __init__(
        self,
        found: Configuration,
        asking: Asking,
        client: SlackClient,
        renderer: Renderer,
        store: Store,
        inbox: Inbox,
    ) -> None:
        self._found = found
        self._client = client
        self._inbox = inbox
        self._record = in_audit(store, lambda: datetime.now(UTC))
        self._dispatcher: Dispatcher | None = None
        self._socket: SlackSocket | None = None
        self._endpoint: Endpoint | None = None

        async def incident_of(channel: str, thread_ts: str) -> str | None:
            return await store.read(lambda session: messages.by_thread(session, channel, thread_ts))

        checks = found.file.slack.check_accounts
        team = found.file.slack.team
        accounts = Accounts(client.user_info, team, lambda: datetime.now(UTC)) if checks else None
        self._desk = Desk(
            asking=asking,
            client=client,
            renderer=renderer,
            people=found.people,
            provenance=Records(store),
            incident_of=incident_of,
            team=team,
            command=found.file.slack.command,
            clock=lambda: datetime.now(UTC),
            accounts=accounts,
        )
        self.http_endpoint = self._receive if found.file.slack.mode == "http" else None

    @property
    def connected(self) -> bool:
        """Whether Slack can reach us now: the socket is open, or in HTTP mode the identity is known."""
        if self.http_endpoint is not None:
            return self._endpoint is not None
        return self._socket is not None and self._socket.connected.is_set()

    async def run(self) -> None:
        """Learn who we are, handle what a crash left over, then listen until cancelled."""
        identity = await self._who_we_are()
        app = build(self._desk, identity, self._found.secret("SLACK_BOT_TOKEN"))
        origin = Origin(await self._our_app(identity), self._record)
        self._dispatcher = Dispatcher(app, self._inbox, lambda: datetime.now(UTC), origin=origin)
        again = await self._dispatcher.recover()
        if again:
            log().info("handled again what the last process left over", clicks=again)
        if self._found.file.slack.mode == "http":
            secret = self._found.secret("SLACK_SIGNING_SECRET")
            self._endpoint = Endpoint(secret, self._dispatcher, lambda: datetime.now(UTC))
            await asyncio.Event().wait()
        door = SocketDoor(self._dispatcher)
        token = self._found.secret("SLACK_APP_TOKEN")
        self._socket = SlackSocket(self._client, token, door.receive, clock=monotonic)
        await self._socket.run()

    async def close(self) -> None:
        """Stop listening and finish what is under way."""
        if self._socket is not None:
            await self._socket.close()
        if self._dispatcher is not None:
            await self._dispatcher.drain()

    async def _who_we_are(self) -> Identity:
        """A token that is refused or of another workspace ends the bot with a sentence."""
        fix = "copy the xoxb- token of the app installed in this workspace."
        try:
            identity = await _answered(self._client.identity)
        except Permanent as error:
            raise ConfigurationError(f"Slack refuses the token ({error}).", place=WHERE, fix=fix) from error
        if identity.team != self._found.file.slack.team:
            raise ConfigurationError(f"the token belongs to workspace {identity.team}.", place=WHERE, fix=fix)
        return identity

    async def _our_app(self, identity: Identity) -> str:
        """Which app's payloads are ours (T12); without knowing that, none could be taken."""
        fix = (
            "give the app the scope users:read (deploy/slack-manifest.yaml), install it again and copy its xoxb- token."
        )
        try:
            return await _answered(partial(self._client.app_of, identity.bot))
        except Permanent as error:
            reason = f"Slack does not say which app the token belongs to ({error})."
            raise ConfigurationError(reason, place=WHERE, fix=fix) from error

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        if self._endpoint is None:
            return web.Response(status=503, text="starting\n", headers={"Retry-After": "2"})
        return await self._endpoint.handle(request)
