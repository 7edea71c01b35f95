"""What every operation's parameters and target settings have in common: strict types and refusals of hostile text.

Used by the planners in this room. Nothing here has a default that widens what is done (trust rules 1-3, T30-T34).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import re2
from pydantic import BaseModel, ConfigDict, ValidationError

# T30: nothing here goes through a shell, but some programs hand an argument to one. T31, T32: printable ASCII only, so
# no NUL, newline, escape, bidi, zero width, confusable letter or full-width digit; refused, never normalised.
FORBIDDEN_TEXT = re2.compile(r"[^\x20-\x7e]|[;|&$`<>\\]")
NAME = re2.compile(r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\z")


class Parameters(BaseModel):
    """Base of every parameter model: strict types (`true` is no number, "5" is no number), unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NoParameters(Parameters):
    """For operations that take only a target."""


class TargetSettings(BaseModel):
    """Base of the models that read TargetEntry.settings; trusted configuration, but still checked and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Settings = TypeVar("Settings", bound=TargetSettings)
Given = TypeVar("Given", bound=Parameters)


def settings_of(model: type[Settings], settings: Mapping[str, Any]) -> Settings:
    """The target's settings, checked. Raises ValueError with one plain sentence that names the key."""
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "settings"
        raise ValueError(f"services.yaml: this target's settings are wrong at {place!r}: {first['msg']}.") from None


def given(model: type[Given], parameters: BaseModel) -> Given:
    """The parameters as this operation's own model. Raises ValueError when they were made for another operation."""
    if not isinstance(parameters, model):
        raise ValueError(
            f"these parameters are {type(parameters).__name__}, not {model.__name__}."
        )  # reason: what a planner raises
    return parameters


def clean_text(text: str, what: str, *, limit: int = 1000) -> str:
    """The text itself, unless it is empty, too long or holds anything refused. Raises ValueError saying which."""
    if not text.strip():
        raise ValueError(f"{what} is empty.")
    if len(text) > limit:
        raise ValueError(f"{what} is longer than {limit} characters.")
    if FORBIDDEN_TEXT.search(text):
        raise ValueError(f"{what} holds a character that is not allowed (control, non-ASCII or shell character).")
    return text


def one_name(text: str, what: str) -> str:
    """A name of one thing: no wildcard, no leading dash, never `all`. Raises ValueError."""
    if not NAME.match(text) or text.lower() in ("all", "null", "none"):
        raise ValueError(f"{what} must name exactly one thing.")
    return text


def folder_path(text: str, what: str) -> str:
    """An absolute, already normal path: no `..`, no `//`, no trailing slash except `/`. Raises ValueError."""
    clean_text(text, what)
    parts = text.split("/")
    if parts[0] != "" or any(part in ("", ".", "..") for part in parts[1:]) or len(parts) < 2:
        raise ValueError(f"{what} must be an absolute path without `.`, `..` or empty parts.")
    return text
