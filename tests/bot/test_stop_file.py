"""The file of the kill switch: what cannot be read stops all, nothing is lost, and it is there in a hurry."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import Transient
from bot.stop_file import engage_file, lift_file, stops_in_file
from guards.context import Stop

HEAVY = ("sqlalchemy", "sqlmodel", "aiohttp", "slack_bolt", "dbos", "jinja2")
KILL = f"""\
import sys
from bot.cli import main
sys.argv = ["runbookctl", "kill", "--reason", "storm", "--config", "countersign.yaml"]
try:
    main()
finally:
    print([name for name in {HEAVY!r} if name in sys.modules])
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file would be."""
    return tmp_path / "STOP"


def levels(stops: tuple[Stop, ...]) -> list[tuple[str, str]]:
    """What is stopped."""
    return [(stop.level, stop.name) for stop in stops]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", [("all", "")]),
        (b"\n \n", [("all", "")]),
        (b"stop!", [("all", "")]),
        (b"\xff\xfe", [("all", "")]),
        (b"[" * 60_000, [("all", "")]),
        (b"x" * 70_000, [("all", "")]),
        (b'{"level":"galaxy","name":"","reason":"r","by":"b"}', [("all", "")]),
        (b'{"level":"service","name":"","reason":"r","by":"b"}', [("all", "")]),
        (b'{"level":"service","name":"a","reason":"r"}', [("all", "")]),
        (b'{"level":"service","name":"a","reason":"r","by":"b"}', [("service", "a")]),
        (b'{"level":"service","name":"a","reason":"r","by":"b"}\nhalf', [("service", "a"), ("all", "")]),
    ],
)
def test_T55_a_file_that_is_not_understood_stops_all(
    file: Path, content: bytes, expected: list[tuple[str, str]]
) -> None:
    file.write_bytes(content)
    assert levels(stops_in_file(file)) == expected


def test_T55_a_file_that_cannot_be_read_stops_all(file: Path) -> None:
    file.mkdir()
    assert levels(stops_in_file(file)) == [("all", "")]
    with pytest.raises(Transient):
        lift_file(file, "all", "")


def test_the_file_is_one_json_line_per_stop_and_private(file: Path) -> None:
    engage_file(file, "all", "", "line\nbreak", "ada")
    engage_file(file, "service", "a", "r", "bob")
    assert [json.loads(line)["by"] for line in file.read_text().splitlines()] == ["ada", "bob"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["STOP"], "no half-written file stays"


def test_T55_the_command_that_writes_it_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "countersign.yaml").write_text("state_dir: .\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", KILL], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", "on an overloaded machine each of them costs seconds" + done.stderr
    assert levels(stops_in_file(tmp_path / "kill_switch")) == [("all", "")]


@pytest.mark.parametrize("there", [b"", b"\n", b"  \n\n"])
def test_T55_a_narrower_stop_does_not_end_the_one_that_a_touched_file_is(file: Path, there: bytes) -> None:
    """`touch state/kill_switch` stops all; whoever then stops one service must not set the rest going again."""
    file.write_bytes(there)
    engage_file(file, "service", "payments", "it loops", "ana")
    assert {(stop.level, stop.name) for stop in stops_in_file(file)} == {("all", ""), ("service", "payments")}
    assert lift_file(file, "service", "payments")
    assert [stop.level for stop in stops_in_file(file)] == ["all"]
    assert lift_file(file, "all", "")
    assert stops_in_file(file) == ()


def test_a_stop_that_is_engaged_again_and_again_is_one_line(file: Path) -> None:
    for number in range(20):
        engage_file(file, "service", "payments", f"reason {number}", "ana")
    assert [(stop.level, stop.reason) for stop in stops_in_file(file)] == [("service", "reason 0")]


def test_a_long_reason_does_not_make_the_file_unreadable(file: Path) -> None:
    engage_file(file, "service", "payments", "why " * 50_000, "ana")
    assert [stop.level for stop in stops_in_file(file)] == ["service"]


def test_T55_nothing_is_lifted_while_another_process_may_be_engaging(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.stop_file.LOCK_PAUSE", 0.0)
    engage_file(file, "all", "", "storm", "ana")
    handle = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(Transient, match="another process"):
            lift_file(file, "all", "")
        engage_file(file, "service", "payments", "it loops", "ana")  # a stop waits for nobody
    finally:
        os.close(handle)
    assert [stop.level for stop in stops_in_file(file)] == ["all", "service"]
    assert lift_file(file, "all", "")
