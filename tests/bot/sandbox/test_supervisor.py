"""The real supervisord of the sandbox: starts, is killed and mended, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.errors import Permanent
from bot.sandbox.demo_service import read_starts, write_settings
from bot.sandbox.supervisor import Program, Supervisor, quoted
from bot.sandbox.worker_pool import WorkerPool

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    settings = tmp_path / "payments.settings.json"
    write_settings(settings, mode="normal")
    program = Program("payments", free_port(), tmp_path / "ledger", settings, tmp_path / "payments.log")
    made = Supervisor(tmp_path, (program,), root=ROOT)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def health(supervisor: Supervisor) -> int:
    address = f"http://127.0.0.1:{supervisor.programs[0].port}/health"
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        return answer.status


async def listening(supervisor: Supervisor) -> int:
    """The first status there is: a busy machine may need longer to listen than supervisord waits to say RUNNING."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await health(supervisor)
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)


async def test_killed_it_stays_down_until_somebody_starts_it(supervisor: Supervisor) -> None:
    program = supervisor.programs[0]
    assert await listening(supervisor) == 200
    pid = await supervisor.kill("payments")
    assert (await supervisor.state("payments")).state == "EXITED"
    assert len(read_starts(program.ledger)) == 1, "autorestart must be off"
    with pytest.raises(aiohttp.ClientError):
        await health(supervisor)
    with pytest.raises(Permanent, match="does not run"):
        await supervisor.kill("payments")
    await supervisor.start_program("payments")
    assert await listening(supervisor) == 200
    starts = read_starts(program.ledger)
    assert [start.pid for start in starts] == [pid, (await supervisor.state("payments")).pid]
    assert "listening on 127.0.0.1" in program.log.read_text()


async def test_stop_leaves_nothing_running(supervisor: Supervisor) -> None:
    child, daemon = (await supervisor.state("payments")).pid, supervisor.pid
    assert daemon
    await supervisor.stop()
    assert supervisor.pid is None
    for pid in (child, daemon):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not supervisor.socket.parent.exists()
    await supervisor.stop()


async def test_a_service_that_will_not_stop_is_killed(supervisor: Supervisor) -> None:
    write_settings(supervisor.programs[0].settings, mode="normal", stop_seconds=60)
    child = (await supervisor.state("payments")).pid
    await supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


async def test_a_pool_runs_beside_the_services_and_goes_with_them(tmp_path: Path) -> None:
    pool = WorkerPool(group="w", total=3, running=2)
    made = Supervisor(tmp_path, (), root=tmp_path, pool=pool)
    try:
        await made.start()
        assert await made.running("w") == pool.names(2)
        assert await made.running("other") == []
        pids = [(await made.state(name)).pid for name in pool.names(2)]
    finally:
        await made.stop()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_an_unknown_program_is_refused(supervisor: Supervisor) -> None:
    with pytest.raises(Permanent, match="BAD_NAME"):
        await supervisor.state("payment")


@pytest.mark.parametrize(
    ("argument", "text"),
    [("plain", '"plain"'), ("two words", '"two words"'), ('a"b', '"a\\"b"'), ("50%", '"50%%"')],
)
def test_arguments_are_quoted_for_supervisord(argument: str, text: str) -> None:
    assert quoted(argument) == text
