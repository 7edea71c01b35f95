"""The list of commands: all of them, and nothing heavy is loaded to show it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bot.cli.conftest import Command

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("dbos", "slack_bolt", "aiohttp", "sqlalchemy", "alembic")


def test_help_names_every_command(runbookctl: Command) -> None:
    told = runbookctl("--help")
    assert told.code == 0
    for name in ("serve", "sandbox", "doctor", "lint", "kill", "resume", "audit", "db"):
        assert f" {name} " in told.out


def test_T55_the_emergency_stop_does_not_load_what_might_be_broken() -> None:
    """And so starts quickly; so does the help."""
    script = f"import sys, bot.cli.commands; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
