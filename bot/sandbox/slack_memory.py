"""What the workspace remembers: people, channels, messages, ephemerals, views, and single-use tickets.

The base of slack_state.SlackWorkspace; changed by slack_methods (the app) and slack_state (people). Every change is
published on `feed` for the page. Must not deliver anything to the app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from bot.sandbox.feed import Feed
from bot.sandbox.outage import Outage
from bot.sandbox.slack_records import (
    JSON,
    NotShown,
    ResponseUrl,
    SlackChannel,
    SlackMessage,
    SlackUser,
    SlackView,
    Trigger,
    UserGroup,
)

TRIGGER_SECONDS: Final = 3
RESPONSE_MINUTES: Final = 30
RESPONSE_USES: Final = 5


class SlackMemory:
    """The state of one workspace.

    clock: UTC now; new_id: makes random identifiers from a prefix; outage: shared switch, vendor name `slack`.
    bot_token, app_token, signing_secret: what the app must present; made up when not given.
    """

    vendor: Final = "slack"

    def __init__(
        self,
        team: str = "T0SANDBOX",
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[str], str],
        outage: Outage | None = None,
        bot: SlackUser | None = None,
        bot_token: str = "",
        app_token: str = "",
        signing_secret: str = "",
    ) -> None:
        self.team = team
        self.domain = "sandbox"
        self.app_id = "A0SANDBOX"
        self.bot_id = "B0SANDBOX"
        self.clock = clock
        self.new_id = new_id
        self.outage = outage or Outage()
        self.feed = Feed()
        self.base_url = ""
        self.bot = bot or SlackUser("U0SANDBOT", "countersign", "Countersign", colour="#1d6b52", is_bot=True)
        self.bot_token = bot_token or f"xoxb-{self.identifier('')}"
        self.app_token = app_token or f"xapp-{self.identifier('')}"
        self.signing_secret = signing_secret or self.identifier("").lower()
        self.users: dict[str, SlackUser] = {self.bot.id: self.bot}
        self.channels: dict[str, SlackChannel] = {}
        self.usergroups: dict[str, UserGroup] = {}
        self.homes: dict[str, SlackView] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.triggers: dict[str, Trigger] = {}
        self._messages: dict[str, dict[str, SlackMessage]] = {}
        self._earlier: dict[tuple[str, str], list[SlackMessage]] = {}
        self._ephemerals: dict[str, dict[str, SlackMessage]] = {}
        self._views: dict[str, list[SlackView]] = {}
        self._micros = 0

    def identifier(self, prefix: str) -> str:
        """An identifier shaped like Slack's: the prefix and ten upper-case letters or digits."""
        letters = [c for c in self.new_id(prefix.lower() or "s") if c.isalnum()]
        return prefix + "".join(letters)[-10:].upper()

    def next_ts(self) -> str:
        """A message timestamp: epoch seconds with six digits, later than every one before."""
        self._micros = max(int(self.clock().timestamp() * 1_000_000), self._micros + 1)
        return f"{self._micros // 1_000_000}.{self._micros % 1_000_000:06d}"

    # -- people and channels -------------------------------------------------------------------------------------
    def add_user(self, user: SlackUser) -> SlackUser:
        """Let somebody join the workspace."""
        self.users[user.id] = user
        self.feed.publish({"type": "reload"})
        return user

    def add_channel(self, channel_id: str, name: str, *, members: Iterable[str] | None = None) -> SlackChannel:
        """Make a channel; without members everybody is in it, the bot too."""
        who = set(self.users if members is None else members)
        channel = SlackChannel(channel_id, name, who, created=int(self.clock().timestamp()))
        self.channels[channel_id] = channel
        self._messages[channel_id] = {}
        self.feed.publish({"type": "reload"})
        return channel

    def add_usergroup(self, group: UserGroup) -> UserGroup:
        """Make a user group."""
        self.usergroups[group.id] = group
        return group

    def direct_channel(self, user: str) -> SlackChannel:
        """The direct messages between the bot and a person; made when there are none yet."""
        members = {user, self.bot.id}
        for channel in self.channels.values():
            if channel.is_im and channel.members == members:
                return channel
        channel = self.add_channel(self.identifier("D"), f"dm-{self.users[user].name}", members=members)
        channel.is_im = True
        self.feed.publish({"type": "reload"})
        return channel

    # -- messages ------------------------------------------------------------------------------------------------
    def post(self, channel: str, user: str, text: str, **more: Any) -> SlackMessage:
        """Store a message and show it. more: fields of SlackMessage. Raises NotShown for an unknown channel."""
        if channel not in self._messages:
            raise NotShown(f"there is no channel {channel}")
        message = SlackMessage(channel=channel, ts=self.next_ts(), user=user, text=text, **more)
        self._messages[channel][message.ts] = message
        self._show(message)
        return message

    def edit(self, channel: str, ts: str, **changes: Any) -> SlackMessage:
        """Replace parts of a message; the version before is kept for clicks that were already under way."""
        before = self.message(channel, ts)
        self._earlier.setdefault((channel, ts), []).append(before)
        message = replace(before, **changes)
        self._messages[channel][ts] = message
        self._show(message)
        return message

    def delete(self, channel: str, ts: str) -> None:
        """Remove a message."""
        self.message(channel, ts)
        del self._messages[channel][ts]
        self.feed.publish({"type": "message_removed", "channel": channel, "ts": ts})

    def message(self, channel: str, ts: str) -> SlackMessage:
        """One message. Raises NotShown."""
        try:
            return self._messages[channel][ts]
        except KeyError:
            raise NotShown(f"there is no message {ts} in {channel}") from None

    def versions(self, channel: str, ts: str) -> list[SlackMessage]:
        """All versions of a message, the present one first."""
        return [self.message(channel, ts), *reversed(self._earlier.get((channel, ts), []))]

    def history(self, channel: str) -> list[SlackMessage]:
        """Every message of a channel, replies too, oldest first. Raises NotShown."""
        if channel not in self._messages:
            raise NotShown(f"there is no channel {channel}")
        return [self._messages[channel][ts] for ts in sorted(self._messages[channel])]

    def post_ephemeral(self, channel: str, user: str, text: str, **more: Any) -> SlackMessage:
        """Show a message to one person only."""
        message = SlackMessage(
            channel=channel, ts=self.next_ts(), user=self.bot.id, text=text, bot_id=self.bot_id, visible_to=user, **more
        )
        self._ephemerals.setdefault(user, {})[message.ts] = message
        self._show(message)
        return message

    def change_ephemeral(self, user: str, ts: str, **changes: Any) -> None:
        """Replace parts of an ephemeral."""
        message = replace(self._ephemerals[user][ts], **changes)
        self._ephemerals[user][ts] = message
        self._show(message)

    def remove_ephemeral(self, user: str, ts: str) -> None:
        """Take an ephemeral away; nothing happens when it is gone."""
        message = self._ephemerals.get(user, {}).pop(ts, None)
        if message is not None:
            self.feed.publish({"type": "ephemeral_removed", "user": user, "channel": message.channel, "ts": ts})

    def ephemeral(self, user: str, ts: str) -> SlackMessage | None:
        """One ephemeral of a person."""
        return self._ephemerals.get(user, {}).get(ts)

    def all_ephemerals(self) -> list[SlackMessage]:
        """Everybody's ephemerals, for the page."""
        return [message for shown in self._ephemerals.values() for message in shown.values()]

    def _show(self, message: SlackMessage) -> None:
        self.feed.publish({"type": "message", "message": self.shown(message)})

    def shown(self, message: SlackMessage) -> JSON:
        """A message as the page wants it."""
        body = message.as_api(team=self.team, app=self.app_id)
        return body | {
            "channel": message.channel,
            "visible_to": message.visible_to,
            "broadcast": message.broadcast,
            "thread_ts": message.thread_ts,
        }

    # -- views ---------------------------------------------------------------------------------------------------
    def set_views(self, user: str, views: list[SlackView]) -> None:
        """What modals a person has open, the lowest first."""
        self._views[user] = views
        self.feed.publish({"type": "views", "user": user, "views": [self.view_as_api(view) for view in views]})

    def open_views(self, user: str) -> list[SlackView]:
        """The person's stack of modals, the lowest first."""
        return list(self._views.get(user, []))

    def find_view(self, view_id: str) -> SlackView | None:
        """A modal or Home view by id, whoever sees it."""
        stacks = [view for views in self._views.values() for view in views]
        return next((view for view in [*stacks, *self.homes.values()] if view.id == view_id), None)

    def replace_view(self, view: SlackView, body: JSON) -> SlackView:
        """Show another body in a view that is open."""
        changed = replace(view, body=body, hash=self.identifier(""))
        if body.get("type") == "home":
            self.publish_home(view.user, changed)
            return changed
        stack = [changed if other.id == view.id else other for other in self.open_views(view.user)]
        self.set_views(view.user, stack)
        return changed

    def new_view(self, user: str, body: JSON, under: SlackView | None = None) -> SlackView:
        """A view with fresh ids; `under` is the modal it is pushed on."""
        view_id = self.identifier("V")
        root = under.root_view_id if under else view_id
        return SlackView(view_id, user, body, self.identifier(""), root, under.id if under else "")

    def publish_home(self, user: str, view: SlackView) -> None:
        """Show a Home tab."""
        self.homes[user] = view
        self.feed.publish({"type": "home", "user": user, "view": self.view_as_api(view)})

    def view_as_api(self, view: SlackView, values: JSON | None = None) -> JSON:
        """A view as the Web API and payloads carry it."""
        return view.as_api(team=self.team, app=self.app_id, bot=self.bot_id, values=values)

    # -- single-use tickets --------------------------------------------------------------------------------------
    def new_trigger(self, user: str) -> str:
        """A trigger id for an act of that person; expires after three seconds."""
        trigger = f"{self.next_ts()}.{self.identifier('').lower()}"
        self.triggers[trigger] = Trigger(user, self.clock() + timedelta(seconds=TRIGGER_SECONDS))
        return trigger

    def new_response_url(self, user: str, channel: str, *, thread_ts: str = "", message_ts: str = "") -> str:
        """An address where the app may answer an act of that person."""
        ticket = self.identifier("").lower() + self.identifier("").lower()
        expires = self.clock() + timedelta(minutes=RESPONSE_MINUTES)
        self.response_urls[ticket] = ResponseUrl(user, channel, thread_ts, message_ts, expires)
        return f"{self.base_url}/actions/{self.team}/{self.app_id}/{ticket}"
