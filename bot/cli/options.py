"""Options that several commands share, and how they find the configuration. Must not import heavy rooms."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.config_file import locate, read_yaml
from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from bot.config import Configuration

BACK = re.compile(r"\A([1-9][0-9]{0,3})([hdw])\Z", re.ASCII)
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
ConfigOption = Annotated[
    str | None,
    typer.Option("--config", help="countersign.yaml; else COUNTERSIGN_CONFIG, else ./countersign.yaml", metavar="FILE"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
# What `match` and `simulate` both ask about: an alert, where it is, and what is observed.
ServiceOption = Annotated[str, typer.Option("--service", help="Service of the catalogue that the alert is about.")]
EnvironmentOption = Annotated[str, typer.Option("--environment", help="Where the service has several.")]
SymptomOption = Annotated[str, typer.Option("--symptom", help='Title of the alert, such as "elevated 5xx".')]
SeverityOption = Annotated[
    str, typer.Option("--severity", help="Without --alert: critical, error, warning or info.", metavar="SEVERITY")
]
AlertOption = Annotated[
    Path | None,
    typer.Option(
        "--alert", help="Alert in a file: a PagerDuty v3 delivery, or {title, severity, ...}.", metavar="FILE"
    ),
]
FactOption = Annotated[
    list[str] | None, typer.Option("--fact", help="What is observed: health.status=503; several times.")
]
FactsOption = Annotated[Path | None, typer.Option("--facts", help="The same from a JSON or YAML file.", metavar="FILE")]
RunbooksOption = Annotated[
    list[Path] | None,
    typer.Option("--runbooks", help="Use these runbooks and no others; several times.", metavar="PATH"),
]


def back(since: str) -> timedelta:
    """How far `--since` looks back. Raises typer.BadParameter for what is no time."""
    written = BACK.match(since)
    if written is None:
        raise typer.BadParameter(f"{since} is not a time such as 12h, 90d or 4w", param_hint="--since")
    return int(written[1]) * UNITS[written[2]]


def is_configured(given: str | None) -> bool:
    """Whether there is a configuration: one that is named, also when its file is missing, or a countersign.yaml here."""
    return bool(given or os.environ.get("COUNTERSIGN_CONFIG")) or locate(os.environ, None).is_file()


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
