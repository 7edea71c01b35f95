"""Accounts: guests, strangers, bots, other workspaces and what cannot be looked up change nothing (T07)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.errors import Permanent, Transient
from bot.slack.accounts import FRESH, Accounts

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
OURS = {"id": "U1", "team_id": "T1", "deleted": False, "is_bot": False}


class Slack:
    """Answers about one account, counts the questions, and is the clock."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.now = NOON

    async def user_info(self, user: str) -> dict[str, Any]:
        self.asked.append(user)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def accounts(self) -> Accounts:
        return Accounts(self.user_info, "T1", lambda: self.now, patience=0.05)


async def code(accounts: Accounts) -> str:
    denied = await accounts.refusal("U1")
    return denied.code if denied else ""


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, ""),
        ({"is_restricted": True}, "guest_refused"),
        ({"is_ultra_restricted": True}, "guest_refused"),
        ({"is_stranger": True}, "foreign_account"),
        ({"is_bot": True}, "foreign_account"),
        ({"deleted": True}, "foreign_account"),
        ({"team_id": "T2"}, "foreign_account"),
        ({"team_id": ""}, "authz_unavailable"),
        ({"team_id": None}, "authz_unavailable"),
        ({"id": "U2"}, "authz_unavailable"),
        ({"id": None}, "authz_unavailable"),
    ],
)
async def test_T07_only_a_full_member_of_our_workspace(change: dict[str, Any], wanted: str) -> None:
    assert await code(Slack({**OURS, **change}).accounts()) == wanted


@pytest.mark.parametrize("error", [Transient("429"), Permanent("user_not_found"), TimeoutError()])
async def test_T07_a_lookup_that_fails_refuses_and_is_asked_again(error: Exception) -> None:
    slack = Slack(error, OURS)
    accounts = slack.accounts()
    assert [await code(accounts), await code(accounts)] == ["authz_unavailable", ""]


async def test_T07_a_lookup_that_takes_too_long_refuses() -> None:
    async def never(_user: str) -> dict[str, Any]:
        await asyncio.Event().wait()
        return OURS

    assert await code(Accounts(never, "T1", lambda: NOON, patience=0.01)) == "authz_unavailable"


async def test_what_is_known_is_believed_for_a_minute() -> None:
    slack = Slack(OURS, {**OURS, "is_restricted": True})
    accounts = slack.accounts()
    assert await code(accounts) == ""
    slack.now += FRESH
    assert (await code(accounts), len(slack.asked)) == ("", 1)
    slack.now += timedelta(seconds=1)
    assert (await code(accounts), len(slack.asked)) == ("guest_refused", 2)


async def test_T65_a_clock_set_back_keeps_nothing_fresh() -> None:
    slack = Slack(OURS, {**OURS, "deleted": True})
    accounts = slack.accounts()
    assert await code(accounts) == ""
    slack.now -= timedelta(hours=1)
    assert await code(accounts) == "foreign_account"
