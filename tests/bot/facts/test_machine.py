"""Facts about a machine: supervisor (a real one), disk and process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bot.clients.supervisor import SupervisorClient
from bot.errors import Permanent, Transient
from bot.facts.base import FactRequest
from bot.facts.disk import DiskFact
from bot.facts.process import ProcessFact
from bot.facts.supervisor import SupervisorFact

Request = Callable[..., FactRequest]
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
command={python} -c "import time; time.sleep(600)"
startsecs=0
autorestart=false
[program:failing]
command={python} -c "raise SystemExit(7)"
startsecs=0
autorestart=false
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp") as folder:
        config = Path(folder) / "supervisord.conf"
        config.write_text(CONFIG.format(folder=folder, python=sys.executable))
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(SUPERVISORD), "-n", "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(100):
                if (Path(folder) / "s.sock").exists():
                    break
                asyncio.run(asyncio.sleep(0.1))
            yield f"unix://{folder}/s.sock"
        finally:
            process.terminate()
            process.wait(timeout=15)


@pytest.fixture
def fact() -> SupervisorFact:
    return SupervisorFact({"SUPERVISOR_PASSWORD": "geheim", "WRONG": "wrong"}.get)  # type: ignore[arg-type]  # reason: dict.get fits


LOGIN = {"username": "bot", "password_env": "SUPERVISOR_PASSWORD"}


async def seen(fact: SupervisorFact, request: FactRequest, state: str) -> dict[str, object]:
    for _ in range(100):
        value = await fact.observe(request)
        if value["state"] == state:
            return value
        await asyncio.sleep(0.1)
    raise AssertionError(value)


async def test_supervisor_running_and_exited(fact: SupervisorFact, url: str, request_of: Request) -> None:
    running = await seen(fact, request_of(url=url, program="payments", **LOGIN), "RUNNING")
    exited = await seen(fact, request_of(url=url, program="failing", **LOGIN), "EXITED")
    assert isinstance(running["pid"], int)
    assert running["pid"] > 0
    assert datetime.fromisoformat(str(running["since"])).tzinfo is not None
    assert set(running) == {"state", "pid", "uptime_seconds", "description", "exit_status", "since"}
    assert (exited["pid"], exited["exit_status"], exited["uptime_seconds"]) == (0, 7, 0)


async def test_supervisor_failures_are_failures(fact: SupervisorFact, url: str, request_of: Request) -> None:
    with pytest.raises(Transient):
        await fact.observe(request_of(url="unix:///nonexistent", program="payments"))
    for settings in (
        {"url": url, "program": "nobody", **LOGIN},
        {"url": url, "program": "payments", "username": "bot", "password_env": "WRONG"},
        {"url": url, "program": "payments", "username": "bot", "password_env": "UNSET"},
        {"url": url, "program": "*", **LOGIN},
        {"url": url},
        {"url": url, "program": "payments", "password": "geheim"},
    ):
        with pytest.raises(Permanent):
            await fact.observe(request_of(**settings))
    assert SupervisorClient(url)


async def test_disk_is_what_df_says(tmp_path: Path, request_of: Request) -> None:
    value = await DiskFact().observe(request_of(path=str(tmp_path)))
    assert 0 <= value["used_percent"] <= 100
    assert 0 < value["free_bytes"] <= value["total_bytes"]


async def test_disk_figures(request_of: Request) -> None:
    # bsize, frsize, blocks, bfree, bavail, files, ffree, favail, flag, namemax: 5 % of 100 blocks kept for root
    figures = os.statvfs_result((4096, 4096, 100, 20, 15, 0, 0, 0, 0, 255))
    value = await DiskFact(lambda path: figures).observe(request_of(path="/data"))
    assert value == {"path": "/data", "used_percent": 84.21, "free_bytes": 15 * 4096, "total_bytes": 100 * 4096}


async def test_disk_of_a_bounded_folder_is_what_its_files_take(tmp_path: Path, request_of: Request) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.log").write_bytes(b"x" * 700)
    (tmp_path / "b.log").write_bytes(b"x" * 150)
    (tmp_path / "link").symlink_to("/")
    link = (tmp_path / "link").lstat().st_size
    value = await DiskFact().observe(request_of(path=str(tmp_path), size_bytes=1000))
    assert value == {
        "path": str(tmp_path),
        "used_percent": (850 + link) / 10,
        "free_bytes": 150 - link,
        "total_bytes": 1000,
    }
    full = await DiskFact().observe(request_of(path=str(tmp_path), size_bytes=100))
    assert full["free_bytes"] == 0
    assert full["used_percent"] > 100


@pytest.mark.parametrize("settings", [{"path": "/nonexistent"}, {"path": "relative"}, {}, {"path": 1}])
async def test_disk_without_a_folder_is_a_failure(request_of: Request, settings: dict[str, object]) -> None:
    with pytest.raises(Permanent):
        await DiskFact().observe(request_of(**settings))


def process(proc: Path, pid: int, comm: str, cmdline: bytes, state: str = "S", rss: int = 10) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "comm").write_text(comm + "\n")
    (folder / "cmdline").write_bytes(cmdline)
    fields = [state, *["0"] * 10, "150", "50", *["0"] * 8, str(rss), *["0"] * 28]
    (folder / "stat").write_text(f"{pid} ({comm} x) y) {' '.join(fields)}")


async def test_processes_by_name_and_pid_file(tmp_path: Path, request_of: Request) -> None:
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "uptime").touch()
    process(proc, 10, "payments", b"/usr/bin/payments\0--port\0001")
    process(proc, 11, "payments", b"payments: worker\0")
    process(proc, 12, "a-very-long-nam", b"/opt/a-very-long-name\0")
    process(proc, 13, "payments", b"", state="Z")
    process(proc, 14, "other", b"/bin/other\0payments")
    (tmp_path / "pid").write_text("12\n")
    fact = ProcessFact(proc)
    page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    two = await fact.observe(request_of(name="payments"))
    assert two == {"running": True, "count": 2, "rss_bytes": 20 * page, "cpu_seconds": round(400 / tick, 2)}
    assert (await fact.observe(request_of(name="a-very-long-name")))["count"] == 1
    assert (await fact.observe(request_of(name="a-very-long-nam")))["count"] == 0
    assert (await fact.observe(request_of(pid_file=str(tmp_path / "pid"))))["running"]
    assert (await fact.observe(request_of(name="nobody"))) == {
        "running": False,
        "count": 0,
        "rss_bytes": 0,
        "cpu_seconds": 0,
    }
    assert not (await fact.observe(request_of(pid_file=str(tmp_path / "none"))))["running"]


async def test_processes_of_this_machine(tmp_path: Path, request_of: Request) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("no /proc on this machine")
    (tmp_path / "pid").write_text(str(os.getpid()))
    value = await ProcessFact().observe(request_of(pid_file=str(tmp_path / "pid")))
    assert value["running"]
    assert value["rss_bytes"] > 1_000_000


@pytest.mark.parametrize(
    "settings", [{}, {"name": "a", "pid_file": "/b"}, {"name": "a/b"}, {"name": "*"}, {"pid_file": "x"}]
)
async def test_process_settings_must_name_one_thing(request_of: Request, settings: dict[str, object]) -> None:
    with pytest.raises(Permanent):
        await ProcessFact().observe(request_of(**settings))


async def test_a_machine_without_proc_is_a_failure(tmp_path: Path, request_of: Request) -> None:
    with pytest.raises(Permanent, match="not there"):
        await ProcessFact(tmp_path).observe(request_of(name="a"))
