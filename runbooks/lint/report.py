"""The findings as people and programs read them: text for a terminal, JSON, GitHub annotations; SARIF is in sarif.py.

Called by `runbookctl lint`. Every function gives lines of text. Must not print and must not decide about exit codes.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from runbooks.lint.check import Located, Report

WIDTH = 100
_LEVELS = {"error": "error", "warning": "warning"}


def text(report: Report) -> Iterator[str]:
    """`file:line:column: severity [rule]` for each finding, what is wrong and the fix below, and a last line of counts."""
    for found in report.findings:
        yield f"{_plain(found.file)}:{found.line}:{found.column}: {found.severity} [{found.rule}]"
        yield _indented(_plain(found.message))
        yield _indented(f"Fix: {_plain(found.fix)}")
    mendable = sum(found.mendable for found in report.findings)
    yield ", ".join(
        [
            _count(report.runbooks, "runbook"),
            _count(report.errors, "error"),
            _count(report.warnings, "warning") + (f" ({mendable} can be mended with --fix)" if mendable else ""),
        ]
    )


def as_json(report: Report) -> str:
    """One object: errors, warnings, runbooks, files, findings."""
    return json.dumps(
        {
            "errors": report.errors,
            "warnings": report.warnings,
            "runbooks": report.runbooks,
            "files": report.files,
            "findings": [
                {
                    "severity": found.severity,
                    "file": found.file,
                    "line": found.line,
                    "column": found.column,
                    "rule": found.rule,
                    "runbook": found.runbook,
                    "message": found.message,
                    "fix": found.fix,
                    "mendable": found.mendable,
                }
                for found in report.findings
            ],
        },
        indent=1,
    )


def github(report: Report) -> Iterator[str]:
    """Workflow commands, so that findings stand beside the lines of a pull request.

    Source: docs.github.com, "Workflow commands for GitHub Actions"; escaping as in actions/toolkit, core/src/command.ts.
    """
    for found in report.findings:
        yield (
            f"::{_LEVELS[found.severity]} file={_property(found.file)},line={found.line},col={found.column},"
            f"title={_property(f'runbookctl lint: {found.rule}')}::{_data(_said(found))}"
        )


def _indented(sentence: str) -> str:
    return textwrap.fill(
        sentence, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )


def _said(found: Located) -> str:
    return f"{found.message} Fix: {found.fix}"


def _data(value: str) -> str:
    # A file's name may be no text at all; what cannot be said is replaced, or the line could not be written.
    value = value.encode("utf-8", "replace").decode()
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def _plain(value: str) -> str:
    """One line that no terminal obeys: what a file says may hold anything (case T31)."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
