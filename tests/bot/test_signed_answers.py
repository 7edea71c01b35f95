"""`POST /answers`: who it is comes from the key, what they may do from the same path as a click (P5)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.services import People, Person
from bot.signed_answers import LARGEST, SignedAnswers
from bot.signing import Statement, public_text, sign
from bot.stages.reply import Reply, done, refused

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEN = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EVE = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
DIGEST = "a" * 64
PEOPLE = People(
    people=(
        Person(id="ben", name="Ben", key=public_text(BEN)),
        Person(id="ana", name="Ana"),
    )
)


class Asked:
    """Stands where bot.requests.Requests stands."""

    def __init__(self) -> None:
        self.votes: list[tuple[str, str, bool, str]] = []

    async def vote_signed(self, approval_id: str, person: Person, approve: bool, reason: str) -> Reply:
        self.votes.append((approval_id, person.id, approve, reason))
        return done("Approved.")

    async def question(self, approval_id: str, person: Person) -> Reply:
        if approval_id != "apr_1":
            return refused("unknown_question", "Not known.", "List them.")
        return Reply(True, "question", {"digest": DIGEST})

    async def open_questions(self, person: Person) -> Reply:
        return Reply(True, "questions", {"questions": []})


def request(private: Ed25519PrivateKey = BEN, **changes: Any) -> bytes:
    told: dict[str, Any] = {"person": "ben", "answer": "approve", "approval": "apr_1", "digest": DIGEST, "at": NOON}
    statement = Statement.model_validate(told | changes)
    return json.dumps({"statement": statement.model_dump(mode="json"), "signature": sign(statement, private)}).encode()


async def receive(body: bytes) -> tuple[int, dict[str, Any], Asked]:
    asked = Asked()
    status, answer = await SignedAnswers(PEOPLE, asked, lambda: NOON).receive(body)
    return status, answer, asked


@pytest.mark.parametrize(("answer", "approve"), [("approve", True), ("reject", False)])
async def test_a_signed_answer_is_a_vote_of_that_person(answer: str, approve: bool) -> None:
    status, told, asked = await receive(request(answer=answer, reason="seen"))
    assert (status, told["ok"]) == (200, True)
    assert asked.votes == [("apr_1", "ben", approve, "seen")]


@pytest.mark.parametrize(("answer", "name"), [("list", "questions"), ("show", "question")])
async def test_looking_changes_nothing(answer: str, name: str) -> None:
    status, told, asked = await receive(request(answer=answer, digest=""))
    assert (status, told["name"], asked.votes) == (200, name, [])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (request(EVE), 401, "not_proved"),
        (request(person="ana"), 401, "not_proved"),  # she has no key
        (request(person="ghost"), 401, "not_proved"),
        (request(at=NOON - timedelta(minutes=6)), 401, "too_old"),
        (request(digest="b" * 64), 403, "plan_changed"),
        (request(digest=""), 403, "plan_changed"),
        (request(approval="apr_2"), 403, "unknown_question"),
        (b"", 400, "unreadable"),
        (b"[]", 400, "unreadable"),
        (b"[" * 100_000, 400, "unreadable"),
        (b'{"statement": {}, "signature": ""}', 400, "unreadable"),
        (b'{"statement": 1}', 400, "unreadable"),
        (b" " * (LARGEST + 1), 400, "unreadable"),
        (request().replace(b'"signature": "', b'"signature": 1, "x": "'), 401, "not_proved"),
    ],
)
async def test_T09_T12_what_is_not_proved_or_for_another_plan_is_no_vote(body: bytes, status: int, code: str) -> None:
    found, told, asked = await receive(body)
    assert (found, told["ok"], told["data"]["code"]) == (status, False, code)
    assert asked.votes == []
