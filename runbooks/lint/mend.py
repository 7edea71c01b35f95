"""`lint --fix`: writes the text of a runbook again with what can be mended safely, and nothing else changed.

Called by `runbookctl lint`. Every repair is tried alone: the new text must load, and the runbook must be the same one but
for the value that was meant. What does not pass is left as it is. Must not read or write files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from runbooks.lint.check import Located
from runbooks.lint.finding import Path, Repair
from runbooks.load import RunbookError, load_runbook

Again = Callable[[str], tuple[Located, ...]]
"""The findings about a text."""

MOST_ROUNDS = 200  # repairs of one file in one call


def mend(text: str, again: Again) -> tuple[str, int]:
    """The mended text and how many repairs it took. again: lints a text, so that places are always those of that text."""
    count = 0
    refused: set[tuple[str, Path]] = set()
    while count < MOST_ROUNDS:
        for found in again(text):
            if not found.mendable or found.finding is None or (found.rule, found.finding.path) in refused:
                continue
            made = _mended(text, found)
            if made is None:
                refused.add((found.rule, found.finding.path))
                continue
            text, count = made, count + 1
            break
        else:
            return text, count
    return text, count


def _mended(text: str, found: Located) -> str | None:
    """The text with one repair, or None when it cannot be done without touching anything else."""
    if found.finding is None:
        return None
    repair, path = found.finding.repair, found.finding.path
    made = tidy(text) if repair is None else _replaced(text, found.line, found.column, path, repair)
    if made is None or made == text or not _same_but(text, made, path):
        return None
    return made


def tidy(text: str) -> str:
    """The text without blanks at line ends, with plain line ends, and with one newline at its end."""
    lines = [line.rstrip(" \t\r") for line in text.split("\n")]
    return "\n".join(lines).rstrip("\n") + "\n"


def _replaced(text: str, line: int, column: int, path: Path, repair: Repair) -> str | None:
    """The text with the scalar of `path`, which begins at this place, written anew or taken away."""
    lines = text.split("\n")
    row = lines[line - 1]
    head, rest = row[: column - 1], row[column - 1 :]
    key = re.match(rf"{re.escape(str(path[-1]))}\s*:\s+", rest) if isinstance(path[-1], str) else None
    if isinstance(path[-1], str) and key is None:
        return None
    lead = key.group(0) if key else ""
    written = _written(rest[len(lead) :], repair.old)
    if written is None:
        return None
    after = rest[len(lead) + len(written) :]
    if repair.new is not None:
        lines[line - 1] = head + lead + _quoted(repair.new) + after
    elif head.strip() in ("", "-") and not after.strip() and (head.strip() == "-") == (key is None):
        del lines[line - 1]
    elif head.rstrip().endswith(","):
        lines[line - 1] = head.rstrip()[:-1] + after
    elif (comma := re.match(r"\s*,\s*", after)) and head.rstrip().endswith(("[", "{")):
        lines[line - 1] = head + after[comma.end() :]
    else:
        return None
    return "\n".join(lines)


def _written(rest: str, value: str) -> str | None:
    """How the value stands at the beginning of `rest`: in double quotes, in single ones, or plain; None when otherwise."""
    if rest.startswith('"'):
        found = re.match(r'"(?:[^"\\]|\\.)*"', rest)
        try:
            return found.group(0) if found and json.loads(found.group(0)) == value else None
        except ValueError:  # an escape that YAML knows and JSON does not
            return None
    if rest.startswith("'"):
        found = re.match(r"'(?:[^']|'')*'", rest)
        return found.group(0) if found and found.group(0)[1:-1].replace("''", "'") == value else None
    follows = rest[len(value) :].lstrip()[:1] if rest.startswith(value) else "x"
    return value if follows in ("", ",", "]", "}") else None


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _same_but(before: str, after: str, path: Path) -> bool:
    """Whether both texts are runbooks that differ in nothing but the value at `path` (or its list)."""
    try:
        old, new = (load_runbook(text, "") for text in (before, after))
    except RunbookError:
        return False
    meant = path[:-1] if path and isinstance(path[-1], int) else path
    return bool(_without(old.model_dump(by_alias=True), meant) == _without(new.model_dump(by_alias=True), meant))


def _without(data: Any, path: Path) -> Any:
    """The data with the value at `path` taken out; all of it for an empty path."""
    if not path:
        return data
    inside = data
    for part in path[:-1]:
        inside = inside[part]
    inside[path[-1]] = None
    return data
