"""The audit chain as pure functions: what a record's hash is, and whether a list of rows is the list that was written.

Used by bot/store/audit.py (append), `runbookctl audit verify`, evidence packets, and easy to write again in another
language: hash = sha256(previous hash as 64 ASCII hex characters + RFC 8785 form of {actor, at, data, event, seq,
subject}), lower-case hex; the first previous hash is 64 zeros; at is `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
Must not read the store or a clock.
Detects an edit, a deletion, an insertion, a reordering and, against an anchored head, a cut tail (T66).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import rfc8785

GENESIS = "0" * 64
LARGEST_INTEGER = 2**53 - 1
FIELDS = ("actor", "at", "data", "event", "seq", "subject")
_written = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One stored row. seq: from 1, without gaps. at: ISO text, UTC. data_text: RFC 8785 JSON. hash: 64 hex."""

    seq: int
    at: str
    actor: str
    event: str
    subject: str
    data_text: str
    hash: str

    @property
    def data(self) -> dict[str, Any]:
        """The data as JSON values. Raises ValueError when a stored row was damaged."""
        found = json.loads(self.data_text)
        if not isinstance(found, dict):
            raise ValueError(f"audit row {self.seq} does not hold a mapping")
        return found

    def record(self) -> dict[str, Any]:
        """The six fields that are hashed."""
        return {**{name: getattr(self, name) for name in FIELDS if name != "data"}, "data": self.data}


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found. count, head: the good rows from the start. first_bad_seq: 0 when ok; reason: one sentence."""

    ok: bool
    count: int
    head: str
    first_bad_seq: int = 0
    reason: str = ""


def canonical(data: Mapping[str, Any]) -> str:
    """RFC 8785 text. Raises ValueError for what it cannot hold (NaN, integers beyond 2^53, lone surrogates).

    Also for a float that would be written as such an integer: nobody could read it back and get the same text.
    """
    if _simple(data):
        # what both writers agree on, by the one that is written in C; its sort order is that of UTF-16 for ASCII
        return _written(data)
    text = rfc8785.dumps(dict(data)).decode("utf-8")
    json.loads(text, parse_int=_safe_integer)
    return text


def _simple(value: Any) -> bool:
    """Whether json.dumps writes it as RFC 8785 wants: ASCII text, safe integers, plain floats, lists, mappings of these."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is dict:
        return all(type(name) is str and name.isascii() and _simple(inner) for name, inner in value.items())
    if kind is list:
        return all(map(_simple, value))
    if kind is float:  # between these both write the shortest digits without an exponent; 1.0 would differ
        return bool(1e-4 <= abs(value) < 1e15 and not value.is_integer())
    return value is None or kind is bool or (kind is int and -LARGEST_INTEGER <= value <= LARGEST_INTEGER)


def _safe_integer(digits: str) -> int:
    number = int(digits)
    if abs(number) > LARGEST_INTEGER:
        raise ValueError(f"{digits} is beyond the integers that JSON readers keep exactly")
    return number


def entry_hash(previous: str, record: Mapping[str, Any]) -> str:
    """The hash of a record {seq, at, actor, event, subject, data} after the row whose hash is `previous`.

    Raises ValueError when the fields are not exactly these six or cannot be written as RFC 8785.
    """
    if set(record) != set(FIELDS):
        raise ValueError(f"an audit record has exactly the fields {', '.join(FIELDS)}")
    return hashlib.sha256(previous.encode("ascii") + canonical(record).encode("utf-8")).hexdigest()


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    # RFC 8785 strings are what json writes without ASCII escaping: short escapes, lower-case \u00xx, the rest raw
    return json.dumps(text, ensure_ascii=False)


def row_hash(previous: str, row: AuditRow) -> str:
    """The same as `entry_hash` for a row whose data_text is canonical, without parsing it (1M rows in seconds)."""
    line = (
        f'{previous}{{"actor":{_quoted(row.actor)},"at":{_quoted(row.at)},"data":{row.data_text},'
        f'"event":{_quoted(row.event)},"seq":{row.seq},"subject":{_quoted(row.subject)}}}'
    )
    return hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()


def verify(rows: Iterable[AuditRow], expected_head: str = "") -> Verification:
    """Check rows from seq 1 on, in the order they are stored; the first bad one is named.

    expected_head: a hash that was anchored elsewhere; the chain must contain it (it may have grown since), otherwise
    the tail was cut or the chain was rebuilt, and first_bad_seq is the row after the last.
    """
    count, head, anchored = 0, GENESIS, not expected_head or expected_head == GENESIS
    for row in rows:
        wanted = count + 1
        if row.seq > wanted:
            return Verification(False, count, head, wanted, f"row {wanted} is missing, the next one is {row.seq}")
        if row.seq < wanted:
            return Verification(False, count, head, row.seq, f"row {row.seq} stands after row {count}")
        if row_hash(head, row) != row.hash:
            reason = f"row {row.seq} does not fit its hash: it or the row before it was edited, inserted or moved"
            return Verification(False, count, head, row.seq, reason)
        count, head = wanted, row.hash
        anchored = anchored or head == expected_head
    if not anchored:
        reason = f"the chain ends at row {count} and does not contain the expected head {expected_head[:12]}"
        return Verification(False, count, head, count + 1, reason)
    return Verification(True, count, head)
