"""figures: numbers out of JSON answers; whatever is not there, not plain or not allowed is no figure (T28, T58)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from bot.clients.http import AllowList, HttpClient
from bot.errors import Permanent, Transient
from bot.facts.base import FactRequest
from bot.facts.figures import FiguresFact, addresses
from bot.services import Catalogue, FactSetting, Service

Request = Callable[..., FactRequest]
PROMETHEUS = {"status": "success", "data": {"result": [{"metric": {}, "value": [1893499200, "0.25"]}]}}
QUEUE = {"messages_ready": 1200, "consumers": 0, "state": "running", "idle": None, "a/b": {"~": True}, "args": {}}
ANSWERS: dict[str, Any] = {
    "/prometheus": PROMETHEUS,
    "/nobody": {"data": {"result": []}},
    "/nan": {"value": "NaN"},
    "/queue": QUEUE,
    "/long": {"x": "y" * 70_000},
}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/login":
            return web.json_response({"seen": request.headers.get("Authorization", "none")})
        if request.path == "/down":
            return web.Response(status=503)
        if request.path == "/text":
            return web.Response(text="not json")
        if request.path == "/deep":
            return web.Response(text="[" * 60_000)
        return web.json_response(ANSWERS[request.path])

    runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
    runner.app.router.add_get("/{tail:.*}", answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def fact(url: str) -> AsyncIterator[FiguresFact]:
    async with HttpClient(AllowList.of([url])) as client:
        yield FiguresFact(client, {"TOKEN": "t0p"}.get)  # type: ignore[arg-type]  # reason: a get of a dict has the shape of environ.get


def one(url: str, **read: str) -> list[dict[str, Any]]:
    return [{"url": url, "read": read}]


@pytest.mark.parametrize(
    ("path", "pointer", "value"),
    [
        ("/prometheus", "/data/result/0/value/1", 0.25),
        ("/queue", "/messages_ready", 1200),
        ("/queue", "/consumers", 0),
        ("/queue", "/state", "running"),
        ("/queue", "/a~1b/~0", 1),
    ],
)
async def test_a_figure_stands_at_its_pointer(
    fact: FiguresFact, url: str, request_of: Request, path: str, pointer: str, value: object
) -> None:
    assert await fact.observe(request_of(answers=one(url + path, it=pointer))) == {"it": value}


async def test_several_answers_make_one_fact(fact: FiguresFact, url: str, request_of: Request) -> None:
    answers = [*one(url + "/queue", ready="/messages_ready"), *one(url + "/prometheus", rate="/data/result/0/value/1")]
    assert await fact.observe(request_of(answers=answers)) == {"ready": 1200, "rate": 0.25}


@pytest.mark.parametrize(
    ("path", "pointer", "told"),
    [
        ("/queue", "/missing", "the answer has no /missing"),
        ("/queue", "/idle", "there is no number"),
        ("/queue", "/args", "there is no number"),
        ("/nobody", "/data/result/0/value/1", "the answer has no"),
        ("/prometheus", "/data/result/-1", "the answer has no"),
        ("/nan", "/value", "is no figure"),
        ("/text", "/x", "not JSON"),
        ("/deep", "/0", "not JSON"),
        ("/long", "/x", "longer than"),
        ("/queue", "messages_ready", "needs a JSON pointer"),
        ("/queue", "", "needs a JSON pointer"),
    ],
)
async def test_T58_what_is_not_there_is_not_zero(
    fact: FiguresFact, url: str, request_of: Request, path: str, pointer: str, told: str
) -> None:
    with pytest.raises(Permanent, match=told):
        await fact.observe(request_of(answers=one(url + path, it=pointer)))


async def test_half_a_fact_is_none(fact: FiguresFact, url: str, request_of: Request) -> None:
    answers = [*one(url + "/queue", ready="/messages_ready"), *one(url + "/down", rate="/rate")]
    with pytest.raises(Transient, match="HTTP 503 instead of figures"):
        await fact.observe(request_of(answers=answers))


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({}, "none"),
        ({"password_env": "TOKEN"}, "Bearer t0p"),
        ({"password_env": "TOKEN", "username": "bot"}, "Basic Ym90OnQwcA=="),
    ],
)
async def test_it_logs_in(
    fact: FiguresFact, url: str, request_of: Request, settings: dict[str, str], header: str
) -> None:
    found = await fact.observe(request_of(answers=one(url + "/login", seen="/seen"), **settings))
    assert found == {"seen": header}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"answers": []}, "answers"),
        ({"answers": [{"url": "http://127.0.0.1", "read": {}}]}, "read"),
        ({"answers": one("http://127.0.0.1", Ready="/x")}, "not the name of a figure"),
        ({"answers": [*one("http://127.0.0.1", a="/x"), *one("http://127.0.0.1", a="/y")]}, "read twice"),
        ({"answers": one("http://127.0.0.1", a="/x"), "password_env": "UNSET"}, "UNSET"),
        ({"answers": one("http://elsewhere.example", a="/x")}, "elsewhere.example"),
        ({"answers": one("http://127.0.0.1", a="/x"), "shell": "x"}, "shell"),
    ],
)
async def test_T28_wrong_settings_and_hosts_that_are_not_listed_are_refused(
    fact: FiguresFact, request_of: Request, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(Permanent, match=told):
        await fact.observe(request_of(**settings))


def test_the_allow_list_has_every_address_of_figures_and_no_other() -> None:
    facts = {
        "queue": FactSetting(kind="figures", settings={"answers": one("http://a.example/x", a="/x")}),
        "health": FactSetting(kind="http", settings={"url": "http://b.example"}),
        "odd": FactSetting(kind="figures", settings={"answers": "http://c.example"}),
    }
    service = Service(name="payments", environment="prod", owner="team", tier=1, facts=facts)
    assert addresses(Catalogue(services=(service,))) == ("http://a.example/x",)
