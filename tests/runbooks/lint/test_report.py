"""The four ways to say a finding: readable, parseable, escaped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runbooks.lint import Known
from runbooks.lint.check import Located, Report, check
from runbooks.lint.finding import Finding, Repair
from runbooks.lint.report import WIDTH, as_json, github, text
from tests.runbooks.conftest import SHORT

HOSTILE = Located(
    "load", "error", "a,b:c\n%.yaml", 3, 7, "100% \r\n::error::x \x1b[31m", "write\n\u202ebetter " + "words " * 40
)


@pytest.fixture
def report(known: Known) -> Report:
    return check([(Path("x.yaml"), SHORT)], known)


def test_text_is_a_place_a_sentence_and_a_fix(report: Report) -> None:
    lines = list(text(report))
    assert lines[:2] == [
        "x.yaml:2:1: warning [mutating-without-rollback]",
        "    the step run does not say how it is undone.",
    ]
    assert lines[2].startswith("    Fix: add ")
    assert lines[-1] == "1 runbook, 0 errors, 2 warnings"
    mendable = Located(
        "a", "warning", "x", 1, 1, "m", "f", finding=Finding("a", "warning", "m", "f", repair=Repair("x"))
    )
    assert list(text(Report((mendable,), 2, 2)))[-1] == "2 runbooks, 0 errors, 1 warning (1 can be mended with --fix)"


def test_T31_nothing_in_a_file_can_give_orders_to_the_terminal() -> None:
    lines = "\n".join(text(Report((HOSTILE,), 0, 1)))
    assert not [c for c in lines if not (c.isprintable() or c == "\n")]
    assert lines.startswith("a,b:c\\n%.yaml:3:7: error [load]\n")
    assert "\\x1b[31m" in lines
    assert "\\u202e" in lines
    assert all(len(line) <= WIDTH for line in lines.splitlines() if line.startswith("    "))


def test_json_holds_every_finding(report: Report) -> None:
    told = json.loads(as_json(report))
    assert (told["errors"], told["warnings"], told["runbooks"], told["files"]) == (0, 2, 1, 1)
    assert told["findings"][0] == {
        "severity": "warning",
        "file": "x.yaml",
        "line": 2,
        "column": 1,
        "rule": "mutating-without-rollback",
        "runbook": "clear-cache",
        "message": "the step run does not say how it is undone.",
        "fix": "add `rollback: [...]`, `rollback: none`, or `irreversible: true`.",
        "mendable": False,
    }


def test_github_gets_one_escaped_command_a_finding() -> None:
    (line,) = github(Report((HOSTILE,), 0, 1))
    assert line.startswith(
        "::error file=a%2Cb%3Ac%0A%25.yaml,line=3,col=7,title=runbookctl lint%3A load::100%25 %0D%0A::error"
    )
    assert "\n" not in line
    assert "\r" not in line


def test_a_file_name_that_is_no_text_can_be_said() -> None:
    odd = Report((Located("load", "error", "a\udcff.yaml", 1, 1, "not UTF-8 text.", "save it as UTF-8."),), 0, 1)
    for lines in (text(odd), github(odd), [as_json(odd)]):
        assert "\n".join(lines).encode("utf-8")
