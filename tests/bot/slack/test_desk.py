"""The desk: an answer to everything, also when what was asked breaks, and names for ids."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.errors import Ambiguous, Permanent, Transient
from bot.slack.accounts import Accounts
from bot.slack.desk import Place, Said

ALICE = "U0ALICE"
PLACE = Place("C0INC", ALICE)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Transient("later"), "transient"),
        (Permanent("never"), "permanent"),
        (Ambiguous("perhaps"), "ambiguous"),
        (ZeroDivisionError("a bug"), ""),
    ],
)
async def test_P4_whatever_breaks_becomes_a_kind_answer_and_a_log_line(
    room: Any, error: Exception, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> Any:
        raise error

    answer = await room.desk.attempt(work(), ALICE, "changes")
    assert (answer.ok, answer.name, answer.data) == (False, "trouble", {"kind": kind})
    logged = capsys.readouterr()
    assert type(error).__name__ in logged.out + logged.err
    assert str(error) in logged.out + logged.err
    assert str(error) not in room.desk.words(answer).text  # what broke is for the log, not for the channel


async def test_a_cancelled_request_is_cancelled_and_not_answered(room: Any) -> None:
    async def work() -> Any:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await room.desk.attempt(work(), ALICE, "changes")


async def test_settle_tells_the_answer_to_the_person_who_asked(room: Any) -> None:
    async def work() -> Any:
        return Said("done", {"text": "noted"}, ok=True)

    await room.desk.settle(PLACE, work())
    assert len(room.told()) == 1
    assert "noted" in room.told()[0]
    assert room.told("U0EVE") == []


async def test_names_of_people_the_bot_and_anybody_else(room: Any) -> None:
    assert [room.desk.name_of(name) for name in ("alice", "bot", "zed")] == ["Alice", "Countersign", "zed"]


async def guest(_user: str) -> dict[str, Any]:
    return {"id": ALICE, "team_id": "T0SANDBOX", "is_restricted": True}


async def unreachable(_user: str) -> dict[str, Any]:
    raise Transient("down")


@pytest.mark.parametrize(
    ("user_info", "kind", "code"),
    [
        (guest, "changes", "guest_refused"),
        (guest, "stops", "guest_refused"),
        (guest, "looks", ""),
        (unreachable, "changes", "authz_unavailable"),
        (unreachable, "stops", ""),
        (unreachable, "looks", ""),
    ],
)
async def test_T07_what_a_refused_account_asks_for_is_never_begun(
    room: Any, user_info: Any, kind: Any, code: str
) -> None:
    begun: list[str] = []

    async def work() -> Any:
        begun.append(kind)
        return Said("done", {"text": "noted"}, ok=True)

    desk = replace(room.desk, accounts=Accounts(user_info, "T0SANDBOX", room.desk.clock))
    answer = await desk.attempt(work(), ALICE, kind)
    assert (answer.data.get("code", ""), begun) == (code, [] if code else [kind])
    assert desk.words(answer).text
    unchecked = replace(room.desk, accounts=None)
    assert (await unchecked.attempt(work(), ALICE, kind)).ok
