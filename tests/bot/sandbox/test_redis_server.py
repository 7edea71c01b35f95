"""The caches' server: a real one on the loopback address, databases apart, nothing on disk, gone at the end."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import Permanent
from bot.sandbox.redis_server import PROGRAM, RedisServer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    binary = shutil.which(PROGRAM)
    if binary is None:
        pytest.skip(f"no {PROGRAM} on this machine")
    made = RedisServer(binary, tmp_path, free_port())
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


@pytest.mark.redis
async def test_databases_are_filled_and_counted_apart(server: RedisServer) -> None:
    await server.fill(2, 40)
    await server.fill(3, 7)
    assert [await server.count(database) for database in (2, 3, 4)] == [40, 7, 0]
    assert server.url.startswith("redis://127.0.0.1:")


@pytest.mark.redis
async def test_stop_leaves_no_process_and_no_data(server: RedisServer, tmp_path: Path) -> None:
    await server.fill(2, 1)
    pid = server.pid
    assert pid
    await server.stop()
    await server.stop()
    assert server.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["redis.log"]


async def test_a_server_that_does_not_start_says_so(tmp_path: Path) -> None:
    nothing = shutil.which("true") or sys.executable
    with pytest.raises(Permanent, match="ended at once"):
        await RedisServer(nothing, tmp_path, free_port()).start()


def test_it_keeps_nothing_and_listens_to_this_machine_only(tmp_path: Path) -> None:
    words = " ".join(RedisServer("redis-server", tmp_path, 7000).argv)
    assert "--bind 127.0.0.1 --save  --appendonly no" in words
