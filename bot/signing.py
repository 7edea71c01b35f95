"""Answers signed with a person's own key, for when Slack is down (mission P5): what is signed, how, and how it is checked.

Used by bot/signed_answers.py (checks) and bot/cli/approve.py (signs). Ed25519 over a fixed label and the RFC 8785
canonical form, so that a signature for one statement is worth nothing for another. Pure; must not look anything up.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import Literal

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field

from bot.errors import ConfigurationError
from bot.incident import Frozen

LABEL = b"countersign signed answer v1\n"
PREFIX = "ed25519:"
OLDEST = timedelta(seconds=300)  # as Slack's own requests (apis.md 1.1); replays inside it meet single-use votes
NEWEST = timedelta(seconds=60)
KEY_FIX = "make one with `runbookctl approve --new-key FILE`."


class Statement(Frozen):
    """What a person says. answer: `list` and `show` only read; `approve` and `reject` are votes.

    approval: id of the question, empty for `list`. digest: of the plan that was shown, 64 hex, needed for a vote.
    at: UTC; a statement is good for five minutes.
    """

    person: str = Field(min_length=1, max_length=63)
    answer: Literal["list", "show", "approve", "reject"]
    approval: str = Field(default="", max_length=64)
    digest: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    reason: str = Field(default="", max_length=500)
    at: datetime

    def signed_bytes(self) -> bytes:
        """What the signature is over."""
        return LABEL + rfc8785.dumps(self.model_dump(mode="json"))


def sign(statement: Statement, private: Ed25519PrivateKey) -> str:
    """The signature, base64."""
    return base64.b64encode(private.sign(statement.signed_bytes())).decode("ascii")


def is_signed(statement: Statement, signature: str, public: str) -> bool:
    """Whether this very statement was signed with the key behind `public` (`ed25519:<base64>`); False for any nonsense."""
    try:
        key = public_key(public)
        key.verify(base64.b64decode(signature, validate=True), statement.signed_bytes())
    except (ValueError, binascii.Error, InvalidSignature):
        return False
    return True


def is_current(statement: Statement, now: datetime) -> bool:
    """Whether it was made in the last five minutes, and not more than a minute in the future. A naive time never is."""
    if statement.at.tzinfo is None:
        return False
    return now - OLDEST <= statement.at <= now + NEWEST


def public_key(text: str) -> Ed25519PublicKey:
    """The key in people.yaml. Raises ValueError for anything else than `ed25519:` and 32 bytes of base64."""
    if not text.startswith(PREFIX):
        raise ValueError("a key is written ed25519:<base64>")
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix(PREFIX), validate=True))


def public_text(private: Ed25519PrivateKey) -> str:
    """The line for people.yaml."""
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return PREFIX + base64.b64encode(raw).decode("ascii")


def private_text(private: Ed25519PrivateKey) -> bytes:
    """PEM (PKCS 8) for the person's own file."""
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def private_key(content: bytes, place: str) -> Ed25519PrivateKey:
    """The key in a person's file. Raises ConfigurationError."""
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError("is not a private key without a password.", place=place, fix=KEY_FIX) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("is not an Ed25519 key.", place=place, fix=KEY_FIX)
    return key
