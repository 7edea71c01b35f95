"""Redaction: what must never be seen again, what must stay readable, and what happens when it cannot be checked."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import redact
from bot.redact import WITHHELD, Redactor

SECRET = 'hunter2/ä+"correct horse"'
JOIN = "".join  # vendor-shaped examples are put together here, so that no scanner takes this file for a leak
SLACK = JOIN(["xo", "xb-123456789012-abcdefghijkl"])
APP = JOIN(["xa", "pp-1-A012345-6789012345-abcdef"])
GITHUB = JOIN(["gh", "p_0123456789abcdefghijABCDEFGHIJ012345"])
AWS = JOIN(["AK", "IAIOSFODNN7EXAMPLE"])
JWT = JOIN(["ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"])
PEM = JOIN(
    [
        "-----BEGIN RSA PRIV",
        "ATE KEY-----\nMIIEowIBAAKCAQEA7bq\nabcdefghijklmnopqrst\n-----END RSA PRIV",
        "ATE KEY-----",
    ]
)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """Knows one secret."""
    return Redactor([SECRET, "", "abc"], b"key")


ENCODED = [
    ("plain", SECRET),
    ("json", json.dumps(SECRET)),
    ("percent", quote(SECRET, safe="")),
    ("hex", SECRET.encode().hex()),
    ("base64", base64.b64encode(SECRET.encode()).decode()),
    ("base64 in the middle, offset 1", base64.b64encode(b"u" + SECRET.encode() + b"tail").decode()),
    ("base64 in the middle, offset 2", base64.b64encode(b"me" + SECRET.encode() + b"tail").decode()),
    ("base64url", base64.urlsafe_b64encode(b"user:" + SECRET.encode()).decode()),
]


@pytest.mark.parametrize(("name", "form"), ENCODED, ids=[name for name, _ in ENCODED])
def test_T46_a_known_secret_goes_in_every_encoding(redactor: Redactor, name: str, form: str) -> None:
    cleaned = redactor.text(f"connecting with {form} to the host")
    marks = re.findall(r"\[redacted:secret:[0-9a-f]{8}\]", cleaned)
    assert len(marks) == 1, name
    assert marks[0] in redactor.text(SECRET), "the same secret has the same hash in every form"
    assert cleaned.startswith("connecting with ")
    assert cleaned.endswith(" to the host")


FORMATS = [
    ("slack", SLACK),
    ("slack", APP),
    ("slack", JOIN(["https://hooks.sl", "ack.com/services/T000/B000/XXXXXXXXXXXX"])),
    ("github", GITHUB),
    ("github", JOIN(["github_", "pat_11ABCDEFG0123456789_abcdefghij"])),
    ("aws", AWS),
    ("jwt", JWT),
    ("private_key", PEM),
    ("private_key", PEM.split("-----END", maxsplit=1)[0]),
    ("private_key", PEM.split("-----\n", maxsplit=1)[1]),
    ("private_key", PEM.replace("\n", "\\n")),
    ("pagerduty", "u+AbCdEfGhIjKlMnOpQr"),
]


@pytest.mark.parametrize(("kind", "text"), FORMATS)
def test_T46_a_known_format_goes_wherever_it_stands(redactor: Redactor, kind: str, text: str) -> None:
    cleaned = redactor.text(f"before {text} after")
    assert f"[redacted:{kind}:" in cleaned
    assert cleaned.startswith("before ")
    for piece in re.findall(r"[A-Za-z0-9+_]{10,}", text):
        assert piece not in cleaned or piece in ("hooks", "services")


NAMED = [
    ("password=s3cretvalue", "s3cretvalue", "password="),
    ("DB_PASSWORD: 's3cret value'", "s3cret value", "DB_PASSWORD: '"),
    ('{"routing_key": "0123456789abcdef0123456789abcdef"}', "0123456789abcdef", '{"routing_key": "'),
    ('{\\"token\\": \\"s3cretvalue\\"}', "s3cretvalue", '{\\"token\\": \\"'),
    ("X-Api-Key: s3cretvalue", "s3cretvalue", "X-Api-Key: "),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI", "aws_secret_access_key = "),
    ("Authorization: Bearer s3cret.value", "s3cret", "Authorization: "),
    ("curl -H 'Authorization: Token token=s3cretvalue' https://api.pagerduty.com", "s3cretvalue", "curl -H 'Auth"),
    ("got Bearer abcdefghijklmnop in reply", "abcdefghijklmnop", "got Bearer "),
    ("redis://default:s3cretvalue@cache:6379/0", "s3cretvalue", "redis://default:"),
    ("postgres://u:p@ss/w0rd@db/x", "p@ss", "postgres://u:"),
    ("https://ghtoken0123456789abc@host/repo.git", "ghtoken0123456789abc", "https://"),
    ("mysqldump --password s3cretvalue --all", "s3cretvalue", "mysqldump --password "),
    ("GET /hook?token=s3cretvalue&page=2", "s3cretvalue", "GET /hook?token="),
    ("Set-Cookie: session=s3cretvalue; Path=/", "s3cretvalue", "Set-Cookie: "),
    ("client_secret=>s3cretvalue", "s3cretvalue", "client_secret=>"),
]


@pytest.mark.parametrize(("text", "secret", "kept"), NAMED)
def test_T46_a_value_under_a_secret_name_goes_and_the_name_stays(
    redactor: Redactor, text: str, secret: str, kept: str
) -> None:
    cleaned = redactor.text(text)
    assert secret not in cleaned
    assert cleaned.startswith(kept)
    assert "[redacted:" in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "supervisorctl restart payments",
        "HTTP 503 from https://payments.internal:8443/health?verbose=1",
        "tokens_total: 512 and 3 passwords were changed",
        "run_abcdefghij234567/restart/1",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "ada@example.com asked: ok?",
        "Überlast, 過負荷, 🔥",
        "",
    ],
)
def test_ordinary_text_stays_as_it_is(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_the_hash_is_keyed_and_tells_secrets_apart() -> None:
    one, other = Redactor([], b"one"), Redactor([], b"other")
    assert one.text("password=aaaa") == one.text("password=aaaa")
    assert one.text("password=aaaa") != one.text("password=bbbb")
    assert one.text("password=aaaa") != other.text("password=aaaa")
    with pytest.raises(ValueError, match="key"):
        Redactor([], b"")


class Colour(Enum):
    """An enum among the data."""

    RED = "red"


def test_data_is_redacted_at_every_depth_and_made_fit_for_the_audit(redactor: Redactor) -> None:
    given_data = {
        "shown": f"login {SECRET}",
        "token": "s3cretvalue",
        "pin_password": 1234,
        "use_token": True,
        "nested": [{"api_key": "s3cretvalue"}, ("a", SLACK)],
        SLACK: 1,
        "password": {"inner": "kept"},
        "big": 2**60,
        "huge": float(2**60),
        "nan": float("nan"),
        "at": datetime(2026, 11, 21, tzinfo=UTC),
        "colour": Colour.RED,
        "none": None,
        "number": 0.5,
        "lone": "a\ud800b",
        3: "three",
    }
    cleaned = redactor.data(given_data)
    flat = json.dumps(cleaned)
    assert "s3cretvalue" not in flat
    assert "hunter2" not in flat
    assert "xoxb" not in flat
    assert "1234" not in flat
    expected: dict[str, Any] = {
        "use_token": True, "password": {"inner": "kept"}, "big": str(2**60), "huge": str(float(2**60)), "nan": "nan",
        "at": "2026-11-21T00:00:00+00:00", "colour": "red", "none": None, "number": 0.5, "lone": "a?b", "3": "three",
    }  # fmt: skip
    assert {name: cleaned[name] for name in expected} == expected


def test_T46_what_cannot_be_checked_is_withheld(redactor: Redactor) -> None:
    class Broken(Redactor):
        def _clean(self, text: str) -> str:
            raise MemoryError

    broken = Broken([], b"key")
    assert broken.text("password=s3cretvalue") == WITHHELD
    assert broken.data({"a": "password=s3cretvalue"}) == {WITHHELD: WITHHELD}
    assert redactor.text("x" * (redact.LONGEST + 1)) == WITHHELD
    deep: Any = "s3cretvalue"
    for _ in range(5000):
        deep = [deep]
    assert WITHHELD in json.dumps(redactor.data(deep))
    assert "s3cretvalue" not in json.dumps(redactor.data(deep))


@settings(max_examples=200, deadline=None)
@given(before=st.text(max_size=30), after=st.text(max_size=30))
def test_T46_no_surrounding_saves_a_secret(before: str, after: str) -> None:
    redactor = Redactor([SECRET], b"key")
    cleaned = redactor.text(before + SECRET + after)
    assert SECRET not in cleaned
    assert "correct horse" not in cleaned


@settings(max_examples=200, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from(
            [
                "password=",
                "token: ",
                '"',
                "'",
                " ",
                "s3cret",
                SLACK,
                PEM,
                "a:b@c",
                "://u:",
                "\n",
                "Authorization: Basic ",
            ]
        ),
        max_size=8,
    )
)
def test_redacting_twice_is_redacting_once(parts: list[str]) -> None:
    redactor = Redactor(["s3cret"], b"key")
    once = redactor.text("".join(parts))
    assert redactor.text(once) == once
    data = redactor.data({"token": once, "x": once})
    assert redactor.data(data) == data


@pytest.mark.parametrize(
    "piece", ["-----BEGIN A PRIVATE KEY-----", "password=", "a" * 50, "://u:", "eyJ", '\\"', "QUJD \n"]
)
def test_T40_time_grows_with_length_and_not_faster(redactor: Redactor, piece: str) -> None:
    def took(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        best = 9.0
        for _ in range(3):
            start = time.thread_time()  # of this thread alone: what else the machine does is no matter of length
            redactor.text(text)
            best = min(best, time.thread_time() - start)
        return best

    assert took(160_000) < 40 * max(took(10_000), 0.0005), "sixteen times the text must not cost a hundred times"
