"""The ten situations of the documentation are judged as docs/policy.md says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.commands import app
from bot.config import parse
from bot.config_file import read_yaml
from bot.situation import Situation
from guards.policy import Policy

FOLDER = Path(__file__).parents[2] / "docs" / "situations"
POLICY = Policy.from_mapping(read_yaml(FOLDER / "policy.yaml"))
EXPECTED: dict[str, tuple[str, list[str], list[str]]] = {
    "01-restart-in-dev": ("allow", [], []),
    "02-restart-in-prod": ("ask", [], ["approval"]),
    "03-second-restart-within-the-hour": ("deny", ["rate_limited"], []),
    "04-friday-evening": ("deny", ["frozen"], []),
    "05-staging-at-night": ("deny", ["outside_change_window"], []),
    "06-the-bot-by-itself": ("ask", [], ["approval"]),
    "07-third-restart-opens-the-breaker": ("deny", ["breaker_open"], []),
    "08-scale-from-six-to-twelve": ("ask", [], ["approval", "confirmation"]),
    "09-a-viewer": ("deny", ["wrong_role"], []),
    "10-emergency-stop": ("deny", ["kill_switch"], []),
}


def test_every_situation_is_expected() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {*EXPECTED, "policy"}


@pytest.mark.parametrize("name", EXPECTED)
def test_it_is_judged_as_the_page_says(name: str) -> None:
    path = FOLDER / f"{name}.yaml"
    decision = parse(Situation, read_yaml(path), path).decide(POLICY)
    codes = [denial.code for denial in decision.denials]
    kinds = sorted(question.kind for question in decision.questions)
    assert (decision.outcome, codes, kinds) == EXPECTED[name], decision.trace


PAGES = ("README.md", "docs/policy.md", "docs/configuration.md")


@pytest.mark.parametrize("page", PAGES)
def test_the_command_that_the_page_prints_works(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER.parents[1])
    monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
    commands = re.findall(r"runbookctl (explain .*--situation [^`\n]*)", Path(page).read_text(encoding="utf-8"))
    assert commands
    for command in commands:
        words = shlex.split(command.replace(" policy.yaml", f" {FOLDER / 'policy.yaml'}"))
        told = CliRunner().invoke(app, words)
        assert told.exit_code == 0, (command, told.output)
