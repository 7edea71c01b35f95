"""Redis client against a real redis-server when there is one; lost answers by a raw server."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from bot.clients.redis import RedisAddress, RedisClient
from bot.errors import Ambiguous, Permanent, Transient

WAIT = 5.0


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    folder = tmp_path_factory.mktemp("redis")
    argv = [binary, "--port", str(number), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([*argv, "--requirepass", "geheim"], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", number)) == 0:
                    break
            time.sleep(0.05)
        yield number
    finally:
        process.terminate()
        process.wait(timeout=10)


def client(port: int, database: int = 2, password: str = "geheim") -> RedisClient:
    return RedisClient(RedisAddress.of(f"redis://127.0.0.1:{port}", database, password=password))


@pytest.mark.redis
async def test_T42_flush_empties_one_database_and_no_other(port: int) -> None:
    with Redis(port=port, password="geheim", db=2) as two, Redis(port=port, password="geheim", db=3) as three:
        two.mset({"a": 1, "b": 2})
        three.set("kept", 1)
        removed = await client(port).flush_database(WAIT)
        assert removed == 2
        assert (two.dbsize(), three.dbsize()) == (0, 1)


@pytest.mark.redis
async def test_ping_info_keys_and_selected_database(port: int) -> None:
    found = client(port, 5)
    assert await found.ping(WAIT)
    assert await found.selected(WAIT) == 5
    assert await found.keys(WAIT) == 0
    assert "redis_version" in await found.info(WAIT)


@pytest.mark.redis
@pytest.mark.parametrize(("database", "password"), [(2, "wrong"), (1000, "geheim")])
async def test_wrong_password_or_index_is_permanent(port: int, database: int, password: str) -> None:
    with pytest.raises(Permanent):
        await client(port, database, password).ping(WAIT)
    with pytest.raises(Permanent):
        await client(port, database, password).flush_database(WAIT)


async def test_nothing_listening_is_transient() -> None:
    with pytest.raises(Transient):
        await RedisClient(RedisAddress.of("redis://127.0.0.1:1", 0)).flush_database(WAIT)


async def test_T52_lost_answer_of_flush_is_ambiguous_and_sent_once() -> None:
    flushes: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            for command in data.split(b"*")[1:]:
                if b"FLUSHDB" in command:
                    flushes.append(command)
                    writer.close()
                    closed.set()
                    return
                writer.write(
                    b":7\r\n" if b"DBSIZE" in command else b"-ERR unknown\r\n" if b"HELLO" in command else b"+OK\r\n"
                )
            await writer.drain()

    closed = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found = RedisClient(RedisAddress.of(f"redis://127.0.0.1:{port}", 0))
    try:
        with pytest.raises(Ambiguous):
            await found.flush_database(WAIT)
    finally:
        await asyncio.wait_for(closed.wait(), WAIT)
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)
    assert len(flushes) == 1


@pytest.mark.parametrize(
    "url",
    ["redis://h:1/3", "redis://h?db=3", "redis://:p@h", "http://h", "", "redis://", "unix://rel", "unix:///s?db=1"],
)
def test_a_url_that_overrules_what_people_saw_is_refused(url: str) -> None:
    with pytest.raises(Permanent):
        RedisAddress.of(url, 0)


def test_addresses() -> None:
    assert RedisAddress.of("rediss://h:7", 1).tls
    assert RedisAddress.of("unix:///run/r.sock", 1).unix == "/run/r.sock"
    assert RedisAddress.of("redis://h", 1).port == 6379


def test_the_module_knows_no_flushall() -> None:
    source = Path(__file__).parents[3] / "bot" / "clients" / "redis.py"
    assert "flushall(" not in source.read_text(encoding="utf-8").lower()
