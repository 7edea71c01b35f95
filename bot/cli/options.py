"""Options that several commands share, and how they find the configuration. Must not import heavy rooms."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from bot.config import Configuration, load, locate

ConfigOption = Annotated[
    str | None,
    typer.Option("--config", help="countersign.yaml; else COUNTERSIGN_CONFIG, else ./countersign.yaml", metavar="FILE"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def configuration(given: str | None) -> Configuration:
    """The loaded configuration. Raises ConfigurationError."""
    return load(locate(os.environ, given), os.environ)


def database_url(found: Configuration) -> str:
    """DATABASE_URL, else the SQLite file in the state folder."""
    return found.address("DATABASE_URL", f"sqlite+aiosqlite:///{found.state_dir / 'countersign.db'}")
