"""The workspace as people use it: clicking, typing, submitting, and reading what they see.

Used by stories, tests and page_server. An act goes to the app over the real Socket Mode or HTTP path and returns when
the app has acknowledged it; NotAcknowledged otherwise. Must not decide anything on behalf of the app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from bot.sandbox.slack_blocks import dress
from bot.sandbox.slack_elements import elements_in, inputs_missing, values_of
from bot.sandbox.slack_memory import SlackMemory
from bot.sandbox.slack_payloads import (
    block_action,
    channel_of,
    encode,
    event_callback,
    interaction,
    slash_command,
    team_of,
)
from bot.sandbox.slack_records import (
    JSON,
    Delivery,
    NotAcknowledged,
    NotShown,
    SlackChannel,
    SlackMessage,
    SlackView,
)

EVENTS: Final = frozenset({"app_mention", "app_home_opened"})
COMMANDS: Final = ("/runbook",)


class SlackWorkspace(SlackMemory):
    """A workspace with people in it.

    events: event types the app's manifest subscribes to; commands: slash commands it registers.
    Everything else: see SlackMemory.
    """

    def __init__(
        self,
        team: str = "T0SANDBOX",
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[str], str],
        events: Iterable[str] = EVENTS,
        commands: Iterable[str] = COMMANDS,
        **more: Any,
    ) -> None:
        super().__init__(team, clock=clock, new_id=new_id, **more)
        self.events = frozenset(events)
        self.commands = tuple(commands)
        self._delivery: Delivery | None = None

    def connect(self, delivery: Delivery) -> None:
        """Choose how acts reach the app: SlackApi's socket or a SlackHttp. The last one given counts."""
        self._delivery = delivery

    # -- what people see -----------------------------------------------------------------------------------------
    def messages(self, channel: str) -> list[SlackMessage]:
        """Top-level messages of a channel, oldest first."""
        return [m for m in self.history(channel) if m.thread_ts in ("", m.ts) or m.broadcast]

    def thread(self, channel: str, ts: str) -> list[SlackMessage]:
        """A parent message and its replies, oldest first. Raises NotShown."""
        parent = self.message(channel, ts)
        return [parent, *(m for m in self.history(channel) if m.thread_ts == ts and m.ts != ts)]

    def ephemerals(self, user: str) -> list[SlackMessage]:
        """What only that person sees, oldest first."""
        return sorted((m for m in self.all_ephemerals() if m.visible_to == user), key=lambda m: m.ts)

    def views(self, user: str) -> list[SlackView]:
        """The person's open modals, the lowest first."""
        return self.open_views(user)

    def find_button(self, action_id: str, channel: str | None = None) -> tuple[str, str, str, str] | None:
        """(channel, ts, value, text) of the newest message that holds such a button; ephemerals are not searched."""
        places = [channel] if channel else list(self.channels)
        newest = sorted((m for place in places for m in self.history(place)), key=lambda m: m.ts, reverse=True)
        for message in newest:
            for _, element in elements_in(message.blocks, message.attachments):
                if element.get("action_id") == action_id:
                    label = element.get("text") or {}
                    return message.channel, message.ts, str(element.get("value", "")), str(label.get("text", ""))
        return None

    # -- what people do ------------------------------------------------------------------------------------------
    async def say(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> str:
        """Type into the composer: a slash command, a mention or plain text. Returns the ts, or '' for a command."""
        if text.startswith("/") and not thread_ts:
            await self.slash(user, channel, text)
            return ""
        return await self._speak(user, channel, text, thread_ts or "")

    async def mention(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> str:
        """Post a message that mentions the bot (put in front when the text does not). Returns its ts."""
        if f"@{self.bot.name}" not in text and f"<@{self.bot.id}>" not in text:
            text = f"@{self.bot.name} {text}"
        return await self._speak(user, channel, text, thread_ts or "")

    async def slash(self, user: str, channel: str, text: str) -> None:
        """Run a slash command, for example `/runbook status`. Raises NotShown when the app has no such command."""
        command, _, rest = text.strip().partition(" ")
        if command not in self.commands:
            raise NotShown(f"{command} is not a valid command")
        place = self._place(user, channel)
        payload = slash_command(self, user, place, command, rest.strip())
        answer = await self._deliver("slash_commands", payload)
        self.answer(user, channel, answer)

    async def click(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        value: str | None = None,
        *,
        state: Mapping[str, Any] | None = None,
        stale: bool = False,
    ) -> None:
        """Press a button or choose from a menu of a message that this person sees.

        value: which of several equal buttons, or the chosen option. state: what was typed into the message's inputs,
        {block_id: {action_id: text}}. stale: the person's screen still shows an earlier version of the message.
        Raises NotShown when there is no such element, NotAcknowledged when the app stays silent.
        """
        place = self._place(user, channel)
        ephemeral = self.ephemeral(user, ts)
        seen = [ephemeral] if ephemeral else self.versions(channel, ts)
        message, block_id, element = self._element(seen if stale else seen[:1], action_id, value)
        container: JSON = {
            "type": "message",
            "message_ts": ts,
            "channel_id": channel,
            "is_ephemeral": ephemeral is not None,
        }
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        payload = block_action(self, user, block_id, element, value) | {
            "container": container,
            "channel": channel_of(place),
            "state": {"values": values_of(message.blocks, state or {})},
            "response_url": self.new_response_url(user, channel, thread_ts=message.thread_ts, message_ts=ts),
        }
        if ephemeral is None:
            payload["message"] = message.as_api(team=self.team, app=self.app_id)
        await self._deliver("interactive", payload)

    async def click_view(
        self,
        user: str,
        view_id: str,
        action_id: str,
        value: str | None = None,
        *,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Press a button inside a modal or on the Home tab. values: what is filled in, as in submit_view."""
        view = self._view(user, view_id)
        blocks = tuple(view.body.get("blocks", ()))
        shown = SlackMessage(channel="", ts="", user=self.bot.id, text="", blocks=blocks)
        _, block_id, element = self._element([shown], action_id, value)
        payload = block_action(self, user, block_id, element, value) | {
            "container": {"type": "view", "view_id": view.id},
            "view": self.view_as_api(view, values_of(blocks, values or {})),
        }
        await self._deliver("interactive", payload)

    async def submit_view(self, user: str, view_id: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Press a modal's submit button. values: {block_id: {action_id: value}} or just {action_id: value}; a value is
        the text, the option's value, or a list of them. Returns the errors by block id, {} when it was accepted.
        """
        view = self._view(user, view_id)
        blocks = tuple(view.body.get("blocks", ()))
        given = values_of(blocks, values)
        if missing := inputs_missing(blocks, given):
            return missing
        payload = interaction(self, user, "view_submission") | {
            "trigger_id": self.new_trigger(user),
            "view": self.view_as_api(view, given),
            "response_urls": [],
        }
        answer = await self._deliver("interactive", payload)
        action = answer.get("response_action")
        if action == "errors":
            return {str(block): str(text) for block, text in answer.get("errors", {}).items()}
        stack = self.open_views(user)
        if action in ("update", "push"):
            body = answer["view"] | {"blocks": dress(answer["view"].get("blocks", []), self.identifier)}
            if action == "update":
                self.replace_view(view, body)
            else:
                self.set_views(user, [*stack, self.new_view(user, body, view)])
        else:
            self.set_views(user, [] if action == "clear" else [v for v in stack if v.id != view_id])
        return {}

    async def close_view(self, user: str, view_id: str) -> None:
        """Press a modal's cancel button; the app hears of it only when it asked to (`notify_on_close`)."""
        view = self._view(user, view_id)
        self.set_views(user, [v for v in self.open_views(user) if v.id != view_id])
        if view.body.get("notify_on_close"):
            payload = {"view": self.view_as_api(view), "is_cleared": False}
            await self._deliver("interactive", interaction(self, user, "view_closed") | payload)

    async def open_home(self, user: str) -> SlackView | None:
        """Look at the app's Home tab. Returns what is shown there once the app acknowledged."""
        event: JSON = {"type": "app_home_opened", "user": user, "channel": self.direct_channel(user).id, "tab": "home"}
        if user in self.homes:
            event["view"] = self.view_as_api(self.homes[user])
        await self._event(user, event | {"event_ts": self.next_ts()})
        return self.homes.get(user)

    # -- how it reaches the app ----------------------------------------------------------------------------------
    def answer(self, user: str, channel: str, body: JSON, *, thread_ts: str = "") -> None:
        """Show what an app put into an acknowledgement or a response_url: ephemeral unless it says in_channel."""
        text, blocks = str(body.get("text") or ""), dress(body.get("blocks") or [], self.identifier)
        more: JSON = {"blocks": tuple(blocks), "attachments": tuple(body.get("attachments") or ())}
        if not (text or blocks or more["attachments"]):
            return
        more["thread_ts"] = str(body.get("thread_ts") or thread_ts)
        if body.get("response_type") == "in_channel":
            self.post(channel, self.bot.id, text, bot_id=self.bot_id, **more)
        else:
            self.post_ephemeral(channel, user, text, **more)

    async def _speak(self, user: str, channel: str, text: str, thread_ts: str) -> str:
        place = self._place(user, channel)
        if self.outage.unreachable(self.vendor):
            raise NotAcknowledged("slack_unreachable")
        message = self.post(channel, user, encode(self, text), thread_ts=thread_ts)
        event: JSON = {
            "user": user,
            "team": team_of(self, user),
            "text": message.text,
            "ts": message.ts,
            "channel": channel,
            "event_ts": message.ts,
            "client_msg_id": self.identifier("").lower(),
        }
        if thread_ts:
            event["thread_ts"] = thread_ts
        if f"<@{self.bot.id}>" in message.text:
            await self._event(user, {"type": "app_mention", **event})
        kind = "im" if place.is_im else "channel"
        if f"message.{kind}s" in self.events or f"message.{kind}" in self.events:
            await self._event(user, {"type": "message", "channel_type": kind, **event})
        return message.ts

    async def _event(self, user: str, event: JSON) -> None:
        if event["type"] != "message" and event["type"] not in self.events:
            return
        await self._deliver("events_api", event_callback(self, user, event))

    async def _deliver(self, kind: str, payload: JSON) -> JSON:
        if self.outage.unreachable(self.vendor):
            raise NotAcknowledged("slack_unreachable")
        if self._delivery is None:
            raise NotAcknowledged("not_connected")
        return await self._delivery.deliver(kind, payload)

    def _element(self, seen: list[SlackMessage], action_id: str, value: str | None) -> tuple[SlackMessage, str, JSON]:
        for message in seen:
            for block_id, element in elements_in(message.blocks, message.attachments):
                if element.get("action_id") != action_id:
                    continue
                if element.get("type") == "button" and value is not None and element.get("value", "") != value:
                    continue
                return message, block_id, element
        raise NotShown(f"nothing with the action {action_id!r} is shown there")

    def _place(self, user: str, channel: str) -> SlackChannel:
        if user not in self.users:
            raise NotShown(f"there is no user {user}")
        if channel not in self.channels or user not in self.channels[channel].members:
            raise NotShown(f"{user} does not see the channel {channel}")
        return self.channels[channel]

    def _view(self, user: str, view_id: str) -> SlackView:
        view = self.find_view(view_id)
        if view is None or view.user != user:
            raise NotShown(f"{user} does not see the view {view_id}")
        return view
