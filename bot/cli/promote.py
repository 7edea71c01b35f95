"""`runbookctl promote`: one rung up for one exact version of a runbook, when the evidence is there (mission R5; T41).

Looks at everything a machine can check, says what is missing, and writes `promotions/<id>.<env>.yaml` only when nothing is.
The evidence URL is recorded and never opened. Exit 0 promoted (or promoted already), 1 something is missing, 2 usage. What
counts as evidence is in bot/promotion.py.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.cli.files import replace
from bot.cli.options import ConfigOption, JsonOption, configuration, database_url
from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.config import Configuration
    from bot.promotion import Piece, Wish
    from bot.review import Change
    from runbooks.model import Runbook
    from runbooks.promotion import Promotion
    from runbooks.promotion_records import PromotionRecords

ToOption = Annotated[
    Path | None, typer.Option("--to", help="Folder of records to write into, in a checkout; else beside the runbooks.")
]
CommitOption = Annotated[
    bool, typer.Option("--commit", help="Make a branch with one commit instead of writing the file here.")
]


def promote(
    action: Annotated[str, typer.Option(help="Id of the runbook.", metavar="RUNBOOK")],
    env: Annotated[str, typer.Option(help="The environment it is to be used in.")],
    evidence_url: Annotated[str, typer.Option(help="Where a reviewer can read what was tried; https, never opened.")],
    by: Annotated[str, typer.Option(help="Your id in people.yaml.")] = "",
    reason: Annotated[str, typer.Option(help="Why; needed after a failure, and recorded.")] = "",
    to: ToOption = None,
    commit: CommitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Promote this very version of a runbook to an environment, or say what is missing."""
    from bot.review import Change
    from runbooks.promotion import record_text

    found = configuration(config)
    now = datetime.now(UTC)
    runbook = runbook_of(found, action)
    pieces, wish, records, counted = asyncio.run(_examine(found, runbook, env, evidence_url, by, reason, now))
    standing = records.record(runbook.id, wish.digest, env)
    for problem in records.problems:
        typer.echo(f"warning: this record promotes nothing: {problem}", err=True)
    told: dict[str, Any] = {
        "runbook": runbook.id,
        "environment": env,
        "version": wish.digest,
        "evidence": [
            {"name": piece.name, "there": piece.there, "said": piece.said, "remedy": piece.remedy} for piece in pieces
        ],
    }
    missing = [piece for piece in pieces if not piece.there]
    ended = any(piece.name == "reason" and not piece.there for piece in missing)
    if standing is not None and not ended and not reason:
        said = f"{runbook.id} ({wish.digest[:12]}) is promoted to {env} already, by {standing.who} on {standing.when:%Y-%m-%d}."
        finish(told | {"promoted": True, "file": ""}, said, (), as_json=as_json)
        return
    if missing:
        said = f"Not promoted: {len(missing)} of {len(pieces)} are missing."
        finish(told | {"promoted": False, "file": ""}, said, pieces, as_json=as_json)
        raise typer.Exit(1)
    record = _record(wish, counted, records.ladder.below(env), now)
    path = (to or folder_of(found, runbook)) / _file_name(record)
    data = {
        "runbook": record.id,
        "environment": env,
        "digest": record.digest,
        "runs": record.runs,
        "evidence": evidence_url,
    }
    why = f"{record.runs} successful runs in {record.tried_in}. Evidence: {evidence_url}" + (
        f"\n\n{reason}" if reason else ""
    )
    branch = f"promote-{record.id}-{env}-{record.digest[:8]}"
    change = Change(whole(path), record_text(record), branch, f"Promote {record.id} to {env}", why)
    steps = store_record(found, change, "promoted", data, by, now, commit=commit)
    said = (
        f"Promoted {record.id} ({record.digest[:12]}) to {env}."
        if not commit
        else f"The promotion waits for its review in {branch}."
    )
    finish(told | {"promoted": not commit, "file": str(path), "next": steps}, said, pieces, steps, as_json=as_json)


def runbook_of(found: Configuration, action: str) -> Runbook:
    """The runbook of that id. Raises ConfigurationError with those there are."""
    from bot.app import make_policy
    from bot.library import make_library

    library = make_library(found, make_policy(found))
    runbook = library.get(action)
    if runbook is None:
        known = ", ".join(sorted(library.runbooks)) or "none"
        raise ConfigurationError(f"there is no runbook {action!a}.", place="--action", fix=f"use one of {known}.")
    return runbook


def folder_of(found: Configuration, runbook: Runbook) -> Path:
    """Where the record of that runbook belongs: beside it when it is yours, else in the first of your folders."""
    from runbooks.promotion import FOLDER

    source = Path(runbook.source).resolve()
    own = [(found.path.parent / name).resolve() for name in found.file.runbooks]
    beside = next((folder for folder in own if source.is_relative_to(folder)), None)
    return (beside or (own[0] if own else found.path.parent)) / FOLDER


async def _examine(
    found: Configuration, runbook: Runbook, env: str, url: str, by: str, reason: str, now: datetime
) -> tuple[tuple[Piece, ...], Wish, PromotionRecords, int]:
    from bot import promotion
    from bot.app import make_policy
    from bot.policy_inputs import make_promotions
    from bot.roster import OPERATIONS
    from bot.store import trials
    from bot.store.session import Store
    from runbooks.digest import digest

    policy = make_policy(found)
    records = make_promotions(found, policy)
    wish = promotion.Wish(runbook, digest(runbook), env, url, by, reason)
    below = records.ladder.below(env) or policy.lowest_environment
    last = records.record(runbook.id, wish.digest, env)
    async with await Store.open(database_url(found)) as store:
        tried = await store.read(lambda s: trials.ended(s, runbook.id, wish.digest, below))
        setback = (
            None
            if last is None
            else await store.read(lambda s: trials.setback(s, runbook.id, wish.digest, env, last.when))
        )
    seen = promotion.Found(_lint(runbook), await _play(runbook), tuple(tried), setback)
    pieces = promotion.examine(
        wish, seen, records.ladder, found.file.promotion, policy, found.people, dict(OPERATIONS), now
    )
    return pieces, wish, records, len(promotion.in_a_row(tried))


def _lint(runbook: Runbook) -> Any:
    from bot.roster import FACT_NAMES, OPERATIONS
    from runbooks.lint import lint

    return lint(runbook, OPERATIONS, FACT_NAMES)


async def _play(runbook: Runbook) -> tuple[tuple[str, tuple[str, ...]], ...]:
    from bot.simulation import play

    return tuple((result.name, tuple(result.wrong)) for result in await play([runbook]))


def _record(wish: Wish, runs: int, below: str, now: datetime) -> Promotion:
    from runbooks.promotion import new_record

    when = now.replace(microsecond=0)
    return new_record(
        wish.runbook.id,
        wish.digest,
        wish.environment,
        wish.evidence_url,
        runs,
        wish.by,
        when,
        tried_in=below,
        why=wish.reason,
    )


def _file_name(record: Promotion) -> str:
    from runbooks.promotion import file_name

    return file_name(record.id, record.env)


def store_record(
    found: Configuration, change: Change, event: str, data: dict[str, Any], by: str, now: datetime, *, commit: bool
) -> list[str]:
    """Audit, then write the file (or make the branch); returns what a person does next. No audit, no record (rule 8).

    event: `promoted` or `demoted`; with commit it is only proposed. data: has runbook and environment.
    """
    from bot.review import commands
    from bot.review import commit as make_commit

    asyncio.run(_audited(found, f"{event}_proposed" if commit else event, data, by, now))
    if commit:
        make_commit(change, _started)
        return [f"git push --set-upstream origin {change.branch}", "open a pull request: it counts when it is merged"]
    replace(change.path, change.text, fix="give a folder with `--to`.", folders=True)
    return [shlex.join(command) for command in commands(change)]


async def _audited(found: Configuration, event: str, data: dict[str, Any], by: str, now: datetime) -> None:
    from bot.store import audit
    from bot.store.session import Store

    subject = f"{data['runbook']}.{data['environment']}"
    async with await Store.open(database_url(found)) as store:
        await store.write(lambda s: audit.append(s, now, by, event, subject, data))


def whole(path: Path) -> Path:
    """Where the record is, in full. Raises ConfigurationError for a link: what it leads to is not this record's to write."""
    if path.is_symlink():
        raise ConfigurationError("this record is a link.", place=str(path), fix="write into the checkout with `--to`.")
    return path.resolve()


def _started(argv: Sequence[str], variables: Any, given: bytes) -> tuple[int, str]:
    """Start a program without a shell and wait for it, a minute at most."""
    import os
    import subprocess

    from bot.errors import Permanent

    try:
        done = subprocess.run(
            list(argv), env={**os.environ, **variables}, input=given, capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Permanent(f"{argv[0]} cannot be used here: {type(error).__name__}") from error
    return done.returncode, (done.stdout or done.stderr).decode("utf-8", "replace")


def finish(
    told: dict[str, Any], said: str, pieces: Sequence[Piece], steps: Sequence[str] = (), *, as_json: bool
) -> None:
    """Everything for people, or for machines."""
    if as_json:
        typer.echo(json.dumps(told))
        return
    console = Console(highlight=False, soft_wrap=False)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for piece in pieces:
        mark = Text("✓", style="green") if piece.there else Text("✗", style="bold red")
        table.add_row(mark, Text(piece.name), Text(piece.said))
        if piece.remedy:
            table.add_row("", "", Text(f"→ {piece.remedy}", style="bold"))
    console.print(table)
    console.print(Text(said, style="bold"))
    if told.get("file"):
        console.print(Text(str(told["file"])), soft_wrap=True)
    if steps:
        console.print(Text("For the review:" if told["promoted"] else "Next:"))
        for step in steps:
            console.print(Text(f"  {step}"), soft_wrap=True)
