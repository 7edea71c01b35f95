"""Atlassian Document Format: plain text as a document in which nothing is parsed (reference/apis.md 3.1).

Called by bot/clients/jira.py and bot/recorders/jira.py. Pure. Untrusted text goes into `text` nodes or code blocks only;
a link's address must come from us. Jira refuses empty `text` nodes, so none is ever made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MAX_CHARACTERS = 32_767
FENCE = "```"
CUT = "\n[shortened]\n"

Node = dict[str, Any]


def text(words: str) -> list[Node]:
    """A text node, or nothing for the empty string."""
    return [{"type": "text", "text": words}] if words else []


def link(words: str, href: str) -> list[Node]:
    """Linked text. An address that is not http(s) is shown as plain text."""
    if not href.startswith(("https://", "http://")):
        return text(words)
    return [{"type": "text", "text": words or href, "marks": [{"type": "link", "attrs": {"href": href}}]}]


def paragraph(*parts: Iterable[Node]) -> list[Node]:
    """One paragraph of inline nodes, or nothing when they are empty."""
    content = [node for part in parts for node in part]
    return [{"type": "paragraph", "content": content}] if content else []


def code_block(words: str) -> list[Node]:
    """Preformatted text, or nothing when it is blank."""
    words = words.strip("\n")
    return [{"type": "codeBlock", "attrs": {"language": "text"}, "content": text(words)}] if words.strip() else []


def document(*blocks: Iterable[Node]) -> Node:
    """A document of block nodes."""
    return {"type": "doc", "version": 1, "content": [node for block in blocks for node in block]}


def from_text(words: str, end: str = "") -> Node:
    """Plain text as a document: blank lines part paragraphs, lines keep their breaks, ``` fences become code blocks.

    end: a last paragraph that shortening never touches (the delivery marker). Cut to Jira's limit of characters.
    """
    words = shorten(words, MAX_CHARACTERS - len(end) - 100)
    blocks: list[Node] = []
    for number, piece in enumerate(words.split(FENCE)):
        if number % 2:
            blocks += code_block(piece)
        else:
            for lines in _paragraphs(piece):
                blocks += paragraph(_broken(lines))
    blocks += paragraph(text(end))
    return document(blocks)


def shorten(words: str, limit: int) -> str:
    """At most `limit` characters: the beginning and the end stay, and the cut is said."""
    if len(words) <= limit:
        return words
    room = max(limit - len(CUT), 0)
    head = room * 2 // 3
    tail = room - head
    return words[:head] + CUT + (words[-tail:] if tail else "")


def plain(node: Any) -> str:
    """All text of a document, in order: for looking up a marker in comments that came back."""
    if not isinstance(node, Mapping):
        return ""
    words = node.get("text")
    own = words if isinstance(words, str) else ""
    content = node.get("content")
    inner = [plain(child) for child in content] if isinstance(content, list) else []
    between = "\n" if node.get("type") in ("doc", "paragraph", "codeBlock") else ""
    return own + "".join(inner) + between


def _paragraphs(piece: str) -> Iterable[list[str]]:
    lines: list[str] = []
    for line in [*piece.split("\n"), ""]:
        if line.strip():
            lines.append(line.rstrip())
        elif lines:
            yield lines
            lines = []


def _broken(lines: list[str]) -> list[Node]:
    nodes: list[Node] = []
    for line in lines:
        nodes += [{"type": "hardBreak"}] if nodes else []
        nodes += text(line)
    return nodes
