"""Redaction: the one choke point that untrusted or secret text passes before it is stored, logged or sent (T46).

Used by bot/store/record.py, the stages, progress and logging. A secret is replaced by `[redacted:<kind>:<8 hex>]`,
where the hex is a keyed hash, so that two places with one secret can be recognised without it. Patterns are RE2
(linear time, T40). Whole bounded texts only: a text that cannot be checked is withheld, never passed on.
Must not log, and must not be worked around.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

import re2

WITHHELD = "[withheld: could not be checked]"
LONGEST = 1_048_576  # characters of one text; adapters keep 16 KiB, webhook bodies are at most 512 KiB
DEEPEST = 32  # levels of nested data
REMEMBERED = 20_000  # short texts found innocent
REMEMBERED_LENGTH = 120
SHORTEST = 4  # characters of a known secret; shorter ones would redact half of every text
SHORTEST_ENCODED = 8
LARGEST_INTEGER = 2**53 - 1  # beyond it RFC 8785 has no form, so the audit could not hold it
PEM = r"[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"

# Formats that are secret wherever they stand: (kind, RE2 pattern). Sources: api.slack.com/authentication/token-types,
# github.blog 2021-04-05 token formats, AWS IAM unique identifiers, RFC 7519, RFC 7468, vendors' secret-scanning pages.
FORMATS: tuple[tuple[str, str], ...] = (
    ("private_key", rf"-----BEGIN {PEM}[\s\S]*?(?:-----END {PEM}|\z)"),
    ("private_key", rf"(?:[A-Za-z0-9+/=]{{16,}}(?:\s|\\n|\\r)+)+-----END {PEM}"),
    ("slack", r"\b(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]{8,}"),
    ("slack", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{8,}"),
    ("github", r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})"),
    ("aws", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    ("jwt", r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"),
    ("pagerduty", r"\bu\+[A-Za-z0-9_-]{18}"),
    ("token", r"\b(?:glpat-|npm_|sk_live_|rk_live_|hvs\.|dop_v1_|pypi-)[A-Za-z0-9_-]{16,}"),
    ("token", r"\bAIza[A-Za-z0-9_-]{35}"),
)  # fmt: skip

# Names whose value is secret, as the end of a longer name: `DB_PASSWORD`, `x-api-key`, `"routing_key"`.
NAMES = (
    r"passwords?|passwd|passphrase|pwd|secrets?|tokens?|bearer|credentials?|"
    r"api[_. -]?key|access[_. -]?key|secret[_. -]?(?:access[_. -]?)?key(?:[_-]base)?|private[_. -]?key|"
    r"(?:signing|encryption|routing|integration|service|auth|account)[_. -]?key|"
    r"client[_. -]?secret|session[_. -]?(?:id|key)|set-cookie|cookie|connection[_. -]?string"
)
QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\\\"(?:[^\"\\])*\\\""
FLAGS = r"passw(?:or)?d|passphrase|secret|token|(?:api|access)-?key"
PLAIN = r"[^\s,;&\"'\\{}()<>]+"
# Each has two groups: what stays, and the value that goes.
NAMED: tuple[tuple[str, str], ...] = (
    ("authorization", r"(?i)((?:proxy-)?authorization(?:\\?[\"'])?\s*[:=]\s*(?:\\?[\"'])?)([^\r\n\"'\\]+)"),
    ("value", rf"(?i)((?:{NAMES})(?:\\?[\"'])?\s*(?:[:=]|=>|:=)\s*)({QUOTED}|{PLAIN})"),
    ("value", rf"(?i)(--?[a-z0-9-]*(?:{FLAGS})[ \t]+)({QUOTED}|{PLAIN})"),
    ("authorization", r"(?i)(\b(?:bearer|basic)[ \t]+)([A-Za-z0-9._~+/=-]{8,})"),
    ("userinfo", r"(?i)(\b[a-z][a-z0-9+.-]{1,20}://[^\s/@:\"'<>]*:)([^\s/\"'<>]+)@"),
    ("userinfo", r"(?i)(\b[a-z][a-z0-9+.-]{1,20}://)([^\s/@:\"'<>]{16,})@"),
)  # fmt: skip
# All of them as one: a text in which this finds nothing has nothing to replace, which is nearly every text of a storm.
ANY = re2.compile("|".join(f"(?:{pattern})" for _, pattern in (*FORMATS, *NAMED)).encode())
NAME_ALONE = re2.compile(rf"(?i)(?:{NAMES}|authorization)\z")
MARKS = re2.compile(rb"\[redacted:[a-z_]+:[0-9a-f]{8}\]")
# Marks stand aside while the patterns run, or `secret:` inside a mark would itself look like a name. Unicode keeps
# U+FDD0..U+FDEF out of interchange (noncharacters), so nothing is lost by taking them out of the text first.
RESERVED = re2.compile(rb"[\x{FDD0}-\x{FDEF}]")
HIDDEN = re2.compile(rb"\x{FDEE}([\x{FDD0}-\x{FDDF}]+)\x{FDEF}")
ONLY_HIDDEN = re2.compile(rb"(?:\x{FDEE}[\x{FDD0}-\x{FDDF}]+\x{FDEF})+")
CANNOT = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, MemoryError, re2.error)


class Hidden:
    """The marks of one text, each kept under a token that no pattern begins with."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []

    def hide(self, mark: bytes) -> bytes:
        """The token for the mark."""
        self._kept.append(mark)
        digits = "".join(chr(0xFDD0 + int(digit, 16)) for digit in f"{len(self._kept) - 1:x}")
        return f"\ufdee{digits}\ufdef".encode()

    def reveal(self, raw: bytes) -> bytes:
        """The bytes with every token replaced by its mark."""
        return bytes(HIDDEN.sub(self._mark, raw))

    def _mark(self, match: Any) -> bytes:
        return self._kept[int("".join(f"{ord(digit) - 0xFDD0:x}" for digit in match.group(1).decode()), 16)]


class Redactor:
    """secrets: every secret value this process knows (empty and very short ones are ignored). key: for the keyed hash.

    The encodings in which a known secret may turn up (base64 at any offset, hexadecimal, percent, JSON) are known too.
    """

    def __init__(self, secrets: Iterable[str], key: bytes) -> None:
        if not key:
            raise ValueError("the redactor needs a key for its hashes")
        self._key = key
        known: dict[bytes, bytes] = {}
        for secret in {part for value in secrets for part in (value, value.strip()) if len(part) >= SHORTEST}:
            for form in encodings(secret):
                known.setdefault(form, self._mark("secret", secret.encode("utf-8", "replace")))
        self._checked: set[str] = set()  # short texts without a secret: names and labels that come again and again
        self._known = sorted(known.items(), key=lambda pair: len(pair[0]), reverse=True)
        self._formats = [(kind, re2.compile(pattern.encode())) for kind, pattern in FORMATS]
        self._named = [(kind, re2.compile(pattern.encode())) for kind, pattern in NAMED]

    def text(self, text: str) -> str:
        """The text with every secret replaced. Never raises: what cannot be checked comes back as WITHHELD."""
        if text in self._checked:
            return text
        try:
            if len(text) > LONGEST:
                return WITHHELD
            return self._clean(text)
        except CANNOT:
            return WITHHELD

    def data(self, value: Any) -> Any:
        """JSON values with every string redacted, keys included; under a secret name the whole value goes.

        Also makes them fit for the audit: instants, enums, sets and other objects become text, as do numbers that
        RFC 8785 cannot hold. Never raises: what cannot be checked becomes WITHHELD.
        """
        try:
            return self._data(value, 0)
        except CANNOT:
            return WITHHELD

    def _data(self, value: Any, depth: int) -> Any:
        if depth > DEEPEST:
            return WITHHELD
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._item(str(name), inner, depth + 1) for name, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._data(inner, depth + 1) for inner in value]
        if value is None or isinstance(value, bool) or fits(value):
            return value
        return self.text(value.isoformat() if isinstance(value, datetime) else str(value))

    def _item(self, name: str, value: Any, depth: int) -> Any:
        secret = isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""
        if secret and names_a_secret(name):
            raw = well_formed(str(value)).encode()
            return raw.decode() if MARKS.fullmatch(raw) else self._mark("value", raw).decode()
        return self._data(value, depth)

    def _clean(self, text: str) -> str:
        if self._innocent(text):
            return text
        hidden = Hidden()
        raw = RESERVED.sub("\N{REPLACEMENT CHARACTER}".encode(), well_formed(text).encode())
        raw = MARKS.sub(lambda match: hidden.hide(match.group(0)), raw)
        for form, mark in self._known:
            if form in raw:
                raw = raw.replace(form, hidden.hide(mark))
        for kind, pattern in self._formats:
            raw = pattern.sub(self._whole(kind, hidden), raw)
        for kind, pattern in self._named:
            raw = pattern.sub(self._second(kind, hidden), raw)
        return hidden.reveal(raw).decode()

    def _innocent(self, text: str) -> bool:
        """Whether nothing in it could be replaced. Text beyond ASCII always goes the long way (reserved characters)."""
        if not text.isascii():
            return False
        raw = text.encode()
        if any(form in raw for form, _ in self._known) or ANY.search(raw) is not None:
            return False
        if len(text) <= REMEMBERED_LENGTH:
            if len(self._checked) >= REMEMBERED:
                self._checked.clear()
            self._checked.add(text)
        return True

    def _whole(self, kind: str, hidden: Hidden) -> Callable[[Any], bytes]:
        return lambda match: hidden.hide(self._mark(kind, hidden.reveal(match.group(0))))

    def _second(self, kind: str, hidden: Hidden) -> Callable[[Any], bytes]:
        def replaced(match: Any) -> bytes:
            kept, value, whole = match.group(1), match.group(2), match.group(0)
            rest: bytes = whole[len(kept) + len(value) :]
            quote_mark = next((q for q in (b'\\"', b'"', b"'") if value.startswith(q) and value.endswith(q)), b"")
            bare = value[len(quote_mark) : len(value) - len(quote_mark)] if quote_mark else value
            if not bare.strip() or ONLY_HIDDEN.fullmatch(bare.strip()):
                return bytes(whole)
            return bytes(kept + quote_mark + hidden.hide(self._mark(kind, hidden.reveal(bare))) + quote_mark + rest)

        return replaced

    def _mark(self, kind: str, secret: bytes) -> bytes:
        return f"[redacted:{kind}:{hmac.new(self._key, secret, hashlib.sha256).hexdigest()[:8]}]".encode()


def names_a_secret(name: str) -> bool:
    """Whether a value under that name is secret, whatever it looks like. Names of any length."""
    if len(name) > REMEMBERED_LENGTH:
        return len(name) <= LONGEST and NAME_ALONE.search(well_formed(name)) is not None
    return _names_a_secret(name)


@lru_cache(maxsize=REMEMBERED)
def _names_a_secret(name: str) -> bool:
    return NAME_ALONE.search(well_formed(name)) is not None


def well_formed(text: str) -> str:
    """The text with lone surrogates replaced: half a character can be neither matched nor stored."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def fits(value: Any) -> bool:
    """Whether it is a number that RFC 8785 can hold and every reader gives back."""
    return isinstance(value, (int, float)) and math.isfinite(value) and abs(value) <= LARGEST_INTEGER


def encodings(secret: str) -> set[bytes]:
    """The byte strings in which a secret may turn up inside other text."""
    raw = secret.encode("utf-8", "replace")
    forms = {raw, unicodedata.normalize("NFC", secret).encode("utf-8", "replace")}
    encoded = {
        binascii.hexlify(raw),
        binascii.hexlify(raw).upper(),
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        json.dumps(secret)[1:-1].encode(),
    }
    for offset in range(3):
        # the secret may stand anywhere inside what was encoded: drop the characters that its neighbours share
        whole = base64.b64encode(b"\0" * offset + raw)
        first = -(-offset * 8 // 6)
        last = (offset + len(raw)) * 8 // 6
        core = whole[first:last]
        encoded |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return forms | {form for form in encoded if len(form) >= SHORTEST_ENCODED}
