"""What was observed, in words: the values that a condition asks about, so that a refusal can be checked by eye.

Called by match and next_step. Values of facts are shown short and on one line. Must not judge them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import re2

MOST = 4  # values named for one condition
LONGEST = 24  # characters of a text that is shown: a state or a version, not a line that may hold secrets

_PLAIN = re2.compile(rb"[A-Za-z0-9][A-Za-z0-9._:/+-]*")
_PATH = re2.compile(r"\b(facts|incident)((?:\.[A-Za-z_][A-Za-z0-9_]*)+)")


def observed(condition: str, variables: Mapping[str, Any]) -> str:
    """The values of the facts and incident fields that `condition` names: `health.status is 200`. Empty without any."""
    found: dict[str, str] = {}
    for root, path in _PATH.findall(condition):
        names = path[1:].split(".")
        value = _at(variables.get(root, {}), names)
        if value is not None:
            found.setdefault(".".join(names if root == "facts" else ["incident", *names]), in_words(value))
    return ", ".join(f"{name} is {value}" for name, value in list(found.items())[:MOST])


def asked_for(condition: str) -> tuple[str, ...]:
    """The fields of facts that `condition` names, such as `health.status`, in the order of the text."""
    return tuple(dict.fromkeys(path[1:] for root, path in _PATH.findall(condition) if root == "facts"))


def in_words(value: Any) -> str:
    """One value, short: a list as the number of its items, a text only when it is one plain word."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "not known"}[value]
    if isinstance(value, Mapping):
        return f"{len(value)} values"
    if isinstance(value, list | tuple):
        return f"{len(value)} entries"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return text if len(text) <= LONGEST and _PLAIN.fullmatch(text.encode("utf-8", "replace")) else "another text"


def _at(value: Any, names: list[str]) -> Any:
    for name in names:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value
