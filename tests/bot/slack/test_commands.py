"""`/runbook`: which words ask for what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.services import Person
from bot.slack.commands import Commands, is_name, kind_of, unescape

PERSON = Person(id="alice", name="Alice")

ASKED: list[tuple[str, tuple[Any, ...]]] = [
    ("status", ("status", None)),
    ("STATUS Payments", ("status", "payments")),
    ("history payments", ("history", "payments")),
    ("list", ("list_runbooks",)),
    ("explain run_abc", ("explain", "run_abc", "alice")),
    ("EXPLAIN INC_ABC", ("explain", "inc_abc", "alice")),
    ("show restart-service", ("show_runbook", "restart-service")),
    ("plan restart-service payments prod", ("plan_runbook", "restart-service", "payments", "prod", "alice")),
    ("run restart-service payments", ("run_runbook", "restart-service", "payments", None, "alice", "C1")),
    ("kill all it is on fire", ("kill", "all", "", "it is on fire", "alice")),
    ("kill all", ("kill", "all", "", "no reason given", "alice")),
    ("kill env prod R&amp;D asked", ("kill", "environment", "prod", "R&D asked", "alice")),
    ("resume service payments fixed", ("resume", "service", "payments", "fixed", "alice")),
    ("resume all", ("resume", "all", "", "", "alice")),
    ("kill monitor it is odd", ("kill", "monitor", "", "it is odd", "alice")),
    ("resume MONITOR looked at", ("resume", "monitor", "", "looked at", "alice")),
    (
        "breakglass restart-service payments because Prod loses R&amp;D's orders because of X",
        ("break_glass", "restart-service", "payments", None, "alice", "C1", "Prod loses R&D's orders because of X"),
    ),
    (
        "BreakGlass Restart-Service payments prod BECAUSE of it",
        ("break_glass", "restart-service", "payments", "prod", "alice", "C1", "of it"),
    ),
    ("breakglass a b because", ("break_glass", "a", "b", None, "alice", "C1", "")),
]


@pytest.mark.parametrize(("text", "call"), ASKED)
async def test_words_become_one_request(room: Any, text: str, call: tuple[Any, ...]) -> None:
    await Commands(room.desk).answer(text, PERSON, "C1")
    assert room.asked.calls == [call]


@pytest.mark.parametrize("text", ["run restart-service payments", "breakglass restart-service payments because X"])
async def test_T51_what_begins_a_run_says_which_command_it_was(room: Any, text: str) -> None:
    body = {"user_id": "U0ALICE", "team_id": "T0SANDBOX", "channel_id": "C0INC", "text": text, "trigger_id": "1.2.abc"}
    await Commands(room.desk).handle(body)
    assert room.asked.once == ["1.2.abc"]


WRONG = [
    "frobnicate",
    "stauts",
    "run",
    "run restart-service",
    "run a b c d",
    "show --all",
    "explain",
    "explain payments",
    "explain run_a run_b",
    "explain run_<!channel>",
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
    "breakglass",
    "breakglass restart-service payments we must",
    "breakglass because we must",
    "breakglass a because b c d",
    "breakglass a b c d because we must",
    "breakglass $(id) payments because we must",
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


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((text, "looks") for text in ("", "help", "status", "list", "show x", "plan a b", "history", "explain run_a")),
        *((text, "changes") for text in (" RUN a b", "resume all", "release run_a", "breakglass a b because c")),
        ("kill all fire", "stops"),
        ("frobnicate run", "looks"),
    ],
)
def test_T07_what_changes_something_is_known_by_its_first_word(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize("flag", ["is_restricted", "is_ultra_restricted", "is_stranger", "deleted"])
async def test_T07_an_account_that_is_not_one_of_ours_may_look_and_not_run(room: Any, flag: str) -> None:
    changes: dict[str, Any] = {flag: True}
    room.workspace.users["U0ALICE"] = replace(room.workspace.users["U0ALICE"], **changes)
    body = {"team_id": "T0SANDBOX", "user_id": "U0ALICE", "channel_id": "C0INC"}
    for text in ("run a b", "status"):
        await Commands(room.desk).handle({**body, "text": text})
    assert room.asked.calls == [("status", None)]
