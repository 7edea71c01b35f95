"""Untrusted text made harmless: the filters every template passes outside data through (mission C4, cases T44 and T45).

Called as jinja2 filters by bot/render/renderer.py and directly by tests. Pure functions of text. Rules and their source:
reference/apis.md 1.7 (escape exactly `& < >`, strip control, bidi and zero-width characters, break backtick runs).
Must not drop anything from an exact command: there, invisible characters are made visible instead (case T13).
"""

from __future__ import annotations

import unicodedata
from urllib.parse import urlsplit

TRIMMED = "… (trimmed)"
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}
_GROUP_PINGS = ("here", "channel", "everyone")


def clean(value: object) -> str:
    r"""Text without control, bidi, zero-width, private and unassigned characters. Line ends stay, as `\n`."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text  # nearly every text; a line end or a tab goes the long way
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = text.replace("\t", " ")
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in _HIDDEN)


def short(text: str, limit: int) -> str:
    """At most `limit` characters, with a visible mark when something was cut."""
    return text if len(text) <= limit else text[: max(limit - len(TRIMMED), 0)].rstrip() + TRIMMED


def plain(value: object, limit: int = 300) -> str:
    """One line of plain text: for headers, PagerDuty and tickets. Nothing is escaped."""
    return short(" ".join(clean(value).split()), limit)


def escape(text: str) -> str:
    """`& < >` as entities, in that order, and nothing else (apis.md 1.7)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _tamed(text: str) -> str:
    first, *rest = text.replace("`", "'").split("@")
    return first + "".join(("@ " if part.lower().startswith(_GROUP_PINGS) else "@") + part for part in rest)


def mrkdwn(value: object, limit: int = 300) -> str:
    """One line that is safe inside a Slack mrkdwn text: it cannot ping, link, format code or start a new line."""
    return escape(_tamed(plain(value, limit)))


def quote(value: object, limit: int = 600, lines: int = 8) -> str:
    """Several lines as a Slack quotation: every line starts with `>`, so none can pose as ours (case T45)."""
    rows = [" ".join(row.split()) for row in clean(value).split("\n")]
    rows = [row for row in rows if row]
    kept = rows[:lines]
    if len(rows) > lines:
        kept.append(f"… ({len(rows) - lines} more lines)")
    text = short("\n".join(kept), limit)
    return "\n".join(f"> {escape(_tamed(row))}" for row in text.split("\n")) if text else "> (empty)"


def exact(value: object, limit: int = 2000, *, lines: bool = False) -> str:
    r"""An exact command inside a code block: hidden characters, line ends and backticks appear as `\uXXXX`, so that
    nothing disappears and one command cannot pose as two. lines: keep line ends (for output).
    """
    shown = [c if _as_is(c) or (lines and c == "\n") else _visible(c) for c in str(value)]
    return escape(short("".join(shown), limit))


def _as_is(character: str) -> bool:
    return character != "`" and unicodedata.category(character) not in _HIDDEN | {"Zl", "Zp"}


def _visible(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def code(value: object, limit: int = 2000) -> str:
    """A fenced block with the output of a command or a longer request."""
    text = str(value).replace("\r\n", "\n").replace("\t", "    ").rstrip()
    return f"```\n{exact(text, limit, lines=True) or '(empty)'}\n```"


def link(url: object, label: str) -> str:
    """A Slack link to an http(s) address with its host in sight, so that a label cannot lie; else only the label.

    label: our own wording, never outside text.
    """
    text = str(url)
    if any(c in text for c in '<>|`"\\ ') or any(unicodedata.category(c) in _HIDDEN for c in text) or len(text) > 2000:
        return label
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return label
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        return label
    if not host.isascii():
        return label
    return f"<{escape(text)}|{label} ({escape(host)})>"
