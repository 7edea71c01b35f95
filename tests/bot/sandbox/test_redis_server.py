"""The sandbox's real redis-server: it answers, holds what it is given, keeps nothing on disk, and goes when told."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path

import pytest

from bot.errors import Permanent
from bot.sandbox.redis_server import PROGRAM, RedisServer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.redis
async def test_it_holds_keys_of_one_database_and_leaves_only_its_log(tmp_path: Path) -> None:
    binary = shutil.which(PROGRAM)
    if binary is None:
        pytest.skip(f"there is no {PROGRAM} on this machine")
    server = RedisServer(binary, tmp_path, free_port())
    await server.start()
    try:
        assert server.pid is not None
        await server.fill(2, 30)
        assert (await server.count(2), await server.count(0)) == (30, 0)
    finally:
        await server.stop()
    assert server.pid is None
    await server.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["redis.log"]


async def test_a_server_that_ends_at_once_says_so(tmp_path: Path) -> None:
    server = RedisServer(shutil.which("false") or sys.executable, tmp_path, free_port())
    with pytest.raises(Permanent, match="ended at once"):
        await server.start()
    assert server.pid is None


def test_it_is_reachable_from_this_machine_only_and_writes_nothing(tmp_path: Path) -> None:
    argv = RedisServer("redis-server", tmp_path, 7000).argv
    words = dict(zip(argv[1::2], argv[2::2], strict=True))
    assert words["--bind"] == "127.0.0.1"
    assert (words["--save"], words["--appendonly"]) == ("", "no")
    assert RedisServer("redis-server", tmp_path, 7000).url == "redis://127.0.0.1:7000"
