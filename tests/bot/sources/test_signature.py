"""What webhook sources share: signatures in constant time, and values that never raise on junk."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sources import signature
from bot.sources.base import Unreadable

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def lossy(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def of(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("given_", "good"),
    [
        ([of("new", b"x")], True),
        ([of("old", b"x")], True),
        (["junk", f" {of('new', b'x')} "], True),
        ([of("other", b"x")], False),
        ([of("new", b"y")], False),
        ([of("new", b"x").upper()], False),
        (["", "\udcff", "é"], False),
        ([], False),
    ],
)
def test_T20_any_of_the_secrets_may_have_signed(given_: list[str], good: bool) -> None:
    assert signature.signed(signature.keyed(["new", "old", ""]), b"x", given_) is good


def test_T43_without_secrets_nothing_is_signed() -> None:
    assert not signature.signed(signature.keyed(["", ""]), b"x", [of("", b"x")])


def test_T16_only_so_many_signatures_are_looked_at() -> None:
    late = ["junk"] * signature.MAX_SIGNATURES + [of("new", b"x")]
    assert not signature.signed(signature.keyed(["new"]), b"x", late)


def test_headers_are_found_in_both_spellings() -> None:
    assert signature.header({"X-Webhook-Id": "1"}, "X-Webhook-Id") == "1"
    assert signature.header({"x-webhook-id": "1"}, "X-Webhook-Id") == "1"
    assert signature.header({}, "X-Webhook-Id") == ""


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b"[" * 100_000, b'{"a": NaN'])
def test_T22_a_body_that_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        signature.parse(body)


@given(value=JSON, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), ascii_only=st.booleans())
def test_a_body_means_what_the_standard_parser_says(value: Any, encoding: str, ascii_only: bool) -> None:
    body = json.dumps({"event": value}, ensure_ascii=ascii_only).encode(encoding, "surrogatepass")
    assert repr(signature.parse(body)) == repr(json.loads(body))


@given(body=st.binary(max_size=30) | st.text('{}[]":,0123456789.eE+-truefalsn\\u \ud800', max_size=30).map(lossy))
def test_the_quick_parser_accepts_nothing_that_the_standard_one_refuses(body: bytes) -> None:
    body = b'{"a": ' + body + b"}"
    try:
        found = repr(signature.parse(body))
    except Unreadable:
        found = "unreadable"
    try:
        said = repr(json.loads(body))
    except ValueError:
        said = "unreadable"
    assert found == said


@pytest.mark.parametrize(
    "inner", [b"NaN", b"-Infinity", b"1e999", b"-0.0", b'"\\ud800"', b"[" * 300 + b"]" * 300, b'{"a": 1, "a": 2}']
)
def test_what_only_the_standard_parser_reads_is_read(inner: bytes) -> None:
    body = b'{"a": ' + inner + b"}"
    assert repr(signature.parse(body)) == repr(json.loads(body))


@given(JSON, st.lists(st.text(max_size=5), max_size=3))
def test_parts_of_anything_are_objects(data: Any, names: list[str]) -> None:
    assert isinstance(signature.part(data, *names), dict)


def test_a_part_is_found_by_its_path() -> None:
    assert signature.part({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert signature.part({"a": {"b": None}}, "a", "b", "c") == {}


@given(JSON, st.integers(min_value=1, max_value=50))
def test_T48_text_is_one_printable_line_of_bounded_length(value: Any, limit: int) -> None:
    made = signature.text(value, limit)
    assert len(made) <= limit
    assert made.isprintable()


@pytest.mark.parametrize(
    ("value", "made"),
    [("a\nb\u202ec\x1b", "a b c"), (3, "3"), (True, ""), (None, ""), (["x"], ""), ("\ud800x", "x")],
)
def test_T31_characters_that_would_mislead_become_spaces(value: Any, made: str) -> None:
    assert signature.text(value) == made


@pytest.mark.parametrize("value", ["", None, 3, "a b", "a\n", "é", "x" * 201])
def test_T19_a_key_must_be_a_plain_id(value: Any) -> None:
    with pytest.raises(Unreadable):
        signature.key_of(value)
    assert signature.key_of("01DEMO-x_y.z:/1") == "01DEMO-x_y.z:/1"


@pytest.mark.parametrize(
    "value",
    ["javascript:x", "https://x y", "https://x>|y", "http", "", None, "https://é.example", "https://" + "x" * 1000],
)
def test_T28_only_plain_web_addresses_are_shown(value: Any) -> None:
    assert signature.link(value) == ""
    assert signature.link("https://acme.pagerduty.com/incidents/Q1") == "https://acme.pagerduty.com/incidents/Q1"


@pytest.mark.parametrize(
    ("value", "hour"),
    [
        ("2026-11-21T10:00:00Z", 10),
        ("2026-11-21T10:00:00+02:00", 8),
        ("2026-11-21T10:00:00", 10),
        ("yesterday", 12),
        (None, 12),
        ("0001-01-01T00:00:00+14:00", 12),
    ],
)
def test_a_time_is_utc_or_the_one_given_instead(value: Any, hour: int) -> None:
    made = signature.moment(value, NOW)
    assert (made.hour, made.tzinfo) == (hour, UTC)
