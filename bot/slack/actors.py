"""Who clicked: (team, user) of a verified payload -> a person of the directory, or nobody (safety rule 4, case T07).

Used by every listener of this room. Display names, names typed into text and anything a client could choose are ignored.
Must not ask Slack: the directory is the only source of identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.services import People, Person


@dataclass(frozen=True, slots=True)
class Caller:
    """person: None for a stranger, a foreign workspace or a bot. team and user: as in the payload."""

    team: str
    user: str
    person: Person | None
    is_bot: bool = False


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _id(value: object) -> str:
    return _text(value.get("id")) if isinstance(value, Mapping) else ""


def caller(payload: Mapping[str, Any], people: People, our_team: str) -> Caller:
    """The caller of an interaction, slash command or event.

    Both the workspace of the payload and the user's own workspace must be ours: people of other organisations can click
    in a shared channel (apis.md 1.7).
    """
    event = payload.get("event")
    if isinstance(event, Mapping):
        user = _text(event.get("user"))
        teams = [payload.get("team_id"), event.get("user_team"), event.get("source_team"), event.get("team")]
        is_bot = bool(event.get("bot_id") or event.get("bot_profile"))
    elif isinstance(payload.get("user"), Mapping):
        person = payload["user"]
        user = _id(person)
        teams = [_id(payload.get("team")), person.get("team_id")]
        is_bot = bool(person.get("is_bot"))
    else:
        user = _text(payload.get("user_id"))
        teams = [payload.get("team_id")]
        is_bot = False
    named = [team for team in map(_text, teams) if team]
    foreign = next((team for team in named if team != our_team), "")
    team = foreign or (our_team if named else "")
    known = people.by_slack(our_team, user) if named and user and not foreign and not is_bot else None
    return Caller(team, user, known, is_bot)
