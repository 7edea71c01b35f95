"""`runbookctl report`: what automation did, would have done, and what people did; from the database, changing nothing.

`report shadow` compares what the bot would have done by itself with what people did then (mission G11). Works beside a
running bot, and without one.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.cli.options import ConfigOption, JsonOption, configuration, database_url
from guards.duration import seconds

if TYPE_CHECKING:
    from bot.store.shadow import Line

app = typer.Typer(help="What automation did, and what it would have done.", no_args_is_help=True)
COUNTS = ("times", "agreed", "differed", "resolved", "nothing")
HEADINGS = ("Would have acted", "Same runbook", "Another one", "Resolved without", "Nothing yet")


@app.callback()
def report() -> None:
    """What automation did, and what it would have done."""


@app.command()
def shadow(
    since: Annotated[str, typer.Option(help="How far back: 12h, 30d; at most 31 days.")] = "30d",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """What the bot would have done by itself, and what people did then, per runbook and environment."""
    try:
        back = timedelta(seconds=seconds(since, "--since"))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from error
    start = datetime.now(UTC) - back
    lines = asyncio.run(_read(database_url(configuration(config)), start))
    if as_json:
        typer.echo(json.dumps({"since": start.isoformat(timespec="seconds"), "runbooks": [_row(one) for one in lines]}))
    elif lines:
        _print(lines, since)
    else:
        typer.echo(f"In the last {since} there was nothing that the bot would have done by itself.")


async def _read(url: str, start: datetime) -> list[Line]:
    from bot.store import shadow as rows
    from bot.store.session import Store

    async with await Store.open(url) as store:
        return await store.read(lambda session: rows.report(session, start))


def _row(line: Line) -> dict[str, Any]:
    counts = {name: getattr(line, name) for name in COUNTS}
    return {
        "runbook": line.runbook,
        "environment": line.environment,
        **counts,
        "agreement": line.agreement,
        "answers": line.answers,
    }


def _print(lines: list[Line], since: str) -> None:
    table = Table(title=f"What the bot would have done by itself, last {since}")
    table.add_column("Runbook")
    table.add_column("Environment")
    for heading in (*HEADINGS, "Agreement"):
        table.add_column(heading, justify="right")
    table.add_column("The guards would have")
    for line in lines:
        rate = "-" if line.agreement is None else f"{line.agreement:.0%}"
        answers = "; ".join(f"{answer} ({times})" for answer, times in line.answers.items())
        told = [line.runbook, line.environment, *(str(getattr(line, name)) for name in COUNTS), rate, answers]
        table.add_row(*map(Text, told))
    Console(highlight=False).print(table)
