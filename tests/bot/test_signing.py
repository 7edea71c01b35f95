"""Signed statements: only this person's key, only this statement, only now (P5)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from bot.errors import ConfigurationError
from bot.signing import (
    Statement,
    is_current,
    is_signed,
    private_key,
    private_text,
    public_key,
    public_text,
    sign,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEN = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EVE = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
SAID: dict[str, Any] = {
    "person": "ben",
    "answer": "approve",
    "approval": "apr_1",
    "digest": "a" * 64,
    "reason": "",
    "at": NOON,
}
CHANGES: dict[str, Any] = {
    "person": "cora",
    "answer": "reject",
    "approval": "apr_2",
    "digest": "b" * 64,
    "reason": "x",
    "at": NOON + timedelta(microseconds=1),
}


def said(**changes: Any) -> Statement:
    return Statement.model_validate(SAID | changes)


def test_a_signature_is_for_one_statement_and_one_key() -> None:
    signature = sign(said(), BEN)
    assert is_signed(said(), signature, public_text(BEN))
    assert not is_signed(said(), signature, public_text(EVE))
    assert not is_signed(said(), sign(said(), EVE), public_text(BEN))


@pytest.mark.parametrize("field", Statement.model_fields)
def test_B6_every_field_of_the_statement_is_signed(field: str) -> None:
    signature = sign(said(), BEN)
    assert not is_signed(said(**{field: CHANGES[field]}), signature, public_text(BEN))


@pytest.mark.parametrize("signature", ["", "x", "ä", "AAAA", base64.b64encode(b"0" * 64).decode()])
def test_nonsense_is_not_a_signature(signature: str) -> None:
    assert not is_signed(said(), signature, public_text(BEN))


@pytest.mark.parametrize("key", ["", "ed25519:", "rsa:AAAA", "ed25519:AAAA", "ed25519:äää", public_text(BEN)[8:]])
def test_nobody_without_a_key_can_sign(key: str) -> None:
    assert not is_signed(said(), sign(said(), BEN), key)


@pytest.mark.parametrize(
    ("seconds", "good"), [(0, True), (-300, True), (-301, False), (60, True), (61, False), (-86400, False)]
)
def test_T65_a_statement_is_good_for_five_minutes(seconds: int, good: bool) -> None:
    assert is_current(said(at=NOON + timedelta(seconds=seconds)), NOON) is good


def test_a_time_without_a_zone_is_never_current() -> None:
    assert not is_current(said(at=NOON.replace(tzinfo=None)), NOON)


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "kill"},
        {"digest": "A" * 64},
        {"digest": "a" * 63},
        {"person": ""},
        {"reason": "x" * 501},
        {"more": 1},
    ],
)
def test_statements_are_closed(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        said(**change)


def test_a_private_key_survives_its_file() -> None:
    read = private_key(private_text(BEN), "key.pem")
    assert public_text(read) == public_text(BEN)
    public_key(public_text(BEN)).verify(BEN.sign(b"x"), b"x")


def test_another_file_is_refused_with_a_fix() -> None:
    other = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content in (b"", b"nonsense", other):
        with pytest.raises(ConfigurationError, match=r"key\.pem.*--new-key"):
            private_key(content, "key.pem")
