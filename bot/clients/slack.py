"""The one client of Slack's Web API and of response addresses. Wraps slack_sdk; its errors become ours here, once.

Made by bot/app.py; used by bot/slack and bot/recorders/slack.py. Never retries by itself: the outbox does, and a repeated
`chat.postMessage` would post twice (reference/apis.md 1.5). Must not decide what to say.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import Ambiguous, CountersignError, Permanent, Transient

DEFAULT_URL = "https://slack.com/api/"
SLACK_HOSTS = (".slack.com", ".slack-gov.com")
# Errors of Slack itself: it may have done it before it failed (docs.slack.dev, "errors" of chat.postMessage).
INTERNAL = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})
BUSY = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
Blocks = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who our token is: workspace, bot user and bot id, from `auth.test`."""

    team: str
    user: str
    bot: str


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message stands. ts is text, never a number."""

    channel: str
    ts: str


def translated(error: Exception, method: str, *, repeatable: bool) -> CountersignError:
    """Our error for a foreign one. repeatable: a second identical call is harmless, so no answer is only Transient."""
    unanswered = Transient if repeatable else Ambiguous
    if isinstance(error, SlackApiError):
        return _refused(error, method, unanswered)
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return Transient(f"{method}: Slack cannot be reached ({type(error).__name__})")
    if isinstance(error, (aiohttp.ClientError, TimeoutError, ConnectionError)):
        return unanswered(f"{method}: no answer from Slack ({type(error).__name__})")
    return Permanent(f"{method}: {error}")


def _refused(error: SlackApiError, method: str, unanswered: type[Transient | Ambiguous]) -> CountersignError:
    response = error.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    data = getattr(response, "data", None)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    if status == 429 or code in BUSY:
        return Transient(f"{method}: Slack asks us to slow down", retry_after=_seconds(response.headers))
    if status >= 500 or code in INTERNAL or not code:
        return unanswered(f"{method}: Slack failed ({code or f'HTTP {status}'})")
    details = data.get("response_metadata", {}) if isinstance(data, dict) else {}
    messages = "; ".join(str(m) for m in details.get("messages", [])[:3]) if isinstance(details, dict) else ""
    return Permanent(f"{method}: {code}{f' ({messages})' if messages else ''}")


def _seconds(headers: Mapping[str, str]) -> float:
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), "")
    return float(value) if value.isascii() and value.isdigit() else 1.0


class SlackClient:
    """One bot token. url: base address of the Web API (`SLACK_API_URL`), empty for Slack's own.

    timeout: seconds for one whole call. Call `close` at the end.
    """

    def __init__(self, token: str, url: str = "", *, timeout: float = 10.0) -> None:
        self._token = token
        self._url = url or DEFAULT_URL
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None
        self._web: AsyncWebClient | None = None
        self._identity: Identity | None = None

    @property
    def web(self) -> AsyncWebClient:
        """slack_sdk's client for Bolt: same address, same connection pool, no retries of its own."""
        if self._web is None:
            self._web = AsyncWebClient(
                token=self._token, base_url=self._url, session=self.session, retry_handlers=[], ssl=self._tls()
            )
        return self._web

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connection pool; made on first use, inside the event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout, connect=min(self._timeout, 5.0))
            )
        return self._session

    def _tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context() if self._url.startswith("https:") else None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _call(
        self, method: str, arguments: dict[str, Any], *, repeatable: bool, form: bool = False
    ) -> dict[str, Any]:
        try:
            answer = await (
                self.web.api_call(method, params=arguments) if form else self.web.api_call(method, json=arguments)
            )
        except (SlackClientError, aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise translated(error, method, repeatable=repeatable) from error
        return dict(answer.data) if isinstance(answer.data, dict) else {}

    async def auth_test(self) -> dict[str, Any]:
        """Slack's own words about our token (`team_id`, `user_id`, `bot_id`). Raises Permanent for a wrong token."""
        return await self._call("auth.test", {}, repeatable=True)

    async def identity(self) -> Identity:
        """Who we are; asked once. Raises as `auth_test`."""
        if self._identity is None:
            found = await self.auth_test()
            self._identity = Identity(str(found["team_id"]), str(found["user_id"]), str(found.get("bot_id", "")))
        return self._identity

    async def app_of(self, bot: str) -> str:
        """`bots.info`: id of the app that this bot belongs to. Raises Permanent when Slack does not say."""
        found = (await self._call("bots.info", {"bot": bot}, repeatable=True, form=True)).get("bot")
        app = found.get("app_id") if isinstance(found, Mapping) else None
        if not isinstance(app, str) or not app:
            raise Permanent("bots.info: no app")
        return app

    async def post(
        self,
        channel: str,
        text: str,
        blocks: Blocks,
        *,
        thread_ts: str = "",
        metadata: Mapping[str, Any] | None = None,
        broadcast: bool = False,
    ) -> Posted:
        """A new message; nothing in it unfurls or links names. Raises Ambiguous when it may have been posted."""
        arguments: dict[str, Any] = {
            "channel": channel, "text": text, "blocks": list(blocks), "unfurl_links": False, "unfurl_media": False,
            "link_names": False, "parse": "none",
        }  # fmt: skip
        if thread_ts:
            arguments |= {"thread_ts": thread_ts, "reply_broadcast": broadcast}
        if metadata:
            arguments["metadata"] = metadata
        answer = await self._call("chat.postMessage", arguments, repeatable=False)
        return Posted(str(answer.get("channel") or channel), str(answer["ts"]))

    async def update(
        self, channel: str, ts: str, text: str, blocks: Blocks, *, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Edit our own message; repeating it is harmless."""
        arguments: dict[str, Any] = {
            "channel": channel, "ts": ts, "text": text, "blocks": list(blocks), "link_names": False, "parse": "none",
        }  # fmt: skip
        if metadata:
            arguments["metadata"] = metadata
        await self._call("chat.update", arguments, repeatable=True)

    async def ephemeral(self, channel: str, user: str, text: str, blocks: Blocks, *, thread_ts: str = "") -> None:
        """A message only `user` sees; Slack keeps no copy."""
        arguments: dict[str, Any] = {
            "channel": channel, "user": user, "text": text, "blocks": list(blocks), "link_names": False, "parse": "none",
        }  # fmt: skip
        if thread_ts:
            arguments["thread_ts"] = thread_ts
        await self._call("chat.postEphemeral", arguments, repeatable=True)

    async def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> str:
        """A modal, within three seconds of the click; its id. Raises Permanent (`expired_trigger_id`) later than that."""
        opened = await self._call("views.open", {"trigger_id": trigger_id, "view": view}, repeatable=True)
        return str((opened.get("view") or {}).get("id", ""))

    async def update_view(self, view_id: str, view: Mapping[str, Any]) -> None:
        """What an open modal shows from now on. Raises Permanent (`not_found`) when the person has closed it."""
        await self._call("views.update", {"view_id": view_id, "view": view}, repeatable=True)

    async def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        """The App Home of one user."""
        await self._call("views.publish", {"user_id": user, "view": view}, repeatable=True)

    async def replies(self, channel: str, thread_ts: str, *, oldest: str = "", cursor: str = "") -> dict[str, Any]:
        """One page of a thread with all metadata: `messages`, and `response_metadata.next_cursor` when there is more."""
        return await self._page("conversations.replies", channel, oldest, cursor, {"ts": thread_ts})

    async def history(self, channel: str, *, oldest: str = "", cursor: str = "") -> dict[str, Any]:
        """One page of a channel with all metadata, newest first."""
        return await self._page("conversations.history", channel, oldest, cursor, {})

    async def _page(self, method: str, channel: str, oldest: str, cursor: str, more: dict[str, Any]) -> dict[str, Any]:
        arguments = {"channel": channel, "limit": 200, "include_all_metadata": True, **more}
        arguments |= {name: value for name, value in (("oldest", oldest), ("cursor", cursor)) if value}
        return await self._call(method, arguments, repeatable=True, form=True)

    async def user_info(self, user: str) -> dict[str, Any]:
        """`users.info`: flags such as `deleted`, `is_restricted`, `is_stranger`."""
        found = await self._call("users.info", {"user": user}, repeatable=True, form=True)
        user_data: dict[str, Any] = found.get("user", {})
        return user_data

    async def usergroup_members(self, group: str) -> list[str]:
        """`usergroups.users.list`: user ids. Raises Permanent for an unknown or disabled group."""
        found = await self._call("usergroups.users.list", {"usergroup": group}, repeatable=True, form=True)
        users = found.get("users")
        return [str(user) for user in users] if isinstance(users, list) else []

    def may_respond_to(self, address: str) -> bool:
        """Whether a response address belongs to Slack (https) or has the same origin as the configured Web API."""
        try:
            given, own = urlsplit(address), urlsplit(self._url)
            given_origin = (given.scheme, given.hostname, given.port)
        except ValueError:
            return False
        if given.username or not given.hostname:
            return False
        if given_origin == (own.scheme, own.hostname, own.port):
            return True
        return given.scheme == "https" and given.port in (None, 443) and given.hostname.endswith(SLACK_HOSTS)

    async def respond(self, address: str, text: str, blocks: Blocks, *, thread_ts: str = "") -> None:
        """An ephemeral answer through the response address of a click or command (5 uses, 30 minutes).

        Raises Permanent for an address that is not Slack's or has expired, Transient when it cannot be reached.
        """
        if not self.may_respond_to(address):
            raise Permanent("response address: not a host of Slack")
        body: dict[str, Any] = {
            "response_type": "ephemeral", "replace_original": False, "text": text, "blocks": list(blocks),
        }  # fmt: skip
        if thread_ts:
            body["thread_ts"] = thread_ts
        try:
            async with self.session.post(address, json=body, allow_redirects=False) as answer:
                status, headers = answer.status, answer.headers
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise translated(error, "response address", repeatable=True) from error
        if status == 429:
            raise Transient("response address: Slack asks us to slow down", retry_after=_seconds(headers))
        if status >= 500:
            raise Transient(f"response address: HTTP {status}")
        if status != 200:
            raise Permanent(f"response address: HTTP {status}")

    async def open_socket(self, app_token: str) -> str:
        """A fresh Socket Mode address; its ticket is for one connection only."""
        try:
            answer = await self.web.apps_connections_open(app_token=app_token)
        except (TimeoutError, SlackClientError, aiohttp.ClientError, ConnectionError) as error:
            raise translated(error, "apps.connections.open", repeatable=True) from error
        return str(answer["url"])
