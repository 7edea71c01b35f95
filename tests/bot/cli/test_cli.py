"""The command line as a whole: quick, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import Transient
from tests.bot.cli.conftest import Command

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("words", [["melt"], ["kill"], ["resume", "--reason", "x"], ["kill", "--colour", "red"]])
def test_wrong_words_are_a_usage_error(runbookctl: Command, words: list[str]) -> None:
    told = runbookctl(*words)
    assert told.code == 2
    assert "Traceback" not in told.err


CONFIGURED = [["doctor", "--offline"], ["audit", "verify"], ["db", "upgrade"], ["serve"], ["kill", "--reason", "x"]]


@pytest.mark.parametrize("words", CONFIGURED, ids=lambda words: words[0])
def test_T43_a_missing_configuration_is_a_sentence_and_exit_2(
    runbookctl: Command, installation: Path, words: list[str]
) -> None:
    told = runbookctl(*words, "--config", str(installation / "nothing.yaml"))
    assert told.code == 2
    assert "nothing.yaml" in told.out + told.err
    assert "fix" in (told.out + told.err).lower()
    assert "Traceback" not in told.err


@pytest.mark.parametrize("words", CONFIGURED[:4], ids=lambda words: words[0])
def test_T43_an_unreadable_secret_file_is_a_sentence_and_exit_2(
    runbookctl: Command, installation: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    monkeypatch.setenv("SLACK_BOT_TOKEN_FILE", "/nothing/here")
    told = runbookctl(*words)
    assert told.code == 2
    assert "SLACK_BOT_TOKEN_FILE" in told.out + told.err
    assert "/nothing/here" in told.out + told.err


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "lint", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Check runbooks" in done.stdout


ENDS = [
    (OSError(28, "No space left on device"), "failed: No space left on device. Fix: ", 2),
    (PermissionError(13, "Permission denied", "/etc/x.yaml"), "failed: /etc/x.yaml: Permission denied. Fix: ", 2),
    (Transient("the database is full"), "failed: the database is full", 1),
    (KeyboardInterrupt(), "", 130),
]


@pytest.mark.parametrize(("raised", "said", "code"), ENDS, ids=lambda value: type(value).__name__)
def test_however_a_command_ends_there_is_a_sentence_and_a_code(
    runbookctl: Command, monkeypatch: pytest.MonkeyPatch, raised: BaseException, said: str, code: int
) -> None:
    def broken() -> None:
        raise raised

    monkeypatch.setattr("bot.cli.commands.app", broken)
    told = runbookctl("lint")
    assert told.code == code
    assert told.err.startswith(said)
    assert "Traceback" not in told.err


SITUATIONS = ROOT / "docs" / "situations"
JUDGE = ("--policy", SITUATIONS / "policy.yaml", "--situation", SITUATIONS / "03-second-restart-within-the-hour.yaml")
AWKWARD: dict[str, tuple[str, tuple[str | Path, ...]]] = {
    "a terminal that knows no signs": ('exec env PYTHONIOENCODING=ascii "$@"', ("explain", *JUDGE)),
    "a disk that is full": ('exec "$@" > /dev/full', ("lint", "--rules")),
    "a reader that has seen enough": ('"$@" | head -n 1', ("lint", "--rules")),
    "a folder that is gone": ('cd "$(mktemp -d)" && rmdir "$PWD" && exec "$@"', ("match", "--symptom", "x")),
}


@pytest.mark.parametrize(("how", "words"), AWKWARD.values(), ids=AWKWARD)
def test_an_awkward_place_gets_no_traceback(how: str, words: tuple[str | Path, ...]) -> None:
    command = [sys.executable, "-m", "bot", *map(str, words)]
    surrounding = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["/bin/sh", "-c", how, "sh", *command], capture_output=True, timeout=120, check=False, env=surrounding, cwd=ROOT
    )
    for sign in (b"Traceback", b"Exception ignored"):
        assert sign not in done.stderr, done.stderr[-800:].decode()
    assert done.returncode in (0, 1, 2)
