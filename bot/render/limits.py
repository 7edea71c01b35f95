"""Slack's Block Kit limits, enforced on what templates produced (reference/apis.md 1.6).

Called by bot/render/renderer.py only. Text that is too long is cut with a visible mark, never into invalid JSON, an open
code fence or half an entity; buttons are never dropped for length. Must not change what a button means: a value or
action id that is too long is a programming mistake and raises Permanent.
"""

from __future__ import annotations

import json
from typing import Any

from bot.errors import Permanent
from bot.render.safe_text import TRIMMED

Block = dict[str, Any]

BLOCKS, VIEW_BLOCKS = 50, 100
SECTION, HEADER, FIELD, CONTEXT_TEXT = 3000, 150, 2000, 2000
FIELDS, CONTEXT, BUTTONS = 10, 10, 25
BUTTON_TEXT, BUTTON_VALUE, ACTION_ID = 75, 2000, 255
CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
TOTAL = 13_000
TEXT_BYTES = 3_800
VIEW_TITLE = 24
SMALLEST = 200
ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def cut(text: str, limit: int) -> str:
    """Mrkdwn of at most `limit` characters; never ends inside an entity, a `<…>` token or a code fence."""
    if not text.strip():
        return "-"
    if len(text) <= limit:
        return text
    fence = "\n```"
    kept = text[: limit - len(TRIMMED) - len(fence)]
    ampersand = kept.rfind("&")
    if ampersand >= 0 and ";" not in kept[ampersand:]:
        kept = kept[:ampersand]
    opening = kept.rfind("<")
    if opening >= 0 and ">" not in kept[opening:]:
        kept = kept[:opening]
    kept = kept.rstrip("`") if kept.endswith("``") and not kept.endswith("```") else kept
    return kept + (fence if kept.count("```") % 2 else "") + TRIMMED


def cut_bytes(text: str, limit: int = TEXT_BYTES) -> str:
    """The fallback `text` within Slack's byte limit for chat.update (4,000 bytes after escaping)."""
    size = limit
    made = cut(text, size)
    while len(made.encode()) > limit:
        size = size * 3 // 4
        made = cut(text, size)
    return made


def fit(blocks: list[Any]) -> list[Block]:
    """Blocks of one message within every limit. Empty (null) blocks are dropped."""
    fitted = [made for made in (_block(block) for block in blocks if block) if made]
    return _fewer(_smaller(_fewer(fitted, BLOCKS)), BLOCKS)


def fit_view(view: Block) -> Block:
    """A modal or Home view within its limits (title, submit and close 24 characters; 100 blocks; metadata 3000)."""
    made = dict(view)
    made["blocks"] = [b for b in (_block(block) for block in view.get("blocks", []) if block) if b][:VIEW_BLOCKS]
    for part in ("title", "submit", "close"):
        if part in made:
            made[part] = {**made[part], "text": _flat(made[part]["text"], VIEW_TITLE)}
    if len(made.get("private_metadata", "")) > 3000:
        raise Permanent("private_metadata of a view is longer than Slack's 3000 characters")
    return made


def _flat(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text or "-"
    mark = TRIMMED if limit >= 60 else "…"
    return text[: limit - len(mark)].rstrip() + mark


def _text(piece: Block, limit: int) -> Block:
    trim = cut if piece.get("type") == "mrkdwn" else _flat
    return {**piece, "text": trim(piece["text"], limit)}


def _block(block: Block) -> Block | None:
    made = dict(block)
    kind = made.get("type")
    if kind == "section":
        if "text" in made:
            made["text"] = _text(made["text"], SECTION)
        if "fields" in made:
            made["fields"] = [_text(field, FIELD) for field in made["fields"] if field][:FIELDS]
            if not made["fields"]:
                del made["fields"]
        if "accessory" in made:
            made["accessory"] = _element(made["accessory"])
        return made if "text" in made or "fields" in made else None
    if kind == "header":
        made["text"] = _text(made["text"], HEADER)
    elif kind == "context":
        elements = [e for e in made["elements"] if e]
        made["elements"] = [_text(e, CONTEXT_TEXT) if "text" in e else e for e in elements][:CONTEXT]
        return made if made["elements"] else None
    elif kind == "actions":
        made["elements"] = [_element(e) for e in made["elements"] if e][:BUTTONS]
        return made if made["elements"] else None
    return made


def _element(element: Block) -> Block:
    made = dict(element)
    if len(made.get("value", "")) > BUTTON_VALUE or len(made.get("action_id", "")) > ACTION_ID:
        raise Permanent(f"the button {made.get('action_id', '')[:40]!r} carries more than Slack allows")
    if "text" in made:
        made["text"] = {**made["text"], "text": _flat(made["text"]["text"], BUTTON_TEXT)}
    if "confirm" in made:
        made["confirm"] = {
            name: {**part, "text": _flat(part["text"], CONFIRM[name])} if name in CONFIRM else part
            for name, part in made["confirm"].items()
        }
    return made


def size(blocks: list[Block]) -> int:
    """Characters of the blocks as JSON: the nearest thing to what Slack counts for `msg_blocks_too_long`."""
    return len(ENCODE(blocks))


def _smaller(blocks: list[Block]) -> list[Block]:
    """Halve the longest text until the whole message is within TOTAL; then drop blocks that are not buttons."""
    made = blocks
    while size(made) > TOTAL:
        length, place = max(((len(_said(b)), i) for i, b in enumerate(made)), default=(0, 0))
        if length <= SMALLEST:
            break
        made = [_halved(b) if i == place else b for i, b in enumerate(made)]
    limit = len(made)
    while size(made) > TOTAL and limit > 2:
        limit -= 1
        made = _fewer(made, limit)
    return made


def _said(block: Block) -> str:
    texts = [block["text"]["text"]] if block.get("type") == "section" and "text" in block else []
    texts += [field["text"] for field in block.get("fields", [])] if block.get("type") == "section" else []
    texts += [e["text"] for e in block["elements"] if "text" in e] if block.get("type") == "context" else []
    return max(texts, key=len, default="")


def _halved(block: Block) -> Block:
    longest = _said(block)
    limit = max(len(longest) // 2, SMALLEST)

    def half(piece: Block) -> Block:
        return _text(piece, limit) if piece.get("text") == longest else piece

    made = dict(block)
    if "text" in made:
        made["text"] = half(made["text"])
    for many in ("fields", "elements"):
        if many in made:
            made[many] = [half(piece) for piece in made[many]]
    return made


def _fewer(blocks: list[Block], limit: int) -> list[Block]:
    """At most `limit` blocks: the last ones that are neither header nor buttons give way to one visible note."""
    if len(blocks) <= limit:
        return blocks
    free = [i for i, b in enumerate(blocks) if b.get("type") not in ("header", "actions")]
    dropped = set(free[-(len(blocks) - limit + 1) :])
    note: Block = {
        "type": "context",
        "elements": [{"type": "plain_text", "text": f"{len(dropped)} more parts {TRIMMED}", "emoji": False}],
    }
    kept: list[Block] = []
    for index, block in enumerate(blocks):
        if index not in dropped:
            kept.append(block)
        elif index == min(dropped):
            kept.append(note)
    return kept[:limit]
