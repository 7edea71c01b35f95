"""Supervisor adapter against a real supervisord: identify, restart, stop, start, tail (E1, E5, X1)."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.registry import Registry
from bot.adapters.supervisor import SupervisorAdapter
from bot.errors import Ambiguous, Permanent, Transient
from bot.plan import Act

SUPERVISORD = Path(sys.executable).with_name("supervisord")
CONFIG = """
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
[unix_http_server]
file={folder}/s.sock
username=bot
password=geheim
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:payments]
command={python} -u -c "import sys, time; print('listening'); print('a warning', file=sys.stderr); time.sleep(600)"
startsecs=0
autorestart=false
stopwaitsecs=2
[program:fragile]
command={python} -c "import os, sys, time; os.path.exists('{folder}/broken') and sys.exit(7); time.sleep(600)"
startsecs=1
startretries=0
autorestart=false
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp") as name:
        config = Path(name) / "supervisord.conf"
        config.write_text(CONFIG.format(folder=name, python=sys.executable))
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(SUPERVISORD), "-n", "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(100):
                if (Path(name) / "s.sock").exists():
                    break
                asyncio.run(asyncio.sleep(0.1))
            yield Path(name)
        finally:
            process.terminate()
            process.wait(timeout=15)


class Bench:
    def __init__(self, folder: Path, registry: Callable[..., Registry], act: Callable[..., Act]) -> None:
        self.folder, self._registry, self._act = folder, registry, act

    def settings(self, program: str) -> dict[str, Any]:
        url = f"unix://{self.folder}/s.sock"
        return {"url": url, "program": program, "username": "bot", "password_env": "SUPERVISOR_PASSWORD"}

    def adapter(self, program: str = "payments", password: str = "geheim") -> SupervisorAdapter:
        secrets = {"SUPERVISOR_PASSWORD": password}
        registry = self._registry("supervisor_program", self.settings(program), name=program)
        return SupervisorAdapter(registry, lambda name: secrets.get(name, ""))

    def act(self, verb: str, program: str = "payments", **changes: Any) -> Act:
        request = self.settings(program) | ({"lines": 20} if verb == "tail_log" else {}) | changes.pop("request", {})
        changes.setdefault("name", program)
        return self._act(
            "supervisor", f"supervisor.{verb}", changes.pop("kind", "supervisor_program"), request, **changes
        )


@pytest.fixture
async def bench(folder: Path, registry: Callable[..., Registry], act: Callable[..., Act]) -> Bench:
    found = Bench(folder, registry, act)
    for _ in range(100):
        with contextlib.suppress(Transient):
            if await found.adapter().identify(found.act("start")) is None:
                break
        await asyncio.sleep(0.1)
    await found.adapter().act(found.act("start"), "run/start/1", _quiet)
    return found


async def _quiet(line: str) -> None:
    return None


async def test_X1_restart_gives_a_new_process_and_tells_how_it_went(bench: Bench, told: Any) -> None:
    result = await bench.adapter().act(bench.act("restart"), "run/restart/1", told)
    assert result.ok
    assert result.data["before"]["state"] == result.data["after"]["state"] == "RUNNING"
    assert result.data["before"]["pid"] != result.data["after"]["pid"]
    assert told.lines == ["payments is RUNNING"]
    assert "geheim" not in result.model_dump_json()


async def test_stop_and_start_are_harmless_when_repeated(bench: Bench) -> None:
    adapter = bench.adapter()
    for verb, state in (("stop", "STOPPED"), ("stop", "STOPPED"), ("start", "RUNNING"), ("start", "RUNNING")):
        result = await adapter.act(bench.act(verb), "run/x/1", _quiet)
        assert result.ok, result.summary
        assert result.data["after"]["state"] == state


async def test_E1_tail_reads_both_logs(bench: Bench) -> None:
    for _ in range(50):
        result = await bench.adapter().act(bench.act("tail_log"), "run/tail/1", _quiet)
        if "a warning" in result.output and "listening" in result.output:  # each is written when its program gets to it
            break
        await asyncio.sleep(0.05)
    assert "listening" in result.output
    assert "--- stderr ---\na warning" in result.output


async def test_a_program_that_does_not_come_back_is_said_and_not_raised(bench: Bench) -> None:
    adapter = bench.adapter("fragile")
    await adapter.act(bench.act("start", "fragile"), "run/start/1", _quiet)
    (bench.folder / "broken").touch()
    result = await adapter.act(bench.act("restart", "fragile"), "run/restart/1", _quiet)
    (bench.folder / "broken").unlink()
    assert not result.ok
    assert "stopped, but not started" in result.summary
    assert result.data["after"]["state"] in ("EXITED", "FATAL", "BACKOFF")


async def test_T36_identify_wants_kind_environment_name_and_the_live_program(bench: Bench) -> None:
    adapter = bench.adapter()
    assert await adapter.identify(bench.act("restart")) is None
    wrong = [
        bench.act("restart", kind="redis_database"),
        bench.act("restart", name="checkout"),
        bench.act("restart", environment="prod"),
        bench.act("restart", request={"program": "fragile"}),
        bench.act("restart", request={"url": "unix:///elsewhere"}),
    ]
    for act in wrong:
        assert await adapter.identify(act) is not None
    denied = await bench.adapter("nobody").identify(bench.act("restart", "nobody"))
    assert denied is not None
    assert denied.code == "target_gone"


@pytest.mark.parametrize("program", ["*", "all", "payments:*", "payments:", "", "-x", None, ["payments"]])
async def test_T42_groups_and_everything_are_blocked(bench: Bench, program: Any) -> None:
    act = bench.act("stop", request={"program": program})
    assert bench.adapter().forbidden(act) is not None
    with pytest.raises(Permanent):
        await bench.adapter().act(act, "run/x/1", _quiet)


async def test_T42_unknown_operations_are_blocked(bench: Bench) -> None:
    for verb in ("shutdown", "stop_all", "restart_all", ""):
        assert bench.adapter().forbidden(bench.act(verb)) is not None


async def test_missing_or_wrong_password_changes_nothing(bench: Bench) -> None:
    with pytest.raises(Permanent, match="SUPERVISOR_PASSWORD"):
        await bench.adapter(password="").act(bench.act("restart"), "run/x/1", _quiet)
    with pytest.raises(Permanent, match="refused"):
        await bench.adapter(password="wrong").act(bench.act("restart"), "run/x/1", _quiet)


async def test_supervisord_that_is_down_is_transient(
    registry: Callable[..., Registry], act: Callable[..., Act]
) -> None:
    settings = {"url": "unix:///nonexistent/s.sock", "program": "payments"}
    adapter = SupervisorAdapter(registry("supervisor_program", settings), lambda name: "")
    with pytest.raises(Transient):
        await adapter.act(act("supervisor", "supervisor.restart", "supervisor_program", settings), "run/x/1", _quiet)


async def test_T52_a_lost_answer_between_stop_and_start_is_ambiguous(
    registry: Callable[..., Registry], act: Callable[..., Act]
) -> None:
    """A supervisord that answers looks and stops, and falls silent at the start."""
    sent: list[str] = []
    info = (
        "<struct><member><name>name</name><value>payments</value></member><member><name>statename</name>"
        "<value>RUNNING</value></member><member><name>pid</name><value><int>5</int></value></member></struct>"
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        method = (await reader.readexactly(length)).decode().partition("<methodName>")[2].partition("<")[0]
        sent.append(method.removeprefix("supervisor."))
        if not method.endswith("startProcess"):
            value = info if method.endswith("Info") else "<boolean>1</boolean>"
            body = f"<methodResponse><params><param><value>{value}</value></param></params></methodResponse>"
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    settings = {"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "program": "payments"}
    adapter = SupervisorAdapter(registry("supervisor_program", settings), lambda name: "")
    try:
        with pytest.raises(Ambiguous, match="was stopped"):
            await adapter.act(
                act("supervisor", "supervisor.restart", "supervisor_program", settings), "run/x/1", _quiet
            )
    finally:
        server.close()
        await asyncio.sleep(0.05)
    assert sent == ["getProcessInfo", "stopProcess", "startProcess"]
