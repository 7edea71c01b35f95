"""The command line as a whole: quick, and never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bot.cli.conftest import Command

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("dbos", "slack_bolt", "aiohttp", "sqlalchemy", "alembic")


def test_help_names_every_command(runbookctl: Command) -> None:
    told = runbookctl("--help")
    assert told.code == 0
    for name in ("serve", "sandbox", "doctor", "lint", "kill", "resume", "audit", "db"):
        assert f" {name} " in told.out


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


def test_T55_the_emergency_stop_does_not_load_what_might_be_broken() -> None:
    """And so starts quickly; so does the help."""
    script = f"import sys, bot.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


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
