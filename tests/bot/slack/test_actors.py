"""Identity: (team, user) of the verified payload and nothing else (T07)."""

from __future__ import annotations

from typing import Any

import pytest

from bot.services import People, Person, SlackIdentity
from bot.slack.actors import caller

PEOPLE = People(people=(Person(id="alice", name="Alice", slack=(SlackIdentity(team="T1", user="U1"),)),))


def click(user: dict[str, Any], team: str = "T1") -> dict[str, Any]:
    return {"type": "block_actions", "user": user, "team": {"id": team}}


def event(**fields: Any) -> dict[str, Any]:
    return {"type": "event_callback", "team_id": "T1", "event": {"user": "U1", **fields}}


KNOWN: list[dict[str, Any]] = [
    click({"id": "U1", "team_id": "T1"}),
    click({"id": "U1"}),
    {"team_id": "T1", "user_id": "U1"},
    event(team="T1"),
]
STRANGERS: list[dict[str, Any]] = [
    click({"id": "U2", "team_id": "T1"}),
    click({"id": "U1", "team_id": "T2"}),
    click({"id": "U1", "team_id": "T1"}, "T2"),
    click({"id": "U1", "team_id": "T1", "is_bot": True}),
    click({"name": "Alice", "username": "U1"}),
    {"team_id": "T2", "user_id": "U1"},
    {"user_id": "U1"},
    {"team_id": "T1", "user_name": "U1"},
    {},
    event(user_team="T2"),
    event(source_team="T2"),
    event(bot_id="B1"),
    {"event": {"user": "U1"}},
    click({"id": ["U1"], "team_id": "T1"}),
    {"team": None, "user": {"id": "U1"}},
]


@pytest.mark.parametrize("payload", KNOWN)
def test_T07_our_people_are_known(payload: dict[str, Any]) -> None:
    found = caller(payload, PEOPLE, "T1")
    assert found.person is not None
    assert found.person.id == "alice"


@pytest.mark.parametrize("payload", STRANGERS)
def test_T07_everybody_else_is_a_stranger(payload: dict[str, Any]) -> None:
    assert caller(payload, PEOPLE, "T1").person is None
