"""`runbookctl test`: plays the cases that runbooks carry (docs/runbook-tests.md). Touches nothing.

Exit 0 when every case came out as expected, 1 when one did not or a file is no runbook, 2 for usage.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.files import replace
from bot.cli.options import JsonOption

if TYPE_CHECKING:
    from bot.simulation.cases import CaseResult
    from runbooks.folder import Problem
    from runbooks.model import Runbook

MARKS = {"passed": "✓", "failed": "✗", "waits": "~"}


def play(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; else the shipped catalogue.")] = None,
    policy: Annotated[
        Path | None, typer.Option(help="policy.yaml that the guards follow; else the example's.", metavar="FILE")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Also write the results as JUnit XML.", metavar="FILE")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what is wrong, and the total.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Play the cases that runbooks carry: facts in, step and plan or refusal out."""
    from bot.cli.explain import policy_from
    from bot.simulation.cases import as_json as told
    from bot.simulation.cases import counted
    from bot.simulation.cases import play as play_all
    from bot.simulation.reading import read_runbooks
    from runbooks.load import BUILTIN

    runbooks, problems = read_runbooks(paths or [BUILTIN])
    results = asyncio.run(play_all(runbooks, policy_from(policy) if policy else None))
    places = _places(results)
    bare = sorted(runbook.id for runbook in runbooks if not runbook.tests)
    totals = counted(results)
    if junit is not None:
        _write(junit, results, places, problems)
    if as_json:
        cases = [{**told(result), "line": places[result.source, result.number][""]} for result in results]
        found = {"runbooks": len(runbooks), **totals, "without_cases": bare}
        typer.echo(json.dumps({**found, "problems": [str(one) for one in problems], "cases": cases}, indent=1))
    else:
        for problem in problems:
            typer.echo(f"✗ {problem}")
        for result in results:
            if not quiet or result.state == "failed":
                typer.echo(_line(result, places[result.source, result.number], runbooks))
        typer.echo(_total(len(runbooks), totals, len(problems), bare))
    raise typer.Exit(1 if totals["failed"] or problems else 0)


Lines = Mapping[str, int]


def _places(results: Iterable[CaseResult]) -> dict[tuple[str, int], Lines]:
    """For every case `{"": line}`, and for each expectation of it its own line: what an editor jumps to."""
    from runbooks.strict import parse

    documents: dict[str, Any] = {}
    found: dict[tuple[str, int], Lines] = {}
    for result in results:
        if result.source not in documents:
            documents[result.source] = parse(Path(result.source).read_text(encoding="utf-8"))
        case = ("tests", result.number)
        keys = ("step", "plan", "refused", "no_step", "asks")
        lines = {key: documents[result.source].nearest((*case, "expect", key)).line for key in keys}
        found[result.source, result.number] = {"": documents[result.source].nearest(case).line, **lines}
    return found


def _line(result: CaseResult, lines: Lines, runbooks: Sequence[Runbook]) -> str:
    """One line when all is well; below it what was expected, what came out, and where it is written."""
    parts = [f"{MARKS[result.state]} {result.runbook}: {result.name}"]
    if result.state == "waits":
        waits = next((r.waits_for for r in runbooks if r.id == result.runbook), ())
        parts.append(f"    its plan cannot be judged yet: it waits for the adapter {', '.join(waits)}")
    for wrong in result.wrong:
        parts.append(f"    {result.source}:{lines.get(wrong.partition(':')[0], lines[''])}: {wrong}")
    return "\n".join(parts)


def _total(runbooks: int, totals: Lines, problems: int, bare: Sequence[str]) -> str:
    played = sum(totals.values())
    text = f"{_number(runbooks, 'runbook')}, {_number(played, 'case')}: {totals['passed']} passed, {totals['failed']} failed"
    text += f", {totals['waits']} wait for an adapter" if totals["waits"] else ""
    text += f", {_number(problems, 'mistake')} in files" if problems else ""
    return text + (f"\n{len(bare)} without cases: {', '.join(bare)}" if bare else "")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _write(
    path: Path, results: Sequence[CaseResult], places: Mapping[tuple[str, int], Lines], problems: Sequence[Problem]
) -> None:
    from bot.simulation.junit import junit

    text = junit(results, {key: lines[""] for key, lines in places.items()}, [str(problem) for problem in problems])
    replace(path, text, fix="name a file in a folder that exists.")
