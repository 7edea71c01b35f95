"""The configuration file as text: where it is, and its keys before anybody checks them.

Used by bot/config.py and by commands that must work while everything else is broken: the emergency stop is wanted in a
hurry, on a machine that may be overloaded, so nothing heavy is imported here. Must not check what the keys mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.errors import ConfigurationError
from runbooks.strict import MAX_BYTES, StrictError, load_strict


def locate(environ: Mapping[str, str], given: str | None) -> Path:
    """The configuration file: --config, else COUNTERSIGN_CONFIG, else ./countersign.yaml."""
    return Path(given or environ.get("COUNTERSIGN_CONFIG") or "countersign.yaml").resolve()


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file. Raises ConfigurationError with file and line."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"cannot be read ({why}).", place=str(path), fix="create it or correct the path and its permissions."
        ) from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"cannot be read (line {line} is not UTF-8 text).", place=str(path), fix="save the file as UTF-8."
        ) from error
    try:
        data = load_strict(text)
    except (StrictError, yaml.YAMLError) as error:
        raise ConfigurationError(f"is not valid YAML ({error}).", place=str(path), fix="correct that line.") from error
    if not isinstance(data, dict):
        raise ConfigurationError("must be a mapping.", place=str(path), fix="start with `key: value` lines.")
    return data
