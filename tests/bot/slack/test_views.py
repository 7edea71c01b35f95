"""The window of a rejection: it stays open until there is a reason, and then the vote is cast once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.slack.views import LONGEST, Views

CHANNEL, ALICE, EVE = "C0INC", "U0ALICE", "U0EVE"
PLACE = {"approval": "apr_1", "channel": CHANNEL, "ts": "1.5", "thread": ""}


def sent(reason: Any = "the database is the cause", user: str = ALICE, metadata: str | None = None) -> dict[str, Any]:
    """A `view_submission` as Slack sends it (reference/apis.md 1.1)."""
    return {
        "type": "view_submission",
        "team": {"id": "T0SANDBOX"},
        "user": {"id": user, "team_id": "T0SANDBOX"},
        "view": {
            "callback_id": "plan_reject_view",
            "private_metadata": json.dumps(PLACE) if metadata is None else metadata,
            "state": {"values": {"reason": {"text": {"type": "plain_text_input", "value": reason}}}},
        },
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (sent(""), "say in one sentence"),
        (sent("  \n "), "say in one sentence"),
        (sent(None), "say in one sentence"),
        ({}, "say in one sentence"),
        (sent("x" * (LONGEST + 1)), f"under {LONGEST}"),
    ],
)
def test_a_reason_that_will_not_do_keeps_the_window_open(room: Any, body: dict[str, Any], words: str) -> None:
    errors = Views(room.desk).check_reject(body)
    assert list(errors) == ["reason"]
    assert words in errors["reason"]


async def test_P2_a_reason_closes_the_window_and_votes(room: Any) -> None:
    views = Views(room.desk)
    assert views.check_reject(sent()) == {}
    await views.reject(sent(" the database is the cause "))
    assert room.asked.calls == [("vote", "apr_1", "alice", False, "the database is the cause", CHANNEL, "1.5")]
    assert len(room.told()) == 1


async def test_T07_a_stranger_does_not_vote(room: Any) -> None:
    await Views(room.desk).reject(sent(user=EVE))
    assert room.asked.calls == []
    assert "do not know this Slack account" in room.told(EVE)[0]


NO_CARD = [
    "", "{", "[]", "null", '"text"', json.dumps({**PLACE, "channel": ""}), json.dumps({**PLACE, "ts": ""}),
    json.dumps({"approval": "apr_1"}),
]  # fmt: skip


@pytest.mark.parametrize("metadata", NO_CARD)
async def test_T12_a_window_that_names_no_card_votes_on_nothing(room: Any, metadata: str) -> None:
    """Not even on a question that it names: there would be nothing to compare with the record."""
    await Views(room.desk).reject(sent(metadata=metadata))
    assert room.asked.calls == []
