"""`runbookctl db`: bring the database to the version of this program."""

from __future__ import annotations

import asyncio

import typer

from bot.cli.options import ConfigOption, configuration, database_url

app = typer.Typer(help="The application database.", no_args_is_help=True)


@app.callback()
def db() -> None:
    """The application database."""


@app.command()
def upgrade(config: ConfigOption = None) -> None:
    """Create or migrate the tables. Also done by `serve` at start; a database newer than the program is refused."""
    from bot.store.session import Store

    found = configuration(config)

    async def open_and_close() -> None:  # opening is what brings it up to date
        await (await Store.open(database_url(found))).close()

    asyncio.run(open_and_close())
    typer.echo("The database is up to date.")
