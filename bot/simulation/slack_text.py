"""A Slack message as plain text in a box, for terminals and golden files: what Block Kit shows, without its mark-up.

Called by bot/simulation/told.py. Knows the blocks that templates/slack uses; an unknown one is named, never left out.
Pure: must not render templates or read anything.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unicodedata import category, east_asian_width

import re2

WIDTH = 96
INDENT = "  "
FENCE = "```"
EMOJI_STYLE = "\ufe0f"
_LINK = re2.compile(r"<(https?://[^|>\s]+|mailto:[^|>\s]+)(?:\|([^>]*))?>")
_DATE = re2.compile(r"<!date\^[0-9]+\^[^|>]*\|([^>]*)>")
_USER = re2.compile(r"<@([A-Z0-9]+)>")
_LABEL = re2.compile(r"\A\*([^*\n]+)\* ")
_BOLD = re2.compile(r"(^|[^\w*])\*([^\s*](?:[^*\n]*[^\s*])?)\*($|[^\w*])")


def boxed(blocks: Sequence[Mapping[str, Any]], names: Callable[[str], str]) -> str:
    """The message in a box of WIDTH + 4 columns. names: Slack user id -> name."""
    inside = WIDTH - 2
    lines = [line for block in blocks for line in _spaced(block, names)]
    while lines and not lines[-1]:
        lines.pop()
    rows = [f"│ {_padded(line, inside)} │" for line in lines]
    edge = "─" * (inside + 2)
    return "\n".join((f"╭{edge}╮", *rows, f"╰{edge}╯"))


def plain(text: str, names: Callable[[str], str]) -> str:
    """Mrkdwn as people read it: links with their address, dates in UTC, mentions by name, no stars."""
    text = _LINK.sub(lambda m: f"{m.group(2)} <{m.group(1)}>" if m.group(2) else m.group(1), text)
    text = _DATE.sub(lambda m: m.group(1), text)
    text = _USER.sub(lambda m: f"@{names(m.group(1))}", text)
    for _ in range(2):  # a match takes the character on either side with it, and two bold words may share one
        text = _BOLD.sub(lambda m: f"{m.group(1)}{m.group(2)}{m.group(3)}", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _spaced(block: Mapping[str, Any], names: Callable[[str], str]) -> Iterator[str]:
    yield from _lines(block, names)
    if block.get("type") != "divider":
        yield ""


def _lines(block: Mapping[str, Any], names: Callable[[str], str]) -> Iterator[str]:
    kind = block.get("type")
    if kind == "header":
        yield from _wrapped(str(block["text"]["text"]))
    elif kind == "divider":
        yield "─" * (WIDTH - 2)
    elif kind == "section":
        if block.get("text"):
            yield from _marked(str(block["text"]["text"]), names)
        for field in block.get("fields") or ():
            yield from _wrapped(plain(_LABEL.sub(r"\1: ", str(field["text"])), names), hanging=True)
    elif kind == "context":
        yield from _wrapped(" ".join(plain(str(one.get("text", "")), names) for one in block["elements"]))
    elif kind == "actions":
        yield from _wrapped("  ".join(_button(one) for one in block["elements"]))
    else:
        yield f"({kind} block)"


def _button(element: Mapping[str, Any]) -> str:
    text = str((element.get("text") or {}).get("text", element.get("type")))
    return f"[{text.replace(' ', chr(0xA0))}]"  # a button is not broken in two


def _marked(text: str, names: Callable[[str], str]) -> Iterator[str]:
    """Text with code fences: what stands between them keeps its lines, cut where the box ends."""
    for number, part in enumerate(text.split(FENCE)):
        if number % 2:
            for row in part.strip("\n").split("\n"):
                bare = plain(row, names)
                yield from _folded(bare)
        else:
            for row in part.strip("\n").split("\n") if part.strip("\n") else ():
                quoted = row.startswith(("> ", "&gt; "))
                said = plain(row.partition(" ")[2] if quoted else row, names)
                yield from _wrapped(said, before="│ " if quoted else "")


def _folded(row: str) -> Iterator[str]:
    first, *rest = folded(row, WIDTH - 2 - 3 * len(INDENT))
    yield INDENT + first
    for part in rest:
        yield INDENT * 3 + part


def folded(text: str, room: int) -> list[str]:
    """A command in lines of at most `room` columns, nowhere shortened: broken at a space and then with a backslash, as in a
    shell, and inside a word only where a word is longer than a line.
    """
    found: list[str] = []
    while len(text) > room:
        space = text.rfind(" ", 0, room - 1)
        if space > 0:
            found.append(f"{text[:space]} \\")
            text = text[space + 1 :]
        else:
            found.append(text[:room])
            text = text[room:]
    return [*found, text]


def _wrapped(text: str, *, before: str = "", hanging: bool = False) -> Iterator[str]:
    further = before or (INDENT if hanging else "")
    found = textwrap.wrap(
        text, WIDTH - 2, initial_indent=before, subsequent_indent=further, break_on_hyphens=False, tabsize=4
    )
    for line in found or [before]:
        yield line.replace("\xa0", " ")


def _padded(line: str, width: int) -> str:
    return line + " " * max(width - columns(line), 0)


def columns(line: str) -> int:
    """Columns on a terminal: emoji and wide characters take two, marks that join others none."""
    return sum(_width(character) for character in line)


def _width(character: str) -> int:
    if character == EMOJI_STYLE:
        return 1  # the sign before it is drawn as an emoji, and takes one column more
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1
