"""Atlassian Document Format as Jira checks it: which nodes exist, where they may stand, and its plain text.

Used by jira. Pure. The published Jira OpenAPI document accepts any body, so the rules come from the public
`@atlaskit/adf-schema` (reference/apis.md 3.1). Must not repair anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

CHARACTERS: Final = 32_767
INLINE: Final = frozenset(("text", "hardBreak", "mention", "emoji", "inlineCard", "status", "date", "placeholder"))
TOP: Final = frozenset(
    (
        "paragraph",
        "heading",
        "bulletList",
        "orderedList",
        "codeBlock",
        "blockquote",
        "panel",
        "rule",
        "table",
        "expand",
        "taskList",
        "decisionList",
        "mediaSingle",
        "mediaGroup",
        "blockCard",
    )
)
LEAVES: Final = frozenset((*INLINE, "rule", "media", "blockCard"))
IN_LIST: Final = frozenset(("paragraph", "bulletList", "orderedList", "codeBlock", "mediaSingle", "taskList"))
CHILDREN: Final[dict[str, frozenset[str]]] = {
    "doc": TOP,
    "paragraph": INLINE,
    "heading": INLINE,
    "codeBlock": frozenset(("text",)),
    "bulletList": frozenset(("listItem",)),
    "orderedList": frozenset(("listItem",)),
    "listItem": IN_LIST,
    "blockquote": frozenset(("paragraph", "bulletList", "orderedList", "codeBlock")),
    "panel": frozenset(("paragraph", "heading", "bulletList", "orderedList", "codeBlock", "rule", "taskList")),
    "expand": TOP - {"expand"},
    "table": frozenset(("tableRow",)),
    "tableRow": frozenset(("tableCell", "tableHeader")),
    "tableCell": TOP - {"table", "expand"},
    "tableHeader": TOP - {"table", "expand"},
    "taskList": frozenset(("taskItem", "taskList")),
    "taskItem": INLINE,
    "decisionList": frozenset(("decisionItem",)),
    "decisionItem": INLINE,
    "mediaSingle": frozenset(("media",)),
    "mediaGroup": frozenset(("media",)),
}
MUST_HOLD: Final = frozenset(("bulletList", "orderedList", "listItem", "blockquote", "panel", "table", "tableRow"))
MARKS: Final = frozenset(
    ("strong", "em", "code", "link", "strike", "underline", "textColor", "backgroundColor", "subsup")
)
WITH_CODE: Final = frozenset(("code", "link"))
PANELS: Final = frozenset(("info", "note", "tip", "warning", "error", "success", "custom"))


def problems(document: Any) -> list[str]:
    """What makes Jira refuse a document; empty when it is valid."""
    if not isinstance(document, Mapping) or document.get("type") != "doc" or document.get("version") != 1:
        return ["the body must be a doc of version 1"]
    found = list(_node(document, "doc"))
    if len(text_of(document)) > CHARACTERS:
        found.append("CONTENT_LIMIT_EXCEEDED")
    return found


def text_of(node: Any) -> str:
    """The plain text of a document, blocks on lines of their own."""
    if not isinstance(node, Mapping):
        return ""
    if node.get("type") == "text":
        return str(node.get("text", ""))
    if node.get("type") == "hardBreak":
        return "\n"
    inner = [text_of(child) for child in node.get("content") or ()]
    inline = node.get("type") in ("paragraph", "heading", "codeBlock", "taskItem", "decisionItem")
    return ("" if inline else "\n").join(inner)


def _node(node: Mapping[str, Any], place: str) -> Iterator[str]:
    kind = str(node.get("type"))
    if kind == "text":
        yield from _text(node, place)
        return
    attributes = node.get("attrs") or {}
    if kind == "heading" and attributes.get("level") not in (1, 2, 3, 4, 5, 6):
        yield f"{place}: a heading needs attrs.level 1 to 6"
    if kind == "panel" and attributes.get("panelType") not in PANELS:
        yield f"{place}: a panel needs attrs.panelType"
    if kind in LEAVES:
        return
    content = node.get("content")
    if content is None and kind not in MUST_HOLD:
        content = []
    if not isinstance(content, list) or (kind in MUST_HOLD and not content):
        yield f"{place}: content must be a list{' that is not empty' if kind in MUST_HOLD else ''}"
        return
    for number, child in enumerate(content):
        here = f"{place}/{number}"
        name = child.get("type") if isinstance(child, Mapping) else None
        if name not in CHILDREN[kind]:
            yield f"{here}: {name} may not stand in {kind}"
            continue
        if kind == "codeBlock" and child.get("marks"):
            yield f"{here}: text in a codeBlock has no marks"
        yield from _node(child, here)


def _text(node: Mapping[str, Any], place: str) -> Iterator[str]:
    if not isinstance(node.get("text"), str) or not node["text"]:
        yield f"{place}: text must not be empty"
    marks = [str(mark.get("type")) for mark in node.get("marks") or ()]
    for mark in marks:
        if mark not in MARKS:
            yield f"{place}: there is no mark {mark}"
    if "code" in marks and set(marks) - WITH_CODE:
        yield f"{place}: code may only be combined with link"
    for mark in node.get("marks") or ():
        if mark.get("type") == "link" and not isinstance((mark.get("attrs") or {}).get("href"), str):
            yield f"{place}: a link needs attrs.href"
