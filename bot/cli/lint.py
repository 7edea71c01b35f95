"""`runbookctl lint`: errors and warnings for runbooks, with file, line and a fix. The rules are in runbooks/lint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import JsonOption


def lint(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; else the shipped catalogue.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check runbooks: exit 0 with warnings only, 1 with errors."""
    from bot.roster import FACT_NAMES, OPERATIONS
    from runbooks.folder import read_file
    from runbooks.lint import lint as check
    from runbooks.load import BUILTIN, RunbookError, load_catalog, load_runbook

    given = paths or [BUILTIN]
    found = load_catalog(path for path in given if not path.is_file())
    problems, runbooks = list(found.problems), list(found.runbooks.values())
    for path in given:
        read = read_file(path, path.parent.resolve()) if path.is_file() else None
        try:
            if isinstance(read, tuple):
                runbooks.append(load_runbook(read[1], str(path)))
            elif read is not None:
                problems.append(read)
        except RunbookError as error:
            problems += error.problems
    lines: list[dict[str, object]] = [
        {
            "severity": "error",
            "file": str(p.file),
            "line": p.line,
            "column": p.column,
            "rule": "load",
            "message": p.message,
            "fix": p.fix,
        }
        for p in problems
    ]
    for runbook in runbooks:
        lines += [
            {
                "severity": f.severity,
                "file": runbook.source,
                "line": 1,
                "column": 1,
                "rule": f.rule,
                "message": f"{runbook.id}: {f.message}",
                "fix": f.fix,
            }
            for f in check(runbook, OPERATIONS, FACT_NAMES)
        ]
    errors = sum(line["severity"] == "error" for line in lines)
    if as_json:
        typer.echo(json.dumps({"errors": errors, "runbooks": len(runbooks), "findings": lines}, indent=1))
    else:
        for line in lines:
            typer.echo(
                f"{line['file']}:{line['line']}:{line['column']}: {line['severity']} [{line['rule']}] "
                f"{line['message']} Fix: {line['fix']}"
            )
        typer.echo(f"{len(runbooks)} runbooks, {errors} errors, {len(lines) - errors} warnings")
    raise typer.Exit(1 if errors else 0)
