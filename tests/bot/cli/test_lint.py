"""Lint: exit 0 with warnings only, 1 with errors, and every finding with place and fix."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bot.cli.conftest import Command

SHORT = """\
id: restart-nginx
title: Restart nginx
command: systemctl restart nginx
expect: [{pattern: "active"}]
irreversible: true
safety: {scopes: [staging]}
"""


def written(folder: Path, text: str, name: str = "one.yaml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_the_shipped_catalogue_has_no_errors(runbookctl: Command) -> None:
    told = runbookctl("lint")
    assert told.code == 0, told.out
    assert "0 errors" in told.out


def test_warnings_alone_are_exit_0(runbookctl: Command, tmp_path: Path) -> None:
    told = runbookctl("lint", written(tmp_path, SHORT))
    assert told.code == 0, told.out
    assert "warning [" in told.out
    assert "0 errors" in told.out


def test_an_error_is_exit_1_with_file_line_and_fix(runbookctl: Command, tmp_path: Path) -> None:
    path = written(tmp_path, SHORT + "surprise: 1\n")
    told = runbookctl("lint", path)
    assert told.code == 1
    assert f"{path}:7:1: error [load]" in told.out
    assert "Fix:" in told.out


def test_several_paths_are_counted_together(runbookctl: Command, tmp_path: Path) -> None:
    good, bad = written(tmp_path, SHORT, "good.yaml"), written(tmp_path, "id: [", "bad.yaml")
    told = runbookctl("lint", good, bad)
    assert told.code == 1
    assert "1 runbooks, 1 errors" in told.out


def test_json_is_one_object(runbookctl: Command, tmp_path: Path) -> None:
    told = runbookctl("lint", "--json", written(tmp_path, SHORT + "surprise: 1\n"))
    report = json.loads(told.out)
    assert (told.code, report["errors"], report["runbooks"]) == (1, 1, 0)
    (finding,) = [line for line in report["findings"] if line["severity"] == "error"]
    assert set(finding) == {"severity", "file", "line", "column", "rule", "message", "fix"}


def test_T38_a_hostile_file_is_a_finding_and_not_a_crash(runbookctl: Command, tmp_path: Path) -> None:
    told = runbookctl("lint", written(tmp_path, "a: &a [*a, *a]\n" * 10))
    assert told.code == 1
    assert "Traceback" not in told.out + told.err
