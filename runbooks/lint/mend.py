"""`lint --fix`: writes the text of a runbook again with what can be mended safely, and nothing else changed.

Called by `runbookctl lint`. The new text must load, and the runbook must be the same one but
for the value that was meant. What does not pass is left as it is. Must not read or write files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from runbooks.lint.check import Located
from runbooks.lint.finding import Path, Repair
from runbooks.load import RunbookError, load_runbook

UNTIDY = "untidy-text"
Again = Callable[[str], tuple[Located, ...]]
"""The findings about a text."""

MOST_ROUNDS = 20  # of linting and mending one file; what is left then is left to people


def mend(text: str, again: Again) -> tuple[str, int]:
    """The mended text and how many repairs it took. again: lints a text, so that places are always those of that text."""
    count = 0
    refused: set[tuple[str, Path]] = set()
    for _ in range(MOST_ROUNDS):
        found = [
            (each, each.finding.path)
            for each in again(text)
            if each.mendable and each.finding is not None and (each.rule, each.finding.path) not in refused
        ]
        made, done = _mended(text, found)
        if not done:  # one of them stands in the way of the others
            for one in found:
                made, done = _mended(text, [one])
                if done:
                    break
                refused.add((one[0].rule, one[1]))
        if not done:
            break
        text, count = made, count + done
    return text, count


def _mended(text: str, found: Sequence[tuple[Located, Path]]) -> tuple[str, int]:
    """The text with these repairs and how many they were; the text itself and 0 when anything else would change."""
    if any(each.rule == UNTIDY for each, _ in found):
        made = tidy(text)
        return (made, 1) if made != text and _same_but(text, made, ()) else (text, 0)
    made, paths = text, []
    # From the end, so that the places before a repair stay true.
    for each, path in sorted(found, key=lambda one: (one[0].line, one[0].column), reverse=True):
        repair = each.finding.repair if each.finding else None
        replaced = _replaced(made, each.line, each.column, path, repair) if repair else None
        if replaced is not None:
            made = replaced
            paths.append(path)
    return (made, len(paths)) if paths and _same_but(text, made, paths) else (text, 0)


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


def _same_but(before: str, after: str, paths: Sequence[Path]) -> bool:
    """Whether both texts are runbooks that differ in nothing but the values at these paths (or their lists)."""
    try:
        old, new = (load_runbook(text, "").model_dump(by_alias=True) for text in (before, after))
    except RunbookError:
        return False
    for path in paths:
        meant = path[:-1] if isinstance(path[-1], int) else path
        for data in (old, new):
            inside: Any = data
            for part in meant[:-1]:
                inside = inside[part]
            inside[meant[-1]] = None
    return old == new
