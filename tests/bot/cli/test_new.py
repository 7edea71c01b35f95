"""`runbookctl new`: from flags to a file that lints, and every way it can go wrong."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.commands import app

RUN = CliRunner()
GOOD = ("--title", "Restart billing", "--action", "supervisor.restart", "--owner", "sre", "--symptom", "billing down")


def call(*words: str) -> tuple[int, str]:
    result = RUN.invoke(app, ["new", *words])
    return result.exit_code, result.output


def test_a_new_runbook_lints_at_once(tmp_path: Path) -> None:
    code, output = call("restart-billing", *GOOD, "--into", str(tmp_path))
    assert (code, "is written, and lints" in output) == (0, True), output
    assert RUN.invoke(app, ["lint", str(tmp_path)]).exit_code == 0


def test_its_id_comes_from_the_title(tmp_path: Path) -> None:
    assert call(*GOOD, "--into", str(tmp_path))[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["restart-billing.yaml"]


def test_json_says_file_and_findings(tmp_path: Path) -> None:
    code, output = call("a", *GOOD, "--into", str(tmp_path), "--json")
    assert (code, json.loads(output)["file"]) == (0, str(tmp_path / "a.yaml"))


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("mine")
    code, output = call("a", *GOOD, "--into", str(tmp_path))
    assert (code, "is there already" in output) == (2, True)
    assert (tmp_path / "a.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a", "--action", "supervisor.explode"), "there is no operation supervisor.explode"),
        (("a", "--action", "supervisor.restart"), "--owner"),
        (("a", "--action", "supervisor.restart", "--owner", "sre"), "--symptom or --alert"),
        (("a", *GOOD, "--risk", "forbidden"), "not for a draft"),
        (("a", *GOOD, "--with", "lines"), "is not key=value"),
        (("a", *GOOD, "--with", "lines=5"), "lines"),
        (("A B", *GOOD), "no runbook"),
        (("a", *GOOD, "--scope", "*"), "is not one environment"),
        (("a", *GOOD, "--scope", "dev], x: [y"), "is not one environment"),
        (("a\ntitle: b", *GOOD), "id has characters that are not allowed"),
        (("a", *GOOD, "--proof", "health"), "is not FACT: CONDITION"),
        (("a", *GOOD, "--proof", ": status == 200"), "is not FACT: CONDITION"),
        (("a", *GOOD, "--proof", "health: status =="), "no runbook"),
        (("a", *GOOD, "--undo", "supervisor.explode"), "there is no operation"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_nothing_is_written(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    code, output = call(*words, "--into", str(tmp_path))
    assert (code, said in output) == (2, True), output
    assert list(tmp_path.iterdir()) == []


def test_what_it_says_to_do_next_can_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
    code, output = call("restart-billing", *GOOD)
    assert code == 0, output
    for command in re.findall("`runbookctl (.*?)`", output):
        done = RUN.invoke(app, shlex.split(command))
        assert done.exit_code == 0, (command, done.output)
    assert "supervisorctl restart payments" in done.output
