"""`runbookctl new`: a few questions, or flags, become a runbook that lints (runbooks/draft.py writes it).

Called by authors. Asks only on a terminal and only for what no flag says; writes one file and never over another. Must
not put a runbook in force: the file is reviewed like every other.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bot.cli.files import create
from bot.cli.options import JsonOption
from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.operations.base import Operation
    from runbooks.lint import Finding

FOLDER = Path("runbooks")


def new(
    name: Annotated[
        str | None, typer.Argument(help="Id of the runbook, such as restart-billing.", metavar="[ID]")
    ] = None,
    title: Annotated[str, typer.Option(help="What it does, as people say it.")] = "",
    action: Annotated[str, typer.Option(help="Operation of its step, such as supervisor.restart.")] = "",
    owner: Annotated[str, typer.Option(help="Team that keeps it true.")] = "",
    symptom: Annotated[list[str] | None, typer.Option(help="Words of an alert it is for; several times.")] = None,
    alert: Annotated[list[str] | None, typer.Option(help="Name of an alert it is for; several times.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="Environment; several times. Else dev and staging.")] = None,
    risk: Annotated[str, typer.Option(help="safe or caution.")] = "caution",
    with_: Annotated[list[str] | None, typer.Option("--with", help="Parameter of the operation: key=JSON.")] = None,
    when: Annotated[str, typer.Option(help="CEL: only while this holds, such as facts.health.status != 200.")] = "",
    proof: Annotated[
        str, typer.Option(help="What proves it worked: FACT: CONDITION, such as health: status == 200.")
    ] = "",
    undo: Annotated[str, typer.Option(help="Operation that undoes it, `nothing`, or `irreversible`.")] = "",
    into: Annotated[Path, typer.Option(help="Folder to write to.", file_okay=False)] = FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Write a new runbook. Exit 0 when it lints, 2 when something it needs is missing or the file is there already."""
    from bot.roster import OPERATIONS
    from runbooks.draft import Wish, text_of
    from runbooks.load import RunbookError
    from runbooks.pattern import identifier

    asks = sys.stdin.isatty() and not as_json
    title = title or (_ask("What does it do", asks) if not name else name.replace("-", " ").capitalize())
    made = name or identifier(title)
    action = action or _ask("Which operation", asks, "--action", sorted(OPERATIONS))
    if action not in OPERATIONS:
        wrong(f"there is no operation {action}.", f"use one of {', '.join(sorted(OPERATIONS))}.")
    owner = owner or _ask("Who owns it", asks, "--owner")
    if not symptom and not alert:
        symptom = [_ask("Which words of an alert is it for", asks, "--symptom or --alert")]
    undo = undo or (
        _ask("What undoes it", asks, "--undo", [*sorted(OPERATIONS), "nothing", "irreversible"]) if asks else ""
    )
    fact, _, expect = (part.strip() for part in proof.partition(":"))
    if proof and not (fact and expect):
        wrong(f"--proof {proof!a} is not FACT: CONDITION.", "write for example --proof 'health: status == 200'.")
    if risk not in ("safe", "caution"):
        wrong(f"the risk {risk} is not for a draft.", "write safe or caution.")
    wish = Wish(
        id=made,
        title=title,
        action=action,
        owner=owner,
        symptoms=tuple(symptom or ()),
        alerts=tuple(alert or ()),
        scopes=tuple(scope or ("dev", "staging")),
        risk="safe" if risk == "safe" else "caution",
        given=_given(OPERATIONS[action], with_ or [], asks),
        when=when,
        proof=(fact, expect),
        undo="nothing" if undo in ("", "irreversible") else undo,
        irreversible=undo == "irreversible",
    )
    try:
        text = text_of(wish, OPERATIONS)
    except ValueError as error:
        wrong(str(error), "correct the name.")
    path = into / f"{made}.yaml"
    try:
        findings = checked(text, path)
    except RunbookError as error:
        first = error.problems[0]
        wrong(f"this would be no runbook: {first.message}", first.fix)
    try:
        create(path, text, fix="choose another folder with --into.", taken="choose another id, or remove the file.")
    except ConfigurationError as error:
        wrong(f"{error.place} {error.message}", error.fix)
    if as_json:
        told = {"file": str(path), "findings": [f"{f.severity}: {f.message}" for f in findings]}
        typer.echo(json.dumps(told, indent=1))
        return
    typer.echo(f"{path} is written, and lints." if not findings else f"{path} is written. The linter says:")
    for finding in findings:
        typer.echo(f"  {finding.severity} [{finding.rule}] {finding.message} Fix: {finding.fix}")
    typer.echo(
        f"Next: edit it, `runbookctl lint {path}`, `runbookctl test {path}`, "
        f"`runbookctl simulate --runbooks {into} --service payments --environment {wish.scopes[0]} "
        f"--symptom {shlex.quote(wish.symptoms[0] if wish.symptoms else title)} --runbook {made}` (docs/write-a-runbook.md)."
    )


def checked(text: str, path: Path) -> list[Finding]:
    """What the linter says of a runbook that is not written yet. Raises RunbookError when it would be none."""
    from bot.roster import FACT_NAMES, OPERATIONS
    from runbooks.lint import lint
    from runbooks.load import load_runbook

    return list(lint(load_runbook(text, str(path)), OPERATIONS, FACT_NAMES))


def _ask(question: str, asks: bool, flag: str = "--title", among: list[str] | None = None) -> str:
    """The answer of a person at a terminal; without one, exit with 2 and the flag that says it."""
    if not asks:
        wrong(f"{question.lower()}? Nobody is here to answer.", f"say it with {flag}.")
    hint = f" ({', '.join(among)})" if among else ""
    answer: str = typer.prompt(f"{question}?{hint}").strip()
    return answer


def _given(operation: Operation, words: list[str], asks: bool) -> Mapping[str, Any]:
    """The operation's own parameters from `key=JSON`, asked for when they are needed, checked by its model."""
    from pydantic import ValidationError

    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            wrong(f"{word!r} is not key=value.", "write for example --with lines=50.")
        try:
            found[key.strip()] = json.loads(value)
        except ValueError:
            found[key.strip()] = value
    for key, field in operation.parameters.model_fields.items():
        if key not in found and field.is_required():
            answer = _ask(f"{operation.name}: {key}", asks, f"--with {key}=...")
            try:
                found[key] = json.loads(answer)
            except ValueError:
                found[key] = answer
    try:
        operation.parameters.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        wrong(f"{operation.name}: {place}: {first['msg']}.", "give a value that it accepts, with --with key=value.")
    return found


def wrong(what: str, fix: str, *, command: str = "new") -> NoReturn:
    """Say it, and exit with 2: what a person gave cannot become a runbook."""
    typer.echo(f"{command}: {what} Fix: {fix}", err=True)
    raise typer.Exit(2)
