"""Facts that a person gives to a simulation: `--fact health.status=503`, or a file.

Called by bot/cli/simulate.py and bot/cli/match.py. Pure apart from reading the file that is named.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import rfc8785

from bot.config_file import read_yaml
from bot.errors import ConfigurationError

DEEPEST = 5
LARGEST = 256 * 1024  # bytes
FIX = "write name.field=value, such as health.status=503 or state.state=EXITED."


def parse_facts(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Fact name -> value, from `name.field=value` (nested: `name.a.b=value`) or `name={...}`. Raises ConfigurationError.

    A value is JSON where it is JSON (503, true, ["a"]), else the text itself.
    """
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        path, equals, written = text.partition("=")
        parts = path.strip().split(".")
        if not equals or not all(parts) or len(parts) > DEEPEST:
            raise ConfigurationError(f"{text[:80]!r} is not a fact.", place="--fact", fix=FIX)
        value = _value(written)
        if len(parts) == 1:
            if not isinstance(value, dict):
                raise ConfigurationError(f"{text[:80]!r} names no field of the fact.", place="--fact", fix=FIX)
            found.setdefault(parts[0], {}).update(value)
        else:
            _put(found, parts, value, text)
    _check(found, "--fact")
    return found


def facts_from(path: Path) -> dict[str, dict[str, Any]]:
    """Fact name -> value, from a JSON or YAML file. Raises ConfigurationError with its place."""
    data = read_yaml(path)
    for name, value in data.items():
        if not isinstance(value, dict):
            why = "is not a mapping of fields."
            raise ConfigurationError(why, place=f"{path}: {name}", fix="write {health: {status: 503}}.")
    _check(data, str(path))
    return data


def given_facts(file: Path | None, texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Those of the file, and over them those of the command line. Raises ConfigurationError."""
    found = facts_from(file) if file is not None else {}
    for name, value in parse_facts(texts).items():
        found[name] = {**found.get(name, {}), **value}
    return found


def as_options(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """The options that give these facts, for a hint that can be copied."""
    return " ".join(
        _quoted(f"{name}.{field}={value if isinstance(value, str) else json.dumps(value)}")
        for name, values in facts.items()
        for field, value in values.items()
    )


def _check(facts: Mapping[str, Mapping[str, Any]], place: str) -> None:
    """Names that a condition can say, and values that the bot can store: what cannot be audited is not looked at."""
    for name in facts:
        if not name.isidentifier() or not name.isascii():
            raise ConfigurationError(f"{ascii(name)[:80]} is no name of a fact.", place=place, fix=FIX)
    try:
        size = len(rfc8785.dumps(dict(facts)))
    except (ValueError, RecursionError) as error:
        why = f"a value is no JSON that can be kept ({ascii(str(error))[1:100]})."
        raise ConfigurationError(why, place=place, fix="write plain numbers, texts, true or false.") from error
    if size > LARGEST:
        raise ConfigurationError(f"more than {LARGEST // 1024} KiB of facts.", place=place, fix="give fewer.")


def _quoted(fact: str) -> str:
    return f"--fact {shlex.quote(fact)}"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _put(found: dict[str, dict[str, Any]], parts: list[str], value: Any, text: str) -> None:
    inner: dict[str, Any] = found.setdefault(parts[0], {})
    for part in parts[1:-1]:
        inner = inner.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigurationError(f"{text[:80]!r} goes below a value.", place="--fact", fix=FIX)
    inner[parts[-1]] = value
