"""`runbookctl schema`: the JSON Schema of a runbook, so that an editor completes and checks it (docs/runbook-format.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.files import replace


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it into this file instead of printing it.")
    ] = None,
) -> None:
    """Print the JSON Schema of a runbook, with the operations and facts of this bot, for editors."""
    from bot.roster import FACT_NAMES, OPERATIONS
    from runbooks.schema import schema as made

    known = {name: (each.summary, each.parameters.model_json_schema()) for name, each in OPERATIONS.items()}
    text = json.dumps(made(known, FACT_NAMES), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
        return
    replace(output, text, fix="name a file in a folder that exists.")
    typer.echo(
        f"{output} is written. Begin each runbook beside it with this line, and your editor completes and checks:"
    )
    typer.echo(f"# yaml-language-server: $schema={output.name}")
    typer.echo("In a runbook of another folder write the path from that folder to the schema.")
