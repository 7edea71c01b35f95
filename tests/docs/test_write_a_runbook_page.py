"""The walk of docs/write-a-runbook.md: its commands are executed as they are printed, in an empty folder.

The two that need a running sandbox are played by the story `first-runbook` (tests/scenarios/test_stories.py); here the
last one must be refused, because nothing was run yet.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.commands import app
from bot.sandbox.configuration import Places, SandboxSettings, countersign
from bot.sandbox.stories import first_runbook
from runbooks.load import load_runbook

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-runbook.md").read_text(encoding="utf-8")
COMMANDS = [line.strip() for line in PAGE.splitlines() if line.startswith("    runbookctl ")]
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
NEEDS_THE_SANDBOX = ("sandbox", "promote")


def words(command: str) -> list[str]:
    return shlex.split(command)[1:]


def run(command: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, words(command))
    return result.exit_code, result.output


def test_the_commands_work_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
    for command in COMMANDS:
        if words(command)[0] in NEEDS_THE_SANDBOX:
            continue
        code, output = run(command)
        assert code == 0, f"{command}\n{output}"
        if words(command)[0] == "new":
            drafted = load_runbook((tmp_path / "runbooks" / "restart-checkout.yaml").read_text(), "drafted")
            assert drafted.steps[-1].action == "supervisor.restart"
            (tmp_path / "runbooks" / "restart-checkout.yaml").write_text(EXAMPLE)  # section 2, edited
        if words(command)[0] == "test":
            assert "3 passed" in output or "3 of 3" in output, output
    assert (tmp_path / "cards.html").stat().st_size > 10_000


def test_the_story_plays_the_page() -> None:
    (new,) = [words(command) for command in COMMANDS if words(command)[0] == "new"]
    (promote,) = [words(command) for command in COMMANDS if words(command)[0] == "promote"]
    assert new[1] == first_runbook.NAME
    said = first_runbook.NEW
    assert all(said[said.index(flag) + 1] == new[new.index(flag) + 1] for flag in new[2:-2:2])
    assert [w for w in first_runbook.promotion() if w.startswith("--")] == [w for w in promote if w.startswith("--")][
        1:
    ]


def test_the_sandbox_is_content_with_one_run(tmp_path: Path) -> None:
    asked = countersign(Places(tmp_path, 1, tmp_path / "socket", ()), SandboxSettings())["promotion"]
    assert (asked["runs"], asked["min_age"] < 1) == (1, True)
