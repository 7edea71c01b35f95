"""http and tcp facts against real sockets: what does not answer is a value, what may not be asked is a failure (T28)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from bot.clients.http import AllowList, HttpClient
from bot.errors import Permanent, Transient
from bot.facts.base import FactRequest
from bot.facts.http import HttpFact, addresses
from bot.facts.tcp import TcpFact
from bot.services import Catalogue, FactSetting, Service

Request = Callable[..., FactRequest]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/hang":
            await asyncio.sleep(30)
        if request.path == "/down":
            return web.Response(status=503, text="down\x1b[0m\u202e" + "x" * 1000)
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "/health"})
        return web.json_response({"ok": True})

    runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
    runner.app.router.add_get("/{tail:.*}", answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def fact(url: str) -> AsyncIterator[HttpFact]:
    async with HttpClient(AllowList.of([url, "http://127.0.0.1:1"])) as client:
        yield HttpFact(client)


async def test_an_answer_is_a_value(fact: HttpFact, url: str, request_of: Request) -> None:
    good = await fact.observe(request_of(url=url + "/health", deadline=2))
    bad = await fact.observe(request_of(url=url + "/down"))
    moved = await fact.observe(request_of(url=url + "/moved"))
    assert (good["status"], good["ok"], good["body_head"], good["error"]) == (200, True, '{"ok": true}', "")
    assert (bad["status"], bad["ok"], moved["status"], moved["ok"]) == (503, False, 302, False)
    assert len(bad["body_head"]) <= 200
    assert "\x1b" not in bad["body_head"]
    assert "\u202e" not in bad["body_head"]


async def test_nothing_there_and_no_answer_are_values_too(fact: HttpFact, url: str, request_of: Request) -> None:
    refused = await fact.observe(request_of(url="http://127.0.0.1:1/health"))
    hanging = await fact.observe(request_of(url=url + "/hang", timeout=0.2))
    late = await fact.observe(request_of(url=url + "/hang", deadline=0.3))
    assert (refused["status"], refused["ok"]) == (0, False)
    assert refused["error"] == "cannot connect: Connection refused"
    assert (hanging["status"], late["status"]) == (0, 0)
    assert "no answer" in hanging["error"]


@pytest.mark.parametrize(
    "wrong", ["http://169.254.169.254/", "http://127.0.0.1:2/", "file:///etc/passwd", "", "http://u:p@h/"]
)
async def test_T28_what_is_not_listed_is_never_asked(fact: HttpFact, request_of: Request, wrong: str) -> None:
    with pytest.raises(Permanent):
        await fact.observe(request_of(url=wrong))


async def test_wrong_settings_name_the_key(fact: HttpFact, request_of: Request) -> None:
    with pytest.raises(Permanent, match="timeout"):
        await fact.observe(request_of(url="http://127.0.0.1:1/", timeout="soon"))
    with pytest.raises(Permanent, match="method"):
        await fact.observe(request_of(url="http://127.0.0.1:1/", method="POST"))
    with pytest.raises(Permanent, match="url"):
        await fact.observe(request_of())


def test_addresses_come_from_the_catalogue() -> None:
    facts = {
        "health": FactSetting(kind="http", settings={"url": "http://a.example/health"}),
        "disk": FactSetting(kind="disk", settings={"path": "/"}),
    }
    service = Service(name="s", environment="dev", owner="o", tier=1, facts=facts)
    assert addresses(Catalogue(services=(service,))) == ("http://a.example/health",)


async def test_tcp_open_and_closed(url: str, request_of: Request) -> None:
    port = int(url.rpartition(":")[2])
    opened = await TcpFact().observe(request_of(host="127.0.0.1", port=port))
    closed = await TcpFact().observe(request_of(host="127.0.0.1", port=1))
    assert (opened["open"], opened["error"]) == (True, "")
    assert closed["open"] is False
    assert closed["error"]


async def test_tcp_name_that_does_not_resolve_is_a_failure(request_of: Request) -> None:
    with pytest.raises(Transient, match="resolve"):
        await TcpFact().observe(request_of(host="name.invalid", port=80))


@pytest.mark.parametrize(
    "settings", [{}, {"host": "h"}, {"host": "h", "port": 0}, {"host": "h", "port": True}, {"host": "", "port": 1}]
)
async def test_tcp_wrong_settings(request_of: Request, settings: dict[str, object]) -> None:
    with pytest.raises(Permanent):
        await TcpFact().observe(request_of(**settings))
