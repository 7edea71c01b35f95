"""Signed HTTP: raw bytes first, then anything else (T16, T17, T18)."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web

from bot.slack.endpoint import Endpoint, verified

PAYLOADS = Path(__file__).resolve().parents[4] / "shared" / "payloads" / "slack"
SECRET, CHANNEL, ALICE, APP = "s3cret", "C0INC", "U0ALICE", "A0SANDBOX"
FORM = "application/x-www-form-urlencoded"


def signed(body: bytes, at: datetime, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


def test_T16_slacks_own_vector_verifies() -> None:
    file = PAYLOADS / "signature_vector.json"
    if not file.exists():
        pytest.skip("the vendors' payloads are not beside this project")
    vector = json.loads(file.read_text())
    headers = {"X-Slack-Request-Timestamp": vector["timestamp"], "X-Slack-Signature": vector["signature"]}
    at = datetime.fromtimestamp(int(vector["timestamp"]), UTC)
    body = vector["body"].encode()
    assert verified(vector["signing_secret"], headers, body, at)
    assert not verified(vector["signing_secret"], headers, body + b" ", at)
    assert not verified(vector["signing_secret"] + "x", headers, body, at)


@pytest.mark.parametrize(
    ("age", "good"), [(0, True), (299, True), (301, False), (-59, True), (-61, False), (90000, False)]
)
def test_T17_the_window_is_five_minutes_back_and_one_ahead(age: int, good: bool) -> None:
    headers = signed(b"x", NOW - timedelta(seconds=age))
    assert verified(SECRET, headers, b"x", NOW) is good


JUNK: list[dict[str, str]] = [
    {},
    {"X-Slack-Signature": "v0=00"},
    {"X-Slack-Request-Timestamp": "0"},
    {"X-Slack-Request-Timestamp": "abc", "X-Slack-Signature": "v0=00"},
    {"X-Slack-Request-Timestamp": "1e9", "X-Slack-Signature": "v0=00"},
    {"X-Slack-Request-Timestamp": "\u0661\u0662", "X-Slack-Signature": "v0=00"},
    {"X-Slack-Request-Timestamp": "-1", "X-Slack-Signature": "v0=00"},
    {"X-Slack-Request-Timestamp": "9" * 400, "X-Slack-Signature": "v0=00"},
    {"X-Slack-Request-Timestamp": str(int(NOW.timestamp())), "X-Slack-Signature": "v0=\u00e9\udce9"},
    {"X-Slack-Request-Timestamp": str(int(NOW.timestamp())), "X-Slack-Signature": ""},
]


@pytest.mark.parametrize("headers", JUNK)
def test_T16_junk_headers_never_raise(headers: dict[str, str]) -> None:
    assert verified(SECRET, headers, b"{}", NOW) is False


def test_T16_no_secret_verifies_nothing() -> None:
    assert not verified("", signed(b"x", NOW, ""), b"x", NOW)


class Site:
    """The endpoint behind a real server."""

    def __init__(self, room: Any, url: str, session: aiohttp.ClientSession) -> None:
        self.room, self.url, self.session = room, url, session

    async def post(
        self, body: bytes, headers: dict[str, str] | None = None, kind: str = "application/json"
    ) -> tuple[int, str]:
        given = signed(body, datetime.now(UTC)) if headers is None else headers
        async with self.session.post(
            self.url, data=io.BytesIO(body), headers={**given, "Content-Type": kind}
        ) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def site(room: Any) -> AsyncIterator[Site]:
    endpoint = Endpoint(SECRET, room.dispatcher, lambda: datetime.now(UTC))
    application = web.Application(client_max_size=1 << 20)
    application.router.add_post("/slack/events", endpoint.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    session = aiohttp.ClientSession()
    yield Site(room, f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events", session)
    await session.close()
    await runner.cleanup()


BODIES = [b"", b"\xff\xfe", b"{", b"[" * 100_000, b"ssl_check=1", b'{"type":"url_verification","challenge":"x"}']


@pytest.mark.parametrize("body", BODIES)
async def test_T16_unsigned_is_401_whatever_the_body(site: Site, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert await site.post(body, {}) == (401, "")
    assert "challenge" not in caplog.text


@pytest.mark.parametrize("body", BODIES[:5])
async def test_signed_junk_is_200_and_does_nothing(site: Site, body: bytes) -> None:
    kind = FORM if body.startswith(b"ssl") else "application/json"
    assert await site.post(body, kind=kind) == (200, "")
    await site.room.settled()
    assert site.room.asked.calls == []


async def test_url_verification_is_answered(site: Site) -> None:
    status, text = await site.post(BODIES[5])
    assert (status, json.loads(text)) == (200, {"challenge": "x"})


async def test_too_much_is_413(site: Site) -> None:
    assert (await site.post(b"x" * (1 << 21)))[0] == 413


def slash(text: str) -> bytes:
    return urlencode(
        {
            "command": "/runbook", "text": text, "api_app_id": APP, "team_id": "T0SANDBOX", "user_id": ALICE,
            "channel_id": CHANNEL,
        }
    ).encode()  # fmt: skip


async def test_a_slash_command_is_answered_at_once_and_handled(site: Site) -> None:
    site.room.asked.gate.clear()
    assert await site.post(slash("status payments"), kind=FORM) == (200, "")
    site.room.asked.gate.set()
    await site.room.settled()
    assert site.room.asked.calls == [("status", "payments")]


async def test_T12_a_signed_request_of_another_app_is_taken_and_forgotten(site: Site) -> None:
    """Never a 4xx for what is signed; and nothing happens."""
    assert await site.post(slash("kill all test").replace(APP.encode(), b"A0OTHER"), kind=FORM) == (200, "")
    await site.room.settled()
    assert site.room.asked.calls == []
    assert [what["app"] for _, what in site.room.strangers] == ["A0OTHER"]


async def test_T18_a_replay_inside_the_window_has_no_second_effect(site: Site) -> None:
    body = slash("kill all test")
    headers = signed(body, datetime.now(UTC))
    for _ in range(3):
        assert await site.post(body, headers, FORM) == (200, "")
    await site.room.settled()
    assert site.room.asked.calls == [("kill", "all", "", "test", "alice")]


async def test_T18_a_retried_event_with_a_new_signature_has_one_effect(site: Site) -> None:
    event = {"type": "app_mention", "user": ALICE, "text": "list", "channel": CHANNEL, "ts": "1.1"}
    told = {"type": "event_callback", "api_app_id": APP, "team_id": "T0SANDBOX", "event_id": "Ev9", "event": event}
    body = json.dumps(told).encode()
    for age in (0, 1, 2):
        assert (await site.post(body, signed(body, datetime.now(UTC) - timedelta(seconds=age))))[0] == 200
    await site.room.settled()
    assert site.room.asked.calls == [("list_runbooks",)]


async def test_a_sent_window_gets_its_answer_in_the_response(site: Site) -> None:
    view = {
        "id": "V1",
        "type": "modal",
        "callback_id": "plan_reject_view",
        "private_metadata": "{}",
        "state": {"values": {"reason": {"text": {"type": "plain_text_input", "value": ""}}}},
    }
    payload = {
        "type": "view_submission",
        "api_app_id": APP,
        "team": {"id": "T0SANDBOX"},
        "user": {"id": ALICE, "team_id": "T0SANDBOX"},
        "view": view,
    }
    status, text = await site.post(urlencode({"payload": json.dumps(payload)}).encode(), kind=FORM)
    assert status == 200
    assert json.loads(text)["response_action"] == "errors"
