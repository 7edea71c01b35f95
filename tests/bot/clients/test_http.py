"""HTTP client: hosts, addresses, redirects, bounds, and what is known when no answer comes (T28)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from bot.clients.http import AllowList, HttpClient, NoAnswer, Unreachable
from bot.errors import Ambiguous, Permanent

WAIT = 5.0


@dataclass
class Site:
    url: str = ""
    seen: list[str] = field(default_factory=list)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    found = Site()

    async def answer(request: web.Request) -> web.StreamResponse:
        found.seen.append(request.path)
        if request.path == "/redirect":
            return web.Response(status=302, headers={"Location": found.url + "/secret"})
        if request.path == "/big":
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(200):
                await response.write(b"x" * 65_536)
            return response
        if request.path == "/hang":
            await asyncio.sleep(30)
        if request.path == "/drop":
            assert request.transport is not None
            request.transport.close()
        body = await request.text()
        return web.json_response(
            {"path": request.path, "body": body, "key": request.headers.get("Idempotency-Key", "")}
        )

    runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
    runner.app.router.add_route("*", "/{tail:.*}", answer)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


async def test_get_and_post(site: Site) -> None:
    async with HttpClient(AllowList.of([site.url])) as client:
        got = await client.request("GET", site.url + "/health", deadline=WAIT)
        posted = await client.request(
            "POST", site.url + "/p", deadline=WAIT, body={"a": 1}, headers={"Idempotency-Key": "k"}
        )
    assert got.status == 200
    assert '"/health"' in got.text
    assert got.total_bytes == len(got.body)
    assert '"{\\"a\\":1}"' in posted.text
    assert '"k"' in posted.text


async def test_T28_redirect_is_not_followed(site: Site) -> None:
    async with HttpClient(AllowList.of([site.url])) as client:
        answer = await client.request("GET", site.url + "/redirect", deadline=WAIT)
    assert answer.status == 302
    assert site.seen == ["/redirect"]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/",
        "http://[::1]:80/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://127.1/",
        "http://localhost/",
        "http://user@listed.example/",
        "http://listed.example:8080/",
        "http://listed.example\\@other.example/",
        "http://listed.example.other.example/",
        "https://listed.example@169.254.169.254/",
        "file:///etc/passwd",
        "gopher://listed.example/",
        "//listed.example/",
        "http://listed.example\r\nX: y/",
        "http://lіsted.example/",
        "http://listed.example:99999/",
        "",
    ],
)
async def test_T28_unlisted_and_tricky_urls_are_refused(url: str) -> None:
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError("nothing is resolved for a refused URL")

    async with HttpClient(AllowList.of(["listed.example"]), resolve=never) as client:
        with pytest.raises(Permanent):
            await client.request("GET", url, deadline=WAIT)


def resolving(*answers: list[str]) -> Callable[[str, int], Awaitable[list[str]]]:
    left = list(answers)

    async def resolve(host: str, port: int) -> list[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.9.9",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "fe80::1%lo",
        "fd00::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
async def test_T28_listed_name_that_resolves_inside_is_refused(address: str) -> None:
    async with HttpClient(
        AllowList.of(["http://listed.example"]), resolve=resolving(["93.184.216.34", address])
    ) as client:
        with pytest.raises(Permanent, match="resolves to"):
            await client.request("GET", "http://listed.example/", deadline=WAIT)


async def test_T28_rebinding_cannot_change_the_address_that_was_checked(site: Site) -> None:
    port = site.url.rpartition(":")[2]
    allow = AllowList.of([f"http://listed.example:{port}", "127.0.0.0/8"])
    async with HttpClient(allow, resolve=resolving(["127.0.0.1"], ["169.254.169.254"])) as client:
        first = await client.request("GET", f"http://listed.example:{port}/a", deadline=WAIT)
        with pytest.raises(Permanent, match=r"169\.254"):
            await client.request("GET", f"http://listed.example:{port}/b", deadline=WAIT)
    assert first.status == 200
    assert site.seen == ["/a"]


async def test_refused_connection_and_unknown_name_are_unreachable() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    async with HttpClient(AllowList.of(["http://127.0.0.1:1"])) as client:
        with pytest.raises(Unreachable):
            await client.request("POST", "http://127.0.0.1:1/", deadline=WAIT)
    async with HttpClient(AllowList.of(["nowhere.example"]), resolve=unknown) as client:
        with pytest.raises(Unreachable):
            await client.request("GET", "http://nowhere.example/", deadline=WAIT)


@pytest.mark.parametrize("path", ["/hang", "/drop"])
async def test_T52_no_answer_is_ambiguous_for_post_and_not_for_get(site: Site, path: str) -> None:
    async with HttpClient(AllowList.of([site.url])) as client:
        with pytest.raises(NoAnswer):
            await client.request("GET", site.url + path, deadline=0.3)
        with pytest.raises(Ambiguous):
            await client.request("POST", site.url + path, deadline=0.3, body={})
    assert site.seen.count(path) in (2, 3)  # aiohttp repeats a dropped GET once, a POST never


async def test_T47_a_huge_body_is_bounded(site: Site) -> None:
    async with HttpClient(AllowList.of([site.url])) as client:
        answer = await client.request("GET", site.url + "/big", deadline=WAIT)
    assert len(answer.body) == 65_536
    assert answer.truncated
    assert answer.total_bytes < 9 * 1024 * 1024


async def test_only_get_and_post(site: Site) -> None:
    async with HttpClient(AllowList.of([site.url])) as client:
        for method in ("DELETE", "PUT", "CONNECT", "get"):
            with pytest.raises(Permanent):
                await client.request(method, site.url, deadline=WAIT)
    assert not site.seen


def test_entries_of_the_allow_list() -> None:
    allow = AllowList.of(
        ["http://A.example.:8080/x", "b.example:9", "c.example", "10.0.0.0/8", "192.0.2.7", "localhost"]
    )
    assert {("a.example", 8080), ("b.example", 9), ("c.example", 80), ("c.example", 443)} <= allow.hosts
    assert ("192.0.2.7", 80) in allow.hosts
    assert allow.address_refusal("c.example", "10.9.9.9") == ""
    assert allow.address_refusal("localhost", "127.0.0.1") == ""
    assert allow.address_refusal("c.example", "127.0.0.1")
    for entry in ("*.example", "*", "http://u:p@h", "ftp://h"):
        with pytest.raises(Permanent):
            AllowList.of([entry])
