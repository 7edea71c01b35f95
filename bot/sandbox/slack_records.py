"""The things a Slack workspace is made of: people, channels, messages, views, and how a person's act can fail.

Values only. Used by slack_memory, slack_state, slack_methods and the page. Must not hold behaviour of the Web API.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

JSON = dict[str, Any]


class NotAcknowledged(Exception):
    """The app did not answer an act of a person within three seconds. reason: `timeout`, `not_connected`, ..."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the app did not acknowledge: {reason}")
        self.reason = reason


class NotShown(LookupError):
    """The person does not see the button, view, command or channel they tried to use."""


class Delivery(Protocol):
    """Brings an envelope to the app: Socket Mode or signed HTTP."""

    async def deliver(self, kind: str, payload: JSON) -> JSON:
        """kind: `events_api`, `interactive` or `slash_commands`. Returns the acknowledgement's payload ({} when
        empty). Raises NotAcknowledged.
        """
        ...


@dataclass(frozen=True, slots=True)
class SlackUser:
    """A member of the workspace. colour: CSS colour of the avatar; team_id: empty means our own team."""

    id: str
    name: str
    real_name: str
    email: str = ""
    colour: str = "#5b3a8c"
    title: str = ""
    is_bot: bool = False
    is_admin: bool = False
    deleted: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    team_id: str = ""

    def as_api(self, team: str) -> JSON:
        """As `users.info` returns it (reference/apis.md 1.7 for the flags)."""
        return {
            "id": self.id,
            "team_id": self.team_id or team,
            "name": self.name,
            "real_name": self.real_name,
            "color": self.colour.lstrip("#"),
            "deleted": self.deleted,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "is_admin": self.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_stranger": self.is_stranger,
            "tz": "Etc/UTC",
            "tz_label": "UTC",
            "tz_offset": 0,
            "updated": 0,
            "profile": {
                "real_name": self.real_name,
                "real_name_normalized": self.real_name,
                "display_name": self.name,
                "display_name_normalized": self.name,
                "email": self.email,
                "title": self.title,
            },
        }


@dataclass(slots=True)
class SlackChannel:
    """A channel or a direct message. members: user ids."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    is_private: bool = False
    is_im: bool = False
    topic: str = ""
    created: int = 0

    def as_api(self, user: str) -> JSON:
        """As `conversations.info` returns it, seen by `user` (the bot)."""
        kinds = {"is_channel": not self.is_im, "is_im": self.is_im, "is_group": False, "is_mpim": False}
        if self.is_im:
            other = next((member for member in sorted(self.members) if member != user), user)
            return {"id": self.id, "created": self.created, "user": other, "is_archived": False, **kinds}
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "created": self.created,
            "is_private": self.is_private,
            "is_archived": False,
            "is_general": False,
            "is_shared": False,
            "is_ext_shared": False,
            "is_member": user in self.members,
            "num_members": len(self.members),
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            **kinds,
        }


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A user group such as @sre-oncall. members: user ids."""

    id: str
    handle: str
    name: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """One message. ts: unique in the channel; thread_ts: the parent's ts for a reply; visible_to: one user id for an
    ephemeral, else empty; edited: ts of the last edit; metadata: {event_type, event_payload} or None.
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: tuple[JSON, ...] = ()
    attachments: tuple[JSON, ...] = ()
    thread_ts: str = ""
    metadata: JSON | None = None
    edited: str = ""
    bot_id: str = ""
    visible_to: str = ""
    broadcast: bool = False
    reactions: tuple[tuple[str, str], ...] = ()

    def as_api(self, *, team: str, app: str, with_metadata: bool = True) -> JSON:
        """As `conversations.history` and payloads carry it."""
        body: JSON = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text, "team": team}
        if self.bot_id:
            body |= {"bot_id": self.bot_id, "app_id": app}
        if self.blocks:
            body["blocks"] = list(self.blocks)
        if self.attachments:
            body["attachments"] = list(self.attachments)
        if self.thread_ts:
            body["thread_ts"] = self.thread_ts
        if self.edited:
            body["edited"] = {"user": self.bot_id or self.user, "ts": self.edited}
        if self.metadata is not None and with_metadata:
            body["metadata"] = self.metadata
        if self.reactions:
            by_name: dict[str, list[str]] = {}
            for name, user in self.reactions:
                by_name.setdefault(name, []).append(user)
            body["reactions"] = [{"name": n, "users": who, "count": len(who)} for n, who in by_name.items()]
        return body


@dataclass(frozen=True, slots=True)
class SlackView:
    """A modal or Home tab one person sees. body: as the app sent it, with block ids; hash: changes at every update."""

    id: str
    user: str
    body: JSON
    hash: str
    root_view_id: str
    previous_view_id: str = ""

    def as_api(self, *, team: str, app: str, bot: str, values: JSON | None = None) -> JSON:
        """As `views.open` returns it and payloads carry it. values: what the person has filled in."""
        plain = {"private_metadata": "", "callback_id": "", "external_id": "", "close": None, "submit": None}
        return {
            **plain,
            "clear_on_close": False,
            "notify_on_close": False,
            **self.body,
            "id": self.id,
            "team_id": team,
            "app_id": app,
            "app_installed_team_id": team,
            "bot_id": bot,
            "hash": self.hash,
            "root_view_id": self.root_view_id,
            "previous_view_id": self.previous_view_id or None,
            "state": {"values": values or {}},
        }


@dataclass(slots=True)
class ResponseUrl:
    """Where an app may answer an act: five times within thirty minutes (reference/apis.md 1.8)."""

    user: str
    channel: str
    thread_ts: str
    message_ts: str
    expires_at: datetime
    uses: int = 0


@dataclass(slots=True)
class Trigger:
    """Allows one `views.open` or `views.push` within three seconds of an act."""

    user: str
    expires_at: datetime
    used: bool = False
