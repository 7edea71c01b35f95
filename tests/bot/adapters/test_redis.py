"""Redis adapter against a real redis-server when there is one (X3, T36, T42)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from bot.adapters.redis import RedisAdapter
from bot.adapters.registry import Registry
from bot.errors import Permanent, Transient
from bot.plan import Act

Make = Callable[..., Act]


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
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
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


def settings(port: int, database: Any = 2) -> dict[str, Any]:
    return {"url": f"redis://127.0.0.1:{port}", "database": database}


@pytest.mark.redis
async def test_X3_clearing_the_cache(port: int, registry: Callable[..., Registry], act: Make, told: Any) -> None:
    adapter = RedisAdapter(registry("redis_database", settings(port)), lambda name: "")
    flush = act("redis", "redis.flush_database", "redis_database", settings(port))
    with Redis(port=port, db=2) as two, Redis(port=port, db=0) as zero:
        two.mset({"a": 1, "b": 2, "c": 3})
        zero.set("kept", 1)
        assert await adapter.identify(flush) is None
        result = await adapter.act(flush, "run/flush/1", told)
        assert (two.dbsize(), zero.dbsize()) == (0, 1)
    assert (result.ok, result.output) == (True, "OK")
    assert result.summary == "3 keys removed from database 2"
    assert told.lines == ["clearing database 2"]


@pytest.mark.redis
async def test_ping(port: int, registry: Callable[..., Registry], act: Make, told: Any) -> None:
    adapter = RedisAdapter(registry("redis_database", settings(port)), lambda name: "")
    result = await adapter.act(act("redis", "redis.ping", "redis_database", settings(port)), "run/ping/1", told)
    assert (result.ok, result.output) == (True, "PONG")


@pytest.mark.redis
async def test_T36_identify_refuses_another_index_and_one_that_is_not_there(
    port: int, registry: Callable[..., Registry], act: Make
) -> None:
    adapter = RedisAdapter(registry("redis_database", settings(port)), lambda name: "")
    other = act("redis", "redis.flush_database", "redis_database", settings(port, 3))
    denied = await adapter.identify(other)
    assert denied is not None
    assert denied.code == "target_changed"
    missing = RedisAdapter(registry("redis_database", settings(port, 900)), lambda name: "")
    denied = await missing.identify(act("redis", "redis.flush_database", "redis_database", settings(port, 900)))
    assert denied is not None
    assert denied.code == "target_gone"


@pytest.mark.parametrize(
    "operation", ["redis.flushall", "redis.FLUSHALL", "redis.eval", "redis.config", "redis.flush_all"]
)
async def test_T42_other_operations_are_blocked(registry: Callable[..., Registry], act: Make, operation: str) -> None:
    adapter = RedisAdapter(registry("redis_database", settings(1)), lambda name: "")
    assert adapter.forbidden(act("redis", operation, "redis_database", settings(1))) is not None


@pytest.mark.parametrize("database", [None, True, "2", "*", -1, 2.0, 5000])
async def test_T34_T42_anything_but_one_index_is_blocked(
    registry: Callable[..., Registry], act: Make, told: Any, database: Any
) -> None:
    adapter = RedisAdapter(registry("redis_database", settings(1)), lambda name: "")
    flush = act("redis", "redis.flush_database", "redis_database", settings(1, database))
    assert adapter.forbidden(flush) is not None
    with pytest.raises(Permanent):
        await adapter.act(flush, "run/flush/1", told)


async def test_a_server_that_is_down_is_transient(registry: Callable[..., Registry], act: Make, told: Any) -> None:
    adapter = RedisAdapter(registry("redis_database", settings(1)), lambda name: "")
    with pytest.raises(Transient):
        await adapter.act(act("redis", "redis.flush_database", "redis_database", settings(1)), "run/flush/1", told)
