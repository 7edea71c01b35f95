"""One JSON exchange: one try, bounded, and every failure told as what it means for the next try."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.clients import exchange as room
from bot.clients.exchange import Api, basic_authorization
from bot.errors import Ambiguous, ConfigurationError, CountersignError, Permanent, Transient


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


def api(session: aiohttp.ClientSession, root: str, deadline: float = 5.0) -> Api:
    return Api(session, root, "Jira", "Basic geheim", deadline)


async def test_one_call_is_sent_once_with_its_authorization(vendor: Any, session: aiohttp.ClientSession) -> None:
    vendor.on("POST /root/issue", (201, {"key": "OPS-1"}))
    answer = await api(session, f"{vendor.url}/root").call(
        "POST", "/issue", "create", repeatable=False, params={"a": "1"}, body={"b": 2}
    )
    assert answer == {"key": "OPS-1"}
    (asked,) = vendor.asked
    assert asked.headers["Authorization"] == "Basic geheim"
    assert asked.query == (("a", "1"),)
    assert asked.json == {"b": 2}


FAILURES: list[tuple[Any, bool, type[CountersignError]]] = [
    ((400, {"errorMessages": ["no such project"]}), False, Permanent),
    ((302, {}, {"Location": "https://evil.example/"}), False, Permanent),
    ((404, "<html>"), True, Permanent),
    ((408, {}), False, Transient),
    ((429, {}, {"Retry-After": "7"}), False, Transient),
    ((503, {}, {"Retry-After": "7"}), False, Transient),
    ((503, {}), False, Ambiguous),
    ((500, {}), False, Ambiguous),
    ((500, {}), True, Transient),
    ((200, "not json"), False, Ambiguous),
    ((200, "[]"), True, Transient),
]


@pytest.mark.parametrize(("answer", "repeatable", "kind"), FAILURES)
async def test_every_failure_says_what_the_next_try_may_do(
    vendor: Any, session: aiohttp.ClientSession, answer: Any, repeatable: bool, kind: type[CountersignError]
) -> None:
    vendor.on("POST /issue", answer)
    with pytest.raises(CountersignError) as caught:
        await api(session, vendor.url).call("POST", "/issue", "create", repeatable=repeatable)
    assert type(caught.value) is kind
    assert str(caught.value).startswith("Jira create")
    assert "geheim" not in str(caught.value)
    assert len(vendor.asked) == 1
    if isinstance(caught.value, Transient) and answer[0] in (429, 503):
        assert caught.value.retry_after == 7.0


async def test_a_refused_connection_is_transient_even_for_what_must_not_be_repeated(
    session: aiohttp.ClientSession,
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Transient, match="cannot connect"):
        await api(session, f"http://127.0.0.1:{port}").call("POST", "/issue", "create", repeatable=False)


async def test_T52_silence_after_the_request_is_ambiguous_at_the_deadline(
    vendor: Any, session: aiohttp.ClientSession
) -> None:
    async def silent(_: Any) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    vendor.on("POST /issue", silent)
    with pytest.raises(Ambiguous, match="no answer"):
        await api(session, vendor.url, deadline=0.2).call("POST", "/issue", "create", repeatable=False)


async def test_an_answer_without_end_is_not_read_to_its_end(
    vendor: Any, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_ANSWER_BYTES", 1000)
    vendor.on("GET /issue", (200, json.dumps({"text": "x" * 5000})))
    with pytest.raises(Transient, match="sensible size"):
        await api(session, vendor.url).call("GET", "/issue", "look", repeatable=True)


def test_an_api_does_not_show_its_authorization() -> None:
    assert "geheim" not in repr(Api(None, "https://x.example", "Jira", "Basic geheim", 5.0))  # type: ignore[arg-type]  # reason: only its text is looked at


def test_a_user_name_with_a_colon_cannot_be_sent() -> None:
    assert basic_authorization("bot", "geheim", "JIRA_USER").startswith("Basic ")
    with pytest.raises(ConfigurationError, match="JIRA_USER"):
        basic_authorization("bot:x", "geheim", "JIRA_USER")
