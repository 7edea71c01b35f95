"""`runbookctl audit`: is the chain of records whole?"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from bot.cli.options import ConfigOption, JsonOption, configuration, database_url

app = typer.Typer(help="The hash-chained audit trail.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """The hash-chained audit trail."""


@app.command()
def verify(
    config: ConfigOption = None,
    head: Annotated[str, typer.Option(help="A head seen earlier (in PagerDuty, Slack or the ticket).")] = "",
    as_json: JsonOption = False,
) -> None:
    """Recompute every hash; names the first record that does not fit."""
    from bot.audit import Verification
    from bot.audit import verify as verify_chain
    from bot.store import audit as rows
    from bot.store.session import Store

    found = configuration(config)

    async def read() -> Verification:
        store = await Store.open(database_url(found))
        try:
            return await store.read(lambda session: verify_chain(rows.every_row(session), expected_head=head))
        finally:
            await store.close()

    result = asyncio.run(read())
    if as_json:
        typer.echo(json.dumps({k: getattr(result, k) for k in ("ok", "count", "head", "first_bad_seq", "reason")}))
    elif result.ok:
        typer.echo(f"audit: {result.count} records, unbroken; head {result.head}")
    else:
        typer.echo(f"audit: BROKEN at record {result.first_bad_seq}: {result.reason}")
    raise typer.Exit(0 if result.ok else 1)
