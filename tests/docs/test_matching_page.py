"""docs/matching.md: its commands run as printed, and its scores are those of the code."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from runbooks import match
from runbooks.model import Match

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "matching.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    runbookctl (.+)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_run_as_they_are_printed(command: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "bot", *shlex.split(command)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "COLUMNS": "100"}
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOTHING SPEAKS FOR" in done.stdout


def test_the_table_names_every_key_and_the_codes_own_scores() -> None:
    rows = {row.split("|")[1].strip(): row for row in PAGE.splitlines() if row.startswith("| ")}
    assert set(re.findall(r"`(\w+):", "".join(rows.values()))) - {"match"} == set(Match.model_fields)
    assert f"{match.SIGNATURE_WEIGHT:.2f} to {match.SIGNATURE_MOST:.2f}" in rows["known error"]
    assert f"{match.ALERT_WEIGHT:.2f} to {match.ALERT_MOST:.2f}" in rows["alert name"]
    assert f"{match.SYMPTOM_WEIGHT:.2f}" in rows["symptom"]
    assert f"{match.LABEL_WEIGHT:.2f}" in rows["labels"]
    assert f"below {match.TEXT_WEIGHT:.2f}" in rows["text"]
    assert f"alone {match.CONDITION_WEIGHT:.2f}" in rows["condition"]
    assert f"From {match.THRESHOLD:.2f} a runbook is offered" in PAGE
    together = 1 - (1 - match.LABEL_WEIGHT) * (1 - match.SYMPTOM_WEIGHT)
    assert f"a symptom together give {together:.2f}" in PAGE
