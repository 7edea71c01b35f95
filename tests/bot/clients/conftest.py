"""A vendor on 127.0.0.1 that answers from a table, keeps every request and checks them against the vendor's document."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web

SPECS = Path(__file__).parents[4] / "shared" / "specs"
Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]] | Callable[["Asked"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes
    transport: Any = field(repr=False, compare=False, default=None)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Vendor:
    """answers: by `METHOD path`, used in turn, the last one for ever."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, call: str, *answers: Answer) -> None:
        self.answers[call] = list(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        query = tuple(parse_qsl(request.query_string, keep_blank_values=True))
        asked = Asked(request.method, request.path, query, dict(request.headers), body, request.transport)
        self.asked.append(asked)
        waiting = self.answers.get(f"{request.method} {request.path}")
        if not waiting:
            return web.json_response({"error": {"message": "no such call in this test"}}, status=404)
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if callable(answer):
            return await answer(asked)
        status, data, *headers = answer
        text = data if isinstance(data, str) else json.dumps(data)
        return web.Response(
            status=status, text=text, content_type="application/json", headers=headers[0] if headers else {}
        )


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """A running vendor."""
    made = Vendor()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The session a client is given."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as made:
        yield made


async def hang_up(asked: Asked) -> web.StreamResponse:
    """Take the whole request and close without an answer."""
    asked.transport.abort()
    await asyncio.sleep(0)
    return web.Response()


async def say_nothing(asked: Asked) -> web.StreamResponse:
    """Take the whole request and never answer."""
    await asyncio.sleep(30)
    return web.Response()


@pytest.fixture
def silent() -> Callable[[Asked], Awaitable[web.StreamResponse]]:
    """An answer that never comes."""
    return say_nothing


@pytest.fixture
def aborted() -> Callable[[Asked], Awaitable[web.StreamResponse]]:
    """A connection that breaks after the request."""
    return hang_up


class _Request:
    """What openapi-core wants to see of a request."""

    def __init__(self, asked: Asked, host: str, prefix: str) -> None:
        from openapi_core.datatypes import RequestParameters
        from werkzeug.datastructures import Headers, ImmutableMultiDict

        self.parameters = RequestParameters(query=ImmutableMultiDict(asked.query), header=Headers(asked.headers))
        self.host_url = host
        self.path = prefix + asked.path
        self.method = asked.method.lower()
        self.body = asked.body or None
        self.content_type = asked.headers.get("Content-Type", "application/json")


def references_writable(node: Any) -> Any:
    """PagerDuty's document calls `id` and `type` read-only everywhere, also in references, which every write needs."""
    if isinstance(node, list):
        return [references_writable(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: references_writable(value) for name, value in node.items()}
    for name in ("id", "type"):
        if isinstance(made.get(name), dict) and made[name].get("readOnly") is True:
            made[name] = {key: value for key, value in made[name].items() if key != "readOnly"}
    return made


@pytest.fixture(scope="session")
def conforms() -> Iterator[Callable[[list[Asked], str, str], int]]:
    """(requests, document, host) -> how many were valid; fails on the first that is not."""
    known: dict[str, Any] = {}

    def check(asked: list[Asked], document: str, host: str) -> int:
        path = SPECS / document
        if not path.is_file():
            pytest.skip(f"../shared/specs/{document} is not here")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the vendors' documents and openapi-core's own dependencies
            if document not in known:
                from openapi_core import Config, OpenAPI

                data = references_writable(json.loads(path.read_text(encoding="utf-8")))
                config = Config(spec_validator_cls=None)  # the documents hold mistakes that do not matter here
                known[document] = OpenAPI.from_dict(data, config=config)
            for one in asked:
                known[document].validate_request(_Request(one, host, ""))
        return len(asked)

    yield check
