"""Patterns in linear time: RE2 for expected output, and full matches for names people type (trust T30-T33, T40).

Called by runbooks/load and parameters, and by bot/flow.py for `expect`. Must not be replaced by `re`: patterns meet
output that an attacker may have written.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

MAX_LENGTH = 500
LONGEST_NAME = 128  # what the longest of the patterns of names below accepts
MAX_MEMORY = 1 << 20

_IDENTIFIER = re2.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_TARGET = re2.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_CHOICE = re2.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}")
_ENVIRONMENT = re2.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_OPERATION = re2.compile(r"[A-Za-z][A-Za-z0-9._-]{0,126}")
_PARAMETER = re2.compile(r"[a-z][a-z0-9_]{0,30}")
_BETWEEN = re2.compile(r"[^a-z0-9]+")
LONGEST_ID = 63  # of a runbook, a step or a page (runbooks/model.py)


class PatternError(ValueError):
    """A pattern that RE2 does not accept; look-around and back-references are not available."""


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    if len(pattern) > MAX_LENGTH:
        raise PatternError(f"longer than {MAX_LENGTH} characters.")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(pattern.encode("utf-8"), options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args else "not accepted"
        shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(f"RE2 does not accept it: {shown[:200]}") from error


def check(pattern: str) -> None:
    """Raise PatternError when `pattern` is not an RE2 pattern of at most 500 characters."""
    _compiled(pattern)


def matches_anything(pattern: str) -> bool:
    """Whether the pattern is found even in empty output, so that it proves nothing. Raises PatternError."""
    return search(pattern, "")


def search(pattern: str, text: str) -> bool:
    """Whether `pattern` occurs anywhere in `text`, in time linear in the text. Raises PatternError."""
    return _compiled(pattern).search(text.encode("utf-8", "replace")) is not None


def identifier(text: str) -> str:
    """An id from a title: `Restart the API!` gives `restart-the-api`. Empty when nothing usable is in it."""
    plain = text.lower().encode("ascii", "replace").decode("ascii")
    return str(_BETWEEN.sub("-", plain)).strip("-")[:LONGEST_ID].rstrip("-")


def is_identifier(text: str) -> bool:
    """Short ASCII name: lower-case letter or digit first, then letters, digits, `._-`, 63 at most."""
    return _full(_IDENTIFIER, text)


def is_target_name(text: str) -> bool:
    """Name of a catalogue target: letter or digit first, then letters, digits, `._:-`, 128 at most."""
    return _full(_TARGET, text)


def is_choice(text: str) -> bool:
    """A value a runbook may offer in an enum: letter or digit first, then letters, digits, `._:/+-`, 128 at most."""
    return _full(_CHOICE, text)


def is_environment(text: str) -> bool:
    """Name of an environment, as in services.yaml."""
    return _full(_ENVIRONMENT, text)


def is_operation(text: str) -> bool:
    """What could be the name of an operation, `supervisor.restart`, or one with a typing error that lint can put right."""
    return _full(_OPERATION, text)


def is_parameter_name(text: str) -> bool:
    """Name of a runbook parameter, as it stands in `${name}`."""
    return _full(_PARAMETER, text)


def _full(pattern: Any, text: str) -> bool:
    # ASCII first: RE2 would refuse to encode a lone surrogate, and no accepted name has other characters (case T32).
    return len(text) <= LONGEST_NAME and text.isascii() and _matches(pattern, text)


@lru_cache(maxsize=4096)
def _matches(pattern: Any, text: str) -> bool:
    """Kept, for a catalogue of thousands has the same few names again and again."""
    return pattern.fullmatch(text) is not None
