"""Options that several commands share, and how they find the configuration. Must not import heavy rooms."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.config_file import locate, read_yaml
from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from bot.config import Configuration

ConfigOption = Annotated[
    str | None,
    typer.Option("--config", help="countersign.yaml; else COUNTERSIGN_CONFIG, else ./countersign.yaml", metavar="FILE"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def configuration(given: str | None) -> Configuration:
    """The loaded configuration. Raises ConfigurationError."""
    from bot.config import load

    return load(locate(os.environ, given), os.environ)


def state_dir(given: str | None) -> Path:
    """The state folder and nothing else, so that the emergency stop works while another file is broken (T55)."""
    path = locate(os.environ, given)
    name = read_yaml(path).get("state_dir", "state")
    if not isinstance(name, str):
        raise ConfigurationError("is not text.", place=f"{path.name}: state_dir", fix="write the folder's path.")
    return (path.parent / name).resolve()


def database_url(found: Configuration) -> str:
    """DATABASE_URL, else the SQLite file in the state folder."""
    return found.address("DATABASE_URL", f"sqlite+aiosqlite:///{found.state_dir / 'countersign.db'}")
