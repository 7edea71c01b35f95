"""Slack's Web API, response_url and Socket Mode behind one loopback listener.

Started by the sandbox's workspace and by tests; `url` is what the bot gets as SLACK_API_URL. Must not decide what a
method means: slack_chat, slack_views and slack_directory do.
"""

from __future__ import annotations

import json
from typing import Any, Final

from aiohttp import web

from bot.sandbox.listener import Listener
from bot.sandbox.slack_blocks import check_message, dress
from bot.sandbox.slack_chat import ChatMethods
from bot.sandbox.slack_directory import DirectoryMethods
from bot.sandbox.slack_memory import RESPONSE_USES
from bot.sandbox.slack_methods import SlackError
from bot.sandbox.slack_records import JSON, NotShown, ResponseUrl
from bot.sandbox.slack_socket import SlackSocket
from bot.sandbox.slack_state import SlackWorkspace
from bot.sandbox.slack_views import ViewMethods

LIMITED: Final = {"ok": False, "error": "ratelimited"}
STRUCTURED: Final = ("blocks", "attachments", "metadata", "view")
WORDS: Final = ("text", "ts", "limit", "cursor", "oldest", "latest", "email")
PER_MINUTE: Final = {
    "chat.update": 100,
    "chat.delete": 50,
    "chat.postEphemeral": 100,
    "views.open": 100,
    "views.push": 100,
    "views.update": 100,
    "views.publish": 100,
    "users.info": 100,
    "users.list": 20,
    "users.lookupByEmail": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
    "usergroups.list": 20,
    "usergroups.users.list": 20,
    "apps.connections.open": 50,
}


def switch(key: str, value: Any) -> Any:
    """A form field that means yes or no as a boolean; everything else as it came."""
    if not isinstance(value, str) or key in WORDS:
        return value
    return {"true": True, "false": False, "1": True, "0": False}.get(value, value)


class Bucket:
    """A token bucket: `rate` per second, at most `burst` at once."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate, self.burst, self.tokens, self.at = rate, burst, burst, now

    def take(self, now: float) -> float:
        """0.0 when one was taken, else the seconds until there is one."""
        self.tokens = min(self.burst, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.rate


class SlackApi:
    """The HTTP side of one workspace; the app's socket is `socket`.

    posts_per_second, burst: chat.postMessage per channel (documented: about 1, short bursts); 0 switches every limit
    off. ack_timeout: seconds the app has to acknowledge (documented: 3). calls: method names in order of arrival.
    """

    def __init__(
        self,
        workspace: SlackWorkspace,
        *,
        posts_per_second: float = 1.0,
        burst: int = 5,
        ack_timeout: float = 3.0,
    ) -> None:
        self.workspace = workspace
        self.socket = SlackSocket(workspace, ack_timeout=ack_timeout)
        self.calls: list[tuple[str, JSON]] = []
        groups = (ChatMethods(workspace), ViewMethods(workspace), DirectoryMethods(workspace))
        self._methods = {name: method for group in groups for name, method in group.table().items()}
        self._listener = Listener()
        self._rate, self._burst = posts_per_second, burst
        self._buckets: dict[str, Bucket] = {}

    async def start(self, port: int = 0) -> str:
        """Listen; the workspace's acts go over Socket Mode from now on. Returns the address for SLACK_API_URL."""
        obey = self.workspace.outage.middleware(self.workspace.vendor, LIMITED)
        application = web.Application(middlewares=[obey], client_max_size=4 << 20)
        application.router.add_route("*", "/api/{method}", self._call)
        application.router.add_post("/actions/{team}/{app}/{ticket}", self._respond)
        application.router.add_get("/link/", self.socket.accept)
        self.workspace.base_url = await self._listener.start(application, port)
        self.workspace.connect(self.socket)
        return self.url

    @property
    def url(self) -> str:
        """The base address of the Web API, with the final slash slack_sdk wants."""
        return f"{self._listener.url}/api/"

    def set_rate(self, posts_per_second: float, burst: int = 5) -> None:
        """Change the posting limit; 0 switches every limit off."""
        self._rate, self._burst = posts_per_second, burst
        self._buckets.clear()

    async def stop(self) -> None:
        """Close the sockets and the listener."""
        await self.socket.close()
        await self._listener.stop()

    # -- Web API -------------------------------------------------------------------------------------------------
    async def _call(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        try:
            arguments = await self._arguments(request)
            self._authorise(request, arguments, method)
            self.calls.append((method, arguments))
            wait = self._wait(method, arguments)
            if wait > 0:
                headers = {"Retry-After": str(max(1, round(wait + 0.5)))}
                return web.json_response(LIMITED, status=429, headers=headers)
            answer = self._run(request, method, arguments)
        except SlackError as error:
            refusal: JSON = {"ok": False, "error": error.code}
            if error.messages:
                refusal |= {"errors": error.messages, "response_metadata": {"messages": error.messages}}
            return web.json_response(refusal)
        scopes = "chat:write,chat:write.public,commands,app_mentions:read,channels:history,users:read"
        return web.json_response({"ok": True, **answer}, headers={"x-oauth-scopes": scopes})

    def _run(self, request: web.Request, method: str, arguments: JSON) -> JSON:
        if method == "apps.connections.open":
            return {"url": self.socket.new_address(self._listener.url.replace("http", "ws", 1), request.query_string)}
        run = self._methods.get(method)
        if run is None:
            raise SlackError("unknown_method")
        return run(arguments)

    def _authorise(self, request: web.Request, arguments: JSON, method: str) -> None:
        header = request.headers.get("Authorization", "")
        token = header.removeprefix("Bearer ") if header else str(arguments.pop("token", "") or "")
        wants_app = method == "apps.connections.open"
        if not token:
            raise SlackError("not_authed")
        if token not in (self.workspace.bot_token, self.workspace.app_token):
            raise SlackError("invalid_auth")
        if (token == self.workspace.app_token) is not wants_app:
            raise SlackError("not_allowed_token_type")

    def _wait(self, method: str, arguments: JSON) -> float:
        if not self._rate:
            return 0.0
        now = self.workspace.clock().timestamp()
        if method == "chat.postMessage":
            key, rate, burst = f"post:{arguments.get('channel')}", self._rate, float(self._burst)
        elif method in PER_MINUTE:
            key, rate, burst = method, PER_MINUTE[method] / 60, float(PER_MINUTE[method])
        else:
            return 0.0
        return self._buckets.setdefault(key, Bucket(rate, burst, now)).take(now)

    @staticmethod
    async def _arguments(request: web.Request) -> JSON:
        given: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json":
            try:
                body = await request.json()
            except json.JSONDecodeError:
                raise SlackError("invalid_json") from None
            if not isinstance(body, dict):
                raise SlackError("json_not_object")
            given |= body
        elif request.method == "POST":
            given |= dict(await request.post())
        for key in STRUCTURED:
            if isinstance(given.get(key), str):
                try:
                    given[key] = json.loads(given[key])
                except json.JSONDecodeError:
                    raise SlackError("invalid_blocks_format" if key == "blocks" else "invalid_arguments") from None
        return {key: switch(key, value) for key, value in given.items()}

    # -- response_url --------------------------------------------------------------------------------------------
    async def _respond(self, request: web.Request) -> web.Response:
        ticket = self.workspace.response_urls.get(request.match_info["ticket"])
        if ticket is None:
            return web.Response(status=404, text="no_service")
        if self.workspace.clock() > ticket.expires_at:
            return web.Response(status=404, text="expired_url")
        if ticket.uses >= RESPONSE_USES:
            return web.Response(status=404, text="used_url")
        try:
            body = await request.json()
        except json.JSONDecodeError:
            return web.Response(status=400, text="invalid_payload")
        if not isinstance(body, dict):
            return web.Response(status=400, text="invalid_payload")
        checker = check_message(body.get("blocks") or [])
        if checker.problems:
            return web.json_response({"ok": False, "error": "invalid_blocks", "errors": checker.problems}, status=400)
        ticket.uses += 1
        self._answer(ticket, body)
        return web.Response(text="ok")

    def _answer(self, ticket: ResponseUrl, body: JSON) -> None:
        w = self.workspace
        shown = bool(ticket.message_ts and w.ephemeral(ticket.user, ticket.message_ts))
        if body.get("delete_original") and ticket.message_ts:
            if shown:
                w.remove_ephemeral(ticket.user, ticket.message_ts)
            else:
                w.delete(ticket.channel, ticket.message_ts)
        elif body.get("replace_original") and ticket.message_ts:
            changes: JSON = {"text": str(body.get("text") or "")}
            changes["blocks"] = tuple(dress(body.get("blocks") or [], w.identifier))
            if shown:
                w.change_ephemeral(ticket.user, ticket.message_ts, **changes)
            else:
                self._edit(ticket, changes)
        else:
            w.answer(ticket.user, ticket.channel, body, thread_ts=ticket.thread_ts)

    def _edit(self, ticket: ResponseUrl, changes: JSON) -> None:
        """Replace the message the act was on; when it is gone meanwhile Slack says nothing either."""
        try:
            self.workspace.edit(ticket.channel, ticket.message_ts, edited=self.workspace.next_ts(), **changes)
        except NotShown:
            self.workspace.answer(ticket.user, ticket.channel, changes)
