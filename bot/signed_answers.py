"""`POST /answers`: approve or reject with a signed statement when Slack is down (mission P5). Same path, same rules.

Given to bot/web.py by bot/app.py; the other side is `runbookctl approve`. Who it is comes from the signature and
people.yaml, what they may do from the same `vote` that a click meets (bot/requests.py). Must not decide anything else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from bot.services import People, Person
from bot.signing import Statement, is_current, is_signed
from bot.stages.reply import Reply, refused

LARGEST = 16_384  # bytes of a whole request
Answered = tuple[int, dict[str, Any]]


class Asking(Protocol):
    """The part of bot.requests.Requests that is needed here."""

    async def vote_signed(self, approval_id: str, person: Person, approve: bool, reason: str) -> Reply:
        """Approve or reject; the signature was checked."""
        ...

    async def question(self, approval_id: str, person: Person) -> Reply:
        """One question with its plan and digest; changes nothing."""
        ...

    async def open_questions(self, person: Person) -> Reply:
        """Every question that waits for an answer; changes nothing."""
        ...


class SignedAnswers:
    """clock: UTC now."""

    def __init__(self, people: People, asking: Asking, clock: Callable[[], datetime]) -> None:
        self._people = people
        self._asking = asking
        self._clock = clock

    async def receive(self, body: bytes) -> Answered:
        """HTTP status and JSON answer for one request body. 400 unreadable, 401 not proved, 403 refused, 200 the rest."""
        try:
            told: Any = json.loads(body) if len(body) <= LARGEST else {}
            statement = Statement.model_validate(told["statement"])
            signature = told["signature"]
        except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
            return _answer(400, refused("unreadable", "This is not a signed answer.", "Use `runbookctl approve`."))
        person = self._people.by_id(statement.person)
        if person is None or not isinstance(signature, str) or not is_signed(statement, signature, person.key):
            return _answer(401, refused(*NOT_PROVED))
        if not is_current(statement, self._clock()):
            return _answer(401, refused(*TOO_OLD))
        reply = await self._carry(statement, person)
        return _answer(403 if reply.name == "refused" else 200, reply)

    async def _carry(self, statement: Statement, person: Person) -> Reply:
        if statement.answer == "list":
            return await self._asking.open_questions(person)
        shown = await self._asking.question(statement.approval, person)
        if statement.answer == "show" or not shown.ok:
            return shown
        if statement.digest != shown.data["digest"]:
            return refused("plan_changed", "You signed another plan than the one that waits.", "Look at it again.")
        approve = statement.answer == "approve"
        return await self._asking.vote_signed(statement.approval, person, approve, statement.reason)


NOT_PROVED = (
    "not_proved",
    "The signature does not prove who you are.",
    "Use the private key that belongs to `key` under your name in people.yaml.",
)
TOO_OLD = ("too_old", "The statement was not made just now.", "Check this machine's clock and try again.")


def _answer(status: int, reply: Reply) -> Answered:
    return status, {"ok": reply.ok, "name": reply.name, "data": reply.data}
