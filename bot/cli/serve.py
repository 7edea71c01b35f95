"""`runbookctl serve`: run the bot until it is told to stop. Refuses to start half-guarded."""

from __future__ import annotations

import asyncio

import typer

from bot.cli.options import ConfigOption, configuration


def serve(config: ConfigOption = None) -> None:
    """Run the bot (Socket Mode by default, signed HTTP with `slack.mode: http`)."""
    found = configuration(config)
    from bot.app import run

    code = asyncio.run(run(found))
    raise typer.Exit(code)
