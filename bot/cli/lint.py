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
    from runbooks.lint import lint as check
    from runbooks.load import BUILTIN, load_catalog

    found = load_catalog(paths or [BUILTIN])
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
        for p in found.problems
    ]
    for runbook in found.runbooks.values():
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
        typer.echo(json.dumps({"errors": errors, "runbooks": len(found.runbooks), "findings": lines}, indent=1))
    else:
        for line in lines:
            typer.echo(
                f"{line['file']}:{line['line']}:{line['column']}: {line['severity']} [{line['rule']}] "
                f"{line['message']} Fix: {line['fix']}"
            )
        typer.echo(f"{len(found.runbooks)} runbooks, {errors} errors, {len(lines) - errors} warnings")
    raise typer.Exit(1 if errors else 0)
