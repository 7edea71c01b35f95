"""The bodies of what Slack sends to an app: slash commands, events, interactions.

Used by slack_state. Must not send anything. Shapes: reference/apis.md 1.1 and the public samples it names.
"""

from __future__ import annotations

import re

from bot.sandbox.slack_elements import filled
from bot.sandbox.slack_memory import SlackMemory
from bot.sandbox.slack_records import JSON, SlackChannel


def encode(memory: SlackMemory, text: str) -> str:
    """Text as Slack sends it: three characters escaped, @names and #channels turned into references."""
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(plain, escaped)
    names = {user.name: user.id for user in memory.users.values()}
    rooms = {room.name: room.id for room in memory.channels.values() if not room.is_im}
    text = re.sub(r"&lt;@([A-Z0-9]+)&gt;", r"<@\1>", text)
    text = re.sub(r"(?<!\S)@([\w.-]*\w)", lambda m: f"<@{names[m[1]]}>" if m[1] in names else m[0], text)
    return re.sub(r"(?<!\S)#([\w-]+)", lambda m: f"<#{rooms[m[1]]}|{m[1]}>" if m[1] in rooms else m[0], text)


def team_of(memory: SlackMemory, user: str) -> str:
    """The team a person belongs to: ours, or another in a shared channel."""
    return memory.users[user].team_id or memory.team


def channel_of(channel: SlackChannel) -> JSON:
    """A channel as interactions name it."""
    return {"id": channel.id, "name": "directmessage" if channel.is_im else channel.name}


def slash_command(memory: SlackMemory, user: str, channel: SlackChannel, command: str, text: str) -> JSON:
    """The fields of a slash command."""
    return {
        "token": "deprecated",
        "team_id": team_of(memory, user),
        "team_domain": memory.domain,
        "channel_id": channel.id,
        "channel_name": channel_of(channel)["name"],
        "user_id": user,
        "user_name": memory.users[user].name,
        "command": command,
        "text": encode(memory, text),
        "api_app_id": memory.app_id,
        "is_enterprise_install": "false",
        "response_url": memory.new_response_url(user, channel.id),
        "trigger_id": memory.new_trigger(user),
    }


def event_callback(memory: SlackMemory, user: str, event: JSON) -> JSON:
    """An event with its envelope; `event_id` stays the same when it is sent again."""
    allowed = {"enterprise_id": None, "team_id": memory.team, "user_id": memory.bot.id, "is_bot": True}
    return {
        "token": "deprecated",
        "team_id": memory.team,
        "api_app_id": memory.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": memory.identifier("Ev"),
        "event_time": int(memory.clock().timestamp()),
        "authorizations": [allowed | {"is_enterprise_install": False}],
        "is_ext_shared_channel": team_of(memory, user) != memory.team,
        "event_context": memory.identifier("4-"),
    }


def interaction(memory: SlackMemory, user: str, kind: str) -> JSON:
    """What every interaction says about the person, the team and the app."""
    name = memory.users[user].name
    return {
        "type": kind,
        "team": {"id": memory.team, "domain": memory.domain},
        "user": {"id": user, "username": name, "name": name, "team_id": team_of(memory, user)},
        "api_app_id": memory.app_id,
        "token": "deprecated",
        "enterprise": None,
        "is_enterprise_install": False,
    }


def block_action(memory: SlackMemory, user: str, block_id: str, element: JSON, value: str | None) -> JSON:
    """A press of one element; where it was pressed is added by the caller."""
    action = filled(element, value) | {"block_id": block_id, "action_ts": memory.next_ts()}
    own = {"trigger_id": memory.new_trigger(user), "actions": [action]}
    return interaction(memory, user, "block_actions") | own
