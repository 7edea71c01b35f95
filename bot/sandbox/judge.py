"""What a careful reader checks by eye, as functions: is it there, in order, once? Used by the stories and their tests.

Pure: takes texts, answers with the list of what is wrong (empty when all is well). Must not ask the bot anything:
a story judges from what people and vendors hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MARKER = re.compile(r"\bcs-\d+\b")
"""The mark of one delivery (bot/recorders/base.py: `cs-<outbox id>`)."""
TEXT_KEYS = ("text", "fallback", "value", "alt_text", "title", "pretext", "url", "name")


def flat(body: Any) -> str:
    """Every text that a person could read in a message, a view or a ticket comment, one per line.

    body: a string, or JSON of Slack blocks or Atlassian documents; ids and types are left out.
    """
    return "\n".join(texts(body))


def texts(body: Any) -> Iterable[str]:
    """The texts of JSON in reading order."""
    if isinstance(body, str):
        yield body
    elif isinstance(body, Mapping):
        for key, value in body.items():
            if key in TEXT_KEYS and isinstance(value, str):
                yield value
            elif isinstance(value, Mapping | list | tuple):
                yield from texts(value)
    elif isinstance(body, list | tuple):
        for item in body:
            yield from texts(item)


def missing(wanted: Mapping[str, str], text: str) -> list[str]:
    """What a person would look for and not find. wanted: name of the thing -> regular expression (case ignored)."""
    return [
        f"{name} (nothing matches /{pattern}/)"
        for name, pattern in wanted.items()
        if not re.search(pattern, text, re.IGNORECASE)
    ]


def repeated(lines: Iterable[str]) -> list[str]:
    """Deliveries that arrived more than once: the same mark, or the same words where there is no mark."""
    seen = Counter(marks[0] if (marks := MARKER.findall(line)) else line.strip() for line in lines)
    return [f"{count} times: {key[:120]}" for key, count in seen.items() if count > 1]


def out_of_order(wanted: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Which of the expressions are not found, each in a line after the one where the expression before it was found."""
    position, wrong = 0, []
    for pattern in wanted:
        found = next(
            (i for i in range(position, len(lines)) if re.search(pattern, lines[i], re.IGNORECASE)),
            None,
        )
        if found is None:
            place = f" after line {position} of {len(lines)}" if position else ""
            wrong.append(f"/{pattern}/ is not there{place}")
        else:
            position = found + 1
    return wrong


def transcript(wanted: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Everything that is wrong with a written-back transcript: lines missing, out of order or doubled."""
    return out_of_order(wanted, lines) + repeated(lines)
