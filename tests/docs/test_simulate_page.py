"""docs/simulate.md: every command on it works as it stands there, and every option is explained."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from bot.cli.commands import app
from bot.simulation.alert import PlainAlert

PAGE = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    runbookctl (simulate .*)$", PAGE, flags=re.MULTILINE)


def test_the_commands_work_in_the_order_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
    assert len(COMMANDS) == 5
    for command in COMMANDS:
        ended = CliRunner().invoke(app, shlex.split(command))
        assert ended.exit_code == 0, ended.output
    assert {path.name for path in tmp_path.iterdir()} == {"cards.html", "golden.txt"}


def test_the_plain_alert_is_one() -> None:
    (alert,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    assert set(json.loads(alert)) == set(PlainAlert.model_fields)
    assert PlainAlert.model_validate_json(alert).title == "disk full"


def test_every_option_is_explained() -> None:
    command = typer.main.get_command(app).commands["simulate"]  # type: ignore[attr-defined]  # reason: the app is a group
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    assert [name for name in sorted(options - {"--help"}) if f"`{name}" not in PAGE] == []
