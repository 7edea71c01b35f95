"""What all groups of Web API methods share: Slack's refusals and the arguments they have in common.

Base of slack_chat, slack_views and slack_directory; their tables are joined by slack_api. Must not know HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.sandbox.slack_records import JSON, NotShown, SlackChannel, SlackMessage
from bot.sandbox.slack_state import SlackWorkspace

Method = Callable[[JSON], JSON]


class SlackError(Exception):
    """A call that Slack refuses: `{"ok": false, "error": code}` with HTTP 200."""

    def __init__(self, code: str, messages: list[str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages or []


class SlackMethods:
    """One group of methods over a workspace. `table()` gives them by name; arguments are decoded JSON values."""

    def __init__(self, workspace: SlackWorkspace) -> None:
        self.workspace = workspace

    def table(self) -> dict[str, Method]:
        """The methods of this group by their Web API name."""
        raise NotImplementedError

    def required(self, a: JSON, name: str) -> str:
        """A non-empty argument. Raises SlackError."""
        if not a.get(name):
            raise SlackError("invalid_arguments", [f"[ERROR] missing required field: {name} [json-pointer:/{name}]"])
        return str(a[name])

    def channel(self, a: JSON) -> SlackChannel:
        """The channel named by the argument `channel`. Raises SlackError."""
        channel = self.workspace.channels.get(str(a.get("channel") or ""))
        if channel is None:
            raise SlackError("channel_not_found")
        return channel

    def message(self, channel: str, ts: str, error: str = "message_not_found") -> SlackMessage:
        """A message. Raises SlackError with `error`."""
        try:
            return self.workspace.message(channel, ts)
        except NotShown:
            raise SlackError(error) from None

    def page(self, a: JSON, name: str, items: list[Any]) -> JSON:
        """One page of a list; the cursor is the position to go on from."""
        limit, start = int(a.get("limit") or 1000), int(a.get("cursor") or 0)
        more = len(items) > start + limit
        answer: JSON = {name: items[start : start + limit], "response_metadata": {"next_cursor": ""}}
        if more:
            answer["response_metadata"]["next_cursor"] = str(start + limit)
        return answer | ({"has_more": more} if name == "messages" else {})
