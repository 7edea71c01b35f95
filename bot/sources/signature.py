"""What webhook sources share: constant-time signature comparison, header lookup and cleaning of untrusted values.

Called by bot/sources/pagerduty.py and github.py only. Pure: bytes and values in, values out; never raises on junk
(cases T16, T20, T48), never logs what it was given.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from bot.sources.base import Unreadable

MAX_SIGNATURES = 16
KEY_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/")
MAX_KEY = 200
MAX_URL = 1000


def header(headers: Mapping[str, str], name: str) -> str:
    """A header's value or ''. Works on the server's case-insensitive mapping and the inbox's lower-case copy."""
    return headers.get(name) or headers.get(name.lower()) or ""


def keyed(secrets: Iterable[str]) -> tuple[hmac.HMAC, ...]:
    """HMAC-SHA256 states that already hold the secrets; empty secrets are left out.

    Made once: a copied state costs a tenth of `hmac.digest`, which also gives the GIL to the inbox's writer every time.
    """
    return tuple(hmac.new(secret.encode(), digestmod=hashlib.sha256) for secret in secrets if secret)


def signed(states: Iterable[hmac.HMAC], body: bytes, given: Iterable[str]) -> bool:
    """Whether any of the given hex signatures is HMAC-SHA256(secret, body) for any of the `keyed` secrets (T20).

    Every pair is compared in constant time and none is skipped after a hit. No secrets or no signatures: False.
    """
    candidates = [value.strip().encode("utf-8", "replace") for value in given][:MAX_SIGNATURES]
    if not candidates:
        return False
    found = False
    for state in states:
        mac = state.copy()
        mac.update(body)
        expected = mac.hexdigest().encode()
        for candidate in candidates:
            found |= hmac.compare_digest(candidate, expected)
    return found


def parse(body: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises Unreadable for anything else, also for absurdly nested or non-UTF-8 bytes."""
    try:
        data = from_json(body)  # half the time of json.loads
    except ValueError:
        data = slowly(body)
    if not isinstance(data, dict):
        raise Unreadable("the body is not a JSON object")
    return data


def slowly(body: bytes) -> Any:
    """What the quick parser refuses and the standard one reads: lone surrogates, UTF-16, 200 levels of nesting and more."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is not JSON ({type(error).__name__})") from error


def part(data: Any, *names: str) -> dict[str, Any]:
    """The object at a path of keys, or {} when anything on the way is missing, null or of another type."""
    for name in names:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def text(value: Any, limit: int = 500) -> str:
    """An untrusted value as one line of printable text, at most `limit` characters; '' for anything but str or number.

    Control, bidirectional and zero-width characters and lone surrogates become spaces (T31, T48).
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    line = str(value)[: limit * 2]
    if not line.isprintable():
        line = "".join(character if character.isprintable() else " " for character in line)
    return line.strip()[:limit]


def key_of(value: Any) -> str:
    """A sender's event id fit to be a key. Raises Unreadable when it is missing, too long or has odd characters."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_KEY or not KEY_CHARACTERS.issuperset(value):
        raise Unreadable("the event has no usable id")
    return value


def link(value: Any) -> str:
    """An http(s) address to show (never to fetch, T28), or ''."""
    address = value if isinstance(value, str) else ""
    plain = address.isascii() and address.isprintable() and not set(address) & set(" <>|\"'`")
    return address if plain and len(address) <= MAX_URL and address.startswith(("https://", "http://")) else ""


def moment(value: Any, otherwise: datetime) -> datetime:
    """An RFC 3339 time as UTC; `otherwise` when it is missing or unreadable. A time without offset is read as UTC."""
    if not isinstance(value, str):
        return otherwise
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return otherwise
