"""One pass over files: load each, lint it while it is at hand, then all of them together; every finding with its place.

Called by `runbookctl lint`, bench/lint.py and tests. Text comes in as runbooks/folder.py gives it. Must not read files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runbooks.folder import Problem
from runbooks.lint import LOAD, Known, Outline, lint_all, lint_one, look_at, outline
from runbooks.lint.finding import Finding, Severity
from runbooks.load import RunbookError, load_located
from runbooks.shape import original_path
from runbooks.strict import Document, parse


@dataclass(frozen=True, slots=True)
class Located:
    """A finding in a file. line, column: from 1. runbook: its id, "" when the file is none. mendable: by `--fix`."""

    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    fix: str
    runbook: str = ""
    finding: Finding | None = None

    @property
    def mendable(self) -> bool:
        """Whether `--fix` may know what to do."""
        return self.finding is not None and (self.finding.repair is not None or self.rule == "untidy-text")


@dataclass(frozen=True, slots=True)
class Report:
    """findings: by file, line and column. runbooks: how many were loaded. files: how many were looked at."""

    findings: tuple[Located, ...]
    runbooks: int
    files: int

    @property
    def errors(self) -> int:
        """How many are errors."""
        return sum(found.severity == "error" for found in self.findings)

    @property
    def warnings(self) -> int:
        """How many are warnings."""
        return len(self.findings) - self.errors


def check(files: Iterable[tuple[Path, str] | Problem], known: Known) -> Report:
    """Lint these files. A file that is no runbook gives its problems; no file can stop the others."""
    found: list[Located] = []
    outlines: list[Outline] = []
    count = 0
    for each in files:
        count += 1
        if isinstance(each, Problem):
            found.append(_problem(each))
            continue
        path, text = each
        try:
            runbook, document = load_located(text, str(path))
        except RunbookError as error:
            found += [_problem(problem) for problem in error.problems]
            continue
        subject = look_at(runbook, known, text)
        outlines.append(outline(subject))
        found += [
            locate(finding, runbook.id, str(path), document, short=runbook.short_form) for finding in lint_one(subject)
        ]
    # Documents are not kept: the places of a thousand files are a million objects, and few findings come this late.
    for number, finding in lint_all(outlines):
        one = outlines[number]
        found.append(locate(finding, one.id, one.source, parse(one.text)))
    found.sort(key=lambda one: (one.file, one.line, one.column, one.severity, one.rule))
    return Report(tuple(found), len(outlines), count)


def locate(finding: Finding, runbook: str, file: str, document: Document, *, short: bool = False) -> Located:
    """The finding with the line and column of what it is about. short: whether the runbook is in the short form."""
    line, column = finding.place or (0, 0)
    if not finding.place:
        whole_step = short and finding.path == ("steps", 0)
        place = document.nearest(("command",) if whole_step else original_path(finding.path, short=short))
        line, column = place.line, place.column
    return Located(
        finding.rule, finding.severity, file, line, column, finding.message, finding.fix, runbook, finding
    )  # fmt: skip


def _problem(problem: Problem) -> Located:
    return Located(
        LOAD.id, LOAD.severity, problem.file, problem.line, problem.column, problem.message, problem.fix
    )  # fmt: skip
