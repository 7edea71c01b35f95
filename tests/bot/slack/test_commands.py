"""`/runbook`: which words ask for what."""

from __future__ import annotations

from typing import Any

import pytest

from bot.services import Person
from bot.slack.commands import Commands, is_name, unescape

PERSON = Person(id="alice", name="Alice")

ASKED: list[tuple[str, tuple[Any, ...]]] = [
    ("status", ("status", None)),
    ("STATUS Payments", ("status", "payments")),
    ("history payments", ("history", "payments")),
    ("list", ("list_runbooks",)),
    ("show restart-service", ("show_runbook", "restart-service")),
    ("plan restart-service payments prod", ("plan_runbook", "restart-service", "payments", "prod", "alice")),
    ("run restart-service payments", ("run_runbook", "restart-service", "payments", None, "alice", "C1")),
    ("kill all it is on fire", ("kill", "all", "", "it is on fire", "alice")),
    ("kill all", ("kill", "all", "", "no reason given", "alice")),
    ("kill env prod R&amp;D asked", ("kill", "environment", "prod", "R&D asked", "alice")),
    ("resume service payments fixed", ("resume", "service", "payments", "fixed", "alice")),
    ("resume all", ("resume", "all", "", "", "alice")),
]


@pytest.mark.parametrize(("text", "call"), ASKED)
async def test_words_become_one_request(room: Any, text: str, call: tuple[Any, ...]) -> None:
    await Commands(room.desk).answer(text, PERSON, "C1")
    assert room.asked.calls == [call]


WRONG = [
    "frobnicate",
    "stauts",
    "run",
    "run restart-service",
    "run a b c d",
    "show --all",
    "run $(id) payments",
    "run restart-service payments;id",
    "kill",
    "kill payments now",
    "kill service",
    "status a b",
    "list all",
    "plan <!channel> payments",
    "x" * 1001,
    "run -rf payments",
    "show ../../etc/passwd",
    "resume",
]


@pytest.mark.parametrize("text", WRONG)
async def test_anything_else_is_answered_with_how_it_goes(room: Any, text: str) -> None:
    answer = await Commands(room.desk).answer(text, PERSON, "C1")
    assert room.asked.calls == []
    assert answer.name == "usage"
    assert room.desk.words(answer).text


async def test_a_near_miss_is_suggested(room: Any) -> None:
    answer = await Commands(room.desk).answer("stauts", PERSON, "C1")
    assert answer.data["text"].endswith("Did you mean status?")


@pytest.mark.parametrize("text", ["", "help", " HELP "])
async def test_help(room: Any, text: str) -> None:
    assert (await Commands(room.desk).answer(text, PERSON, "C1")).name == "help"


def test_entities_are_decoded_once() -> None:
    assert unescape("&amp;lt;b&gt; &amp;amp;") == "&lt;b> &amp;"


@pytest.mark.parametrize(
    ("word", "good"),
    [("a-1.b_c", True), ("", False), ("-a", False), ("A", False), ("a\n", False), ("a" * 65, False), ("é", False)],
)
def test_names_are_short_and_plain(word: str, good: bool) -> None:
    assert is_name(word) is good
