"""`runbookctl approve` against a small server: lists, shows, signs what was shown (P5)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot.signing import Statement, is_signed
from tests.bot.cli.conftest import Command

DIGEST = "ab12" * 16
PLAN = {
    "runbook_title": "Restart",
    "service": "payments",
    "environment": "prod",
    "requester": "ana",
    "steps": [
        {
            "act": {
                "shown": "supervisorctl restart payments",
                "target": {"kind": "supervisor_program", "environment": "prod", "name": "payments"},
            },
            "risk": "safe",
            "check": {"fact": "health", "expect": "status == 200", "required": 3, "of": 4},
            "rollback": [],
            "rollback_note": "none",
        }
    ],
}
QUESTION = {
    "id": "apr_1",
    "kind": "approval",
    "message": "Approve?",
    "digest": DIGEST,
    "expires_at": "2026-11-21T12:15:00+00:00",
    "plan": PLAN,
}


class Bot:
    """The bot's `/answers`: keeps what came, answers as told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.refuse = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.told.append(body)
                status, answer = server.answer(self.path, body["statement"]["answer"])
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  reason: the base class's name
                """Quiet."""

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def answer(self, path: str, what: str) -> tuple[int, dict[str, Any]]:
        if path != "/answers" or self.refuse:
            return 403, {
                "ok": False,
                "name": "refused",
                "data": {"code": "self_approval", "reason": "You asked.", "remedy": "Ask Ben."},
            }
        if what == "list":
            return 200, {"ok": True, "name": "questions", "data": {"questions": [QUESTION]}}
        if what == "show":
            return 200, {"ok": True, "name": "question", "data": QUESTION}
        return 200, {"ok": True, "name": "done", "data": {"text": "Approved. The card shows how it goes."}}


@pytest.fixture
def bot() -> Iterator[Bot]:
    made = Bot()
    yield made
    made.http.shutdown()
    made.thread.join()
    made.http.server_close()


@pytest.fixture
def key(runbookctl: Command, tmp_path: Path) -> tuple[str, str]:
    """A fresh key: its file and its public text."""
    file = tmp_path / "ben.key"
    told = runbookctl("approve", "--new-key", str(file), "--json")
    assert told.code == 0
    assert file.stat().st_mode & 0o077 == 0
    return str(file), json.loads(told.out)["key"]


def test_a_key_is_made_once(runbookctl: Command, key: tuple[str, str]) -> None:
    told = runbookctl("approve", "--new-key", key[0])
    assert told.code == 2
    assert "does not exist yet" in told.err


def test_open_questions_are_listed(runbookctl: Command, bot: Bot, key: tuple[str, str]) -> None:
    told = runbookctl("approve", "--as", "ben", "--key", key[0], "--address", bot.address)
    assert told.code == 0
    assert "apr_1" in told.out
    assert DIGEST[:12] in told.out


@pytest.mark.parametrize(
    ("options", "answer", "reason"), [((), "approve", ""), (("--reject", "not now"), "reject", "not now")]
)
def test_the_answer_is_signed_for_the_plan_that_was_shown(
    runbookctl: Command, bot: Bot, key: tuple[str, str], options: tuple[str, ...], answer: str, reason: str
) -> None:
    told = runbookctl(
        "approve", "apr_1", "--as", "ben", "--key", key[0], "--address", bot.address, "--digest", DIGEST[:12], *options
    )
    assert (told.code, "Approved" in told.out) == (0, True)
    last = bot.told[-1]
    statement = Statement.model_validate(last["statement"])
    assert (statement.answer, statement.digest, statement.reason) == (answer, DIGEST, reason)
    assert is_signed(statement, last["signature"], key[1])


@pytest.mark.parametrize("digest", ["ab12", "ffffffffffff"])
def test_T09_another_digest_signs_nothing(runbookctl: Command, bot: Bot, key: tuple[str, str], digest: str) -> None:
    told = runbookctl("approve", "apr_1", "--as", "ben", "--key", key[0], "--address", bot.address, "--digest", digest)
    assert told.code == 1
    assert [t["statement"]["answer"] for t in bot.told] == ["show"]


def test_a_refusal_is_told_with_its_code(runbookctl: Command, bot: Bot, key: tuple[str, str]) -> None:
    bot.refuse = True
    told = runbookctl("approve", "apr_1", "--as", "ana", "--key", key[0], "--address", bot.address)
    assert (told.code, "self_approval" in told.out, "Ask Ben." in told.out) == (1, True, True)


def test_without_a_person_or_a_key_it_is_a_usage_mistake(runbookctl: Command, tmp_path: Path) -> None:
    assert runbookctl("approve", "apr_1").code == 2
    missing = runbookctl("approve", "--as", "ben", "--key", str(tmp_path / "none"), "--address", "http://127.0.0.1:1")
    assert (missing.code, "readable file" in missing.err) == (2, True)


def test_a_bot_that_is_not_there_is_said(runbookctl: Command, key: tuple[str, str]) -> None:
    told = runbookctl("approve", "--as", "ben", "--key", key[0], "--address", "http://127.0.0.1:1")
    assert (told.code, "cannot be reached" in told.err, "Traceback" in told.err) == (1, True, False)
