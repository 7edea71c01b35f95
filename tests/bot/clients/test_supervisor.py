"""Supervisor client against a real supervisord, over TCP with a password and over a unix socket; faults by a raw server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.clients.supervisor import Login, SupervisorClient, SupervisorFault
from bot.errors import Ambiguous, Permanent, Transient

SUPERVISORD = Path(sys.executable).with_name("supervisord")
WAIT = 10.0

CONFIG = """
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
[unix_http_server]
file={folder}/s.sock
[inet_http_server]
port=127.0.0.1:{port}
username=bot
password=geheim
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:web]
command={python} -u -c "import time; print('\\x1b[31mred\\x1b[0m <&>'); print('ready'); time.sleep(600)"
startsecs=0
autorestart=false
stopwaitsecs=2
[program:broken]
command=/nonexistent/program
autostart=false
startsecs=1
startretries=0
[program:pool]
command={python} -c "import time; time.sleep(600)"
process_name=w_%(process_num)d
numprocs=11
autostart=false
"""


@dataclass(frozen=True)
class Daemon:
    unix: str
    tcp: str


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp") as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = Path(folder) / "supervisord.conf"
        config.write_text(CONFIG.format(folder=folder, port=port, python=sys.executable))
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(SUPERVISORD), "-n", "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        try:
            asyncio.run(_ready(SupervisorClient(f"unix://{folder}/s.sock")))
            yield Daemon(f"unix://{folder}/s.sock", f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(timeout=15)


async def _ready(client: SupervisorClient) -> None:
    for _ in range(100):
        with contextlib.suppress(Transient):
            info = await client.get_info("web", 2)
            if info.state == "RUNNING":
                return
        await asyncio.sleep(0.1)
    raise AssertionError("supervisord did not start")


@pytest.fixture(params=["unix", "tcp"])
def client(request: pytest.FixtureRequest, daemon: Daemon) -> SupervisorClient:
    if request.param == "unix":
        return SupervisorClient(daemon.unix)
    return SupervisorClient(daemon.tcp, Login("bot", "geheim"))


async def test_info_names_the_program_and_its_state(client: SupervisorClient) -> None:
    info = await client.get_info("web", WAIT)
    assert (info.name, info.state) == ("web", "RUNNING")
    assert info.pid > 0
    assert info.is_called("web")
    assert info.is_called("web:web")
    assert not info.is_called("we")


async def test_a_group_is_listed_in_the_order_of_its_numbers_and_nothing_else(client: SupervisorClient) -> None:
    found = await client.get_group("pool", WAIT)
    assert [info.full_name for info in found] == [f"pool:w_{number}" for number in range(11)]
    assert {info.state for info in found} == {"STOPPED"}
    assert [info.full_name for info in await client.get_group("web", WAIT)] == ["web:web"]
    assert await client.get_group("nobody", WAIT) == ()


async def test_restart_gives_a_new_pid(client: SupervisorClient) -> None:
    before = await client.get_info("web", WAIT)
    done = await client.restart("web", WAIT)
    after = await client.get_info("web", WAIT)
    assert (done.stopped, done.started, done.reason) == (True, True, "")
    assert after.pid not in (0, before.pid)


async def test_restart_of_a_stopped_program_starts_it(client: SupervisorClient) -> None:
    await client.stop("web", WAIT)
    with pytest.raises(SupervisorFault) as fault:
        await client.stop("web", WAIT)
    done = await client.restart("web", WAIT)
    assert fault.value.code == "NOT_RUNNING"
    assert (done.stopped, done.started) == (False, True)


async def test_faults_have_names(client: SupervisorClient) -> None:
    with pytest.raises(SupervisorFault) as started:
        await client.start("web", WAIT)
    with pytest.raises(SupervisorFault) as unknown:
        await client.get_info("nobody", WAIT)
    with pytest.raises(SupervisorFault) as broken:
        await client.start("broken", WAIT)
    assert started.value.code == "ALREADY_STARTED"
    assert unknown.value.code == "BAD_NAME"
    assert broken.value.code in ("NO_FILE", "SPAWN_ERROR")


async def test_restart_that_cannot_start_says_so_as_a_value(client: SupervisorClient) -> None:
    done = await client.restart("broken", WAIT)
    assert (done.stopped, done.started) == (False, False)
    assert done.reason


async def test_tail_survives_control_characters_in_the_log(client: SupervisorClient) -> None:
    for _ in range(50):
        lines = await client.tail_log("web", 2, WAIT)
        if lines:
            break
        await asyncio.sleep(0.05)
    assert lines[-1] == "ready"
    assert any("red" in line and "<&>" in line and "\x1b" not in line for line in lines)


async def test_wrong_password_is_permanent(daemon: Daemon) -> None:
    with pytest.raises(Permanent, match="password"):
        await SupervisorClient(daemon.tcp, Login("bot", "wrong")).get_info("web", WAIT)


@pytest.mark.parametrize(
    "program", ["*", "all", "ALL", "web:*", "web:", "", "-web", "we b", "wеb", "a/b", "web\n", "a:b:c"]
)
async def test_T34_only_one_named_program_is_ever_sent(daemon: Daemon, program: str) -> None:
    with pytest.raises(Permanent, match="exactly one"):
        await SupervisorClient(daemon.unix).stop(program, WAIT)


@pytest.mark.parametrize("url", ["http://u:p@127.0.0.1:9", "ftp://127.0.0.1", "unix://relative", "", "unix://"])
def test_a_url_that_hides_something_is_refused(url: str) -> None:
    with pytest.raises(Permanent):
        SupervisorClient(url)


@pytest.mark.parametrize("url", ["unix:///nonexistent/s.sock", "http://127.0.0.1:1"])
async def test_nothing_listening_is_transient(url: str) -> None:
    with pytest.raises(Transient):
        await SupervisorClient(url).stop("web", WAIT)


@pytest.fixture
async def silent() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that reads whole requests and then drops the connection, or never answers one with a password."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        requests.append(head)
        if b"Basic" in head:
            await reader.read()  # silent until the client has gone
        writer.close()
        closed.set()

    closed = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests
    finally:
        await asyncio.wait_for(closed.wait(), WAIT)
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


async def test_T52_lost_answer_of_a_change_is_ambiguous_and_sent_once(silent: tuple[str, list[bytes]]) -> None:
    url, requests = silent
    with pytest.raises(Ambiguous):
        await SupervisorClient(url).stop("web", 2)
    assert len(requests) == 1


async def test_T52_silence_after_a_change_is_ambiguous_at_the_deadline(silent: tuple[str, list[bytes]]) -> None:
    url, requests = silent
    with pytest.raises(Ambiguous, match=r"0\.2 s"):
        await SupervisorClient(url, Login("a", "b")).start("web", 0.2)
    assert len(requests) == 1


async def test_lost_answer_of_a_look_is_transient(silent: tuple[str, list[bytes]]) -> None:
    with pytest.raises(Transient):
        await SupervisorClient(silent[0]).get_info("web", 2)
