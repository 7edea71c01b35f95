"""Which operation a written command stands for."""

from __future__ import annotations

import pytest

from runbooks.page import Command
from runbooks.recognise import draftable, recognise


@pytest.mark.parametrize(
    ("words", "action", "given", "changes"),
    [
        ("supervisorctl restart billing", "supervisor.restart", {}, True),
        (
            "supervisorctl -c x tail billing",
            "command.run",
            {"argv": ["supervisorctl", "-c", "x", "tail", "billing"]},
            True,
        ),
        ("supervisorctl tail billing", "supervisor.tail_log", {"lines": 50}, False),
        ("/usr/bin/supervisorctl stop billing", "supervisor.stop", {}, True),
        ("redis-cli -n 2 FLUSHDB", "redis.flush_database", {}, True),
        ("redis-cli ping", "redis.ping", {}, False),
        ("redis-cli FLUSHALL", "command.run", {"argv": ["redis-cli", "FLUSHALL"]}, True),
        ("curl -s http://h:1/health", "http.get", {"path": "/health"}, False),
        ("curl http://h:1", "http.get", {"path": "/"}, False),
        ("curl -X POST http://h:1/a", "command.run", {"argv": ["curl", "-X", "POST", "http://h:1/a"]}, True),
        ("df -h", "disk.report", {}, False),
        (
            "kubectl rollout restart deployment a",
            "command.run",
            {"argv": ["kubectl", "rollout", "restart", "deployment", "a"]},
            True,
        ),
    ],
)
def test_each_command_is_an_operation(words: str, action: str, given: dict[str, object], changes: bool) -> None:
    (found,) = recognise([Command(tuple(words.split()), 1)])
    assert (found.action, found.given, found.changes) == (action, given, changes)


def test_a_draft_holds_the_looks_before_the_first_change_and_nothing_after_it() -> None:
    lines = ["df -h", "df /var", "supervisorctl restart a", "supervisorctl stop b"]
    made = draftable(recognise([Command(tuple(line.split()), n) for n, line in enumerate(lines)]))
    assert made is not None
    before, change = made
    assert ([look.action for look in before], change.action) == (["disk.report"], "supervisor.restart")


def test_looking_alone_makes_no_draft() -> None:
    assert draftable(recognise([Command(("df",), 1)])) is None
