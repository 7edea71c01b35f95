"""HTTP adapter against a real server: only what was planned, to listed hosts, with an idempotency key (T28, T52)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from bot.adapters.http import HttpAdapter, addresses
from bot.adapters.registry import Registry
from bot.clients.http import AllowList, HttpClient
from bot.errors import Ambiguous, Permanent, Transient
from bot.plan import Act
from bot.services import Catalogue, Service, TargetEntry

Make = Callable[..., Act]


class Site:
    url = ""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    found = Site()

    async def answer(request: web.Request) -> web.Response:
        found.seen.append((request.method, request.path, request.headers.get("Idempotency-Key", "")))
        status = int(request.path.rpartition("/")[2]) if request.path.rpartition("/")[2].isdigit() else 200
        return web.Response(
            status=status, text="\x1b[31mfine\x1b[0m", headers={"Location": "/x"} if status == 302 else {}
        )

    runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
    runner.app.router.add_route("*", "/{tail:.*}", answer)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
async def adapter(site: Site, registry: Callable[..., Registry]) -> AsyncIterator[HttpAdapter]:
    async with HttpClient(AllowList.of([site.url])) as client:
        yield HttpAdapter(registry("http_endpoint", {"base_url": site.url}), client)


def request(site: Site, path: str, method: str = "GET") -> dict[str, Any]:
    return {"method": method, "url": site.url + path} | ({"body": {"on": True}} if method == "POST" else {})


async def test_get(site: Site, adapter: HttpAdapter, act: Make, told: Any) -> None:
    get = act("http", "http.get", "http_endpoint", request(site, "/health"))
    assert adapter.forbidden(get) is None
    assert await adapter.identify(get) is None
    result = await adapter.act(get, "run/get/1", told)
    assert (result.ok, result.output, result.data) == (True, "fine", {"status": 200})


async def test_post_carries_its_key(site: Site, adapter: HttpAdapter, act: Make, told: Any) -> None:
    post = act("http", "http.post", "http_endpoint", request(site, "/drain", "POST"))
    result = await adapter.act(post, "run/post/1", told)
    assert result.ok
    assert site.seen == [("POST", "/drain", "run/post/1")]


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_other_answers_are_results_that_are_not_ok(
    site: Site, adapter: HttpAdapter, act: Make, told: Any, status: int
) -> None:
    result = await adapter.act(act("http", "http.get", "http_endpoint", request(site, f"/{status}")), "r/s/1", told)
    assert not result.ok
    assert result.data == {"status": status}
    assert len(site.seen) == 1


@pytest.mark.parametrize("status", [502, 504])
async def test_T52_a_post_that_a_gateway_lost_is_ambiguous(
    site: Site, adapter: HttpAdapter, act: Make, told: Any, status: int
) -> None:
    with pytest.raises(Ambiguous):
        await adapter.act(act("http", "http.post", "http_endpoint", request(site, f"/{status}", "POST")), "r/s/1", told)


async def test_T28_T42_only_listed_hosts_and_planned_methods(
    site: Site, adapter: HttpAdapter, act: Make, told: Any
) -> None:
    requests: list[dict[str, Any]] = [
        {"method": "GET", "url": "http://169.254.169.254/latest"},
        {"method": "GET", "url": site.url.replace("127.0.0.1", "localhost")},
        {"method": "GET", "url": site.url.replace("http://", "http://u:p@")},
        {"method": "GET", "url": "file:///etc/passwd"},
        {"method": "DELETE", "url": site.url + "/x"},
        {"method": "POST", "url": site.url + "/x"},
        {"method": "GET", "url": None},
        request(site, "/x") | {"headers": {"X": "y"}},
    ]
    for wrong in requests:
        get = act("http", "http.get", "http_endpoint", wrong)
        assert adapter.forbidden(get) is not None
        with pytest.raises(Permanent):
            await adapter.act(get, "r/s/1", told)
    assert not site.seen


async def test_T36_the_url_must_be_below_this_targets_base(site: Site, adapter: HttpAdapter, act: Make) -> None:
    for url in (site.url + "0/x", site.url, site.url + "/../x", "http://other.example/x"):
        denied = await adapter.identify(act("http", "http.get", "http_endpoint", {"method": "GET", "url": url}))
        assert denied is not None
    assert await adapter.identify(act("http", "http.get", "http_endpoint", request(site, "/x"), environment="prod"))


async def test_nothing_listening_is_transient(registry: Callable[..., Registry], act: Make, told: Any) -> None:
    async with HttpClient(AllowList.of(["http://127.0.0.1:1"])) as client:
        adapter = HttpAdapter(registry("http_endpoint", {"base_url": "http://127.0.0.1:1"}), client)
        post = act("http", "http.post", "http_endpoint", {"method": "POST", "url": "http://127.0.0.1:1/x", "body": {}})
        with pytest.raises(Transient):
            await adapter.act(post, "r/s/1", told)


def test_addresses_come_from_the_catalogue() -> None:
    targets = (
        TargetEntry(kind="http_endpoint", name="a", settings={"base_url": "http://a.example"}),
        TargetEntry(kind="redis_database", name="b", settings={"base_url": "http://b.example"}),
    )
    service = Service(name="s", environment="dev", owner="o", tier=1, targets=targets)
    assert addresses(Catalogue(services=(service,))) == ("http://a.example",)
