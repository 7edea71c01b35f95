"""One pass over files: places are real, one bad file does not hide the others, the order is fixed."""

from __future__ import annotations

from pathlib import Path

from runbooks.folder import Problem
from runbooks.lint import Known
from runbooks.lint.check import check
from tests.runbooks.conftest import LONG, SHORT


def test_every_finding_stands_where_its_key_is(known: Known) -> None:
    text = LONG.replace("fact: health", "fact: helth").replace("owner: sre\n", "")
    found = {f.rule: (f.line, f.column) for f in check([(Path("a.yaml"), text)], known).findings}
    lines = text.splitlines()
    line, column = found["unknown-fact"]
    assert lines[line - 1][column - 1 :].startswith("fact: helth")
    line, column = found["scope-above-promotion"]
    assert lines[line - 1][column - 1 :].startswith("scopes:")
    assert found["without-owner"] == found["missing-tests"] == (1, 1)


def test_the_short_form_has_places_of_its_own(known: Known) -> None:
    text = SHORT.replace('{pattern: "OK"}', '{pattern: ".*OK"}')
    found = {f.rule: (f.line, f.column) for f in check([(Path("a.yaml"), text)], known).findings}
    assert found["padded-pattern"] == (3, 11)
    assert found["mutating-without-verify"] == (2, 1)


def test_a_file_that_is_no_runbook_does_not_hide_the_others(known: Known) -> None:
    files = [
        (Path("b.yaml"), "id: ["),
        Problem("a.yaml", 1, 1, "not UTF-8 text.", "save the file as UTF-8."),
        (Path("c.yaml"), SHORT),
        (Path("d.yaml"), ""),
    ]
    report = check(files, known)
    assert [(f.file, f.rule) for f in report.findings if f.severity == "error"] == [
        ("a.yaml", "load"),
        ("b.yaml", "load"),
        ("d.yaml", "load"),
    ]
    assert (report.files, report.runbooks, report.errors, report.warnings) == (4, 1, 3, 2)
    assert report == check(reversed(files), known)
