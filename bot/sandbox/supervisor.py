"""A real supervisord around the demo services, started by the sandbox and stopped with it. No root, no account.

Used by bot/sandbox/workspace.py and by the stories (through it), which break services with it; the bot reaches the same
daemon through its own adapter and does not know this module. supervisord comes from PyPI and runs with this interpreter.
Must not restart anything by itself: `autorestart=false`, because mending is the bot's job.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.errors import Permanent, Transient
from bot.sandbox.worker_pool import WorkerPool


@dataclass(frozen=True, slots=True)
class Program:
    """One demo service: where it listens and the three files that belong to it.

    start_seconds: supervisord calls it RUNNING, and answers a start, when it has lived this long (its `startsecs`).
    """

    name: str
    port: int
    ledger: Path
    settings: Path
    log: Path
    start_seconds: int = 1

    @property
    def argv(self) -> list[str]:
        """The command that supervisord runs."""
        return [
            sys.executable,
            "-m",
            "bot.sandbox.demo_service",
            *("--name", self.name),
            *("--port", str(self.port)),
            *("--ledger", str(self.ledger)),
            *("--settings", str(self.settings)),
        ]


@dataclass(frozen=True, slots=True)
class ProgramState:
    """What supervisord says of a program. state: its own word (`RUNNING`, `EXITED`); pid: 0 when it has none."""

    name: str
    state: str
    pid: int
    description: str


def quoted(argument: str) -> str:
    """One argument for supervisord's `command=`, which splits like a shell and expands `%`."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


class Supervisor:
    """One supervisord. folder: where its configuration, log and pid file go; root: where programs are started.

    It listens on `socket` only, a file that nobody else can open, so there is no password to keep. The socket lies in
    a folder of its own, because a Unix socket's path may have at most 107 bytes.
    """

    def __init__(
        self, folder: Path, programs: tuple[Program, ...], *, root: Path, pool: WorkerPool | None = None
    ) -> None:
        self.folder = folder
        self.programs = programs
        self.pool = pool
        self._root = root
        self._socket_folder = Path(tempfile.mkdtemp(prefix="countersign-"))
        self.socket = self._socket_folder / "supervisor.sock"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id of supervisord, None when it was not started or has ended."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    def configuration(self) -> str:
        """The text of supervisord.conf."""
        lines = [
            "[supervisord]",
            "nodaemon=true",
            f"logfile={plain(self.folder / 'supervisord.log')}",
            f"pidfile={plain(self.folder / 'supervisord.pid')}",
            f"childlogdir={plain(self.folder)}",
            "",
            "[unix_http_server]",
            f"file={plain(self.socket)}",
            "chmod=0700",
            "",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for program in self.programs:
            lines += [
                "",
                f"[program:{program.name}]",
                f"command={' '.join(quoted(argument) for argument in program.argv)}",
                f"directory={plain(self._root)}",
                "autostart=true",
                "autorestart=false",
                f"startsecs={program.start_seconds}",
                "startretries=0",
                "stopwaitsecs=20",
                "killasgroup=true",
                "stopasgroup=true",
                "redirect_stderr=true",
                f"stdout_logfile={plain(program.log)}",
                "stdout_logfile_maxbytes=1MB",
                "stdout_logfile_backups=1",
            ]
        for section, entries in (self.pool.sections() if self.pool else {}).items():
            lines += ["", f"[{section}]"]
            for key, value in entries.items():
                lines.append(f"{key}={' '.join(map(quoted, value)) if isinstance(value, list) else value}")
        return "\n".join(lines) + "\n"

    async def start(self, within: float = 20.0) -> None:
        """Start it and wait until every program runs. Raises Permanent with the end of its log when that fails."""
        file = self.folder / "supervisord.conf"
        file.touch(mode=0o600)
        file.write_text(self.configuration(), encoding="utf-8")
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(file)),
            cwd=self._root,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(within):
                while not await self._all_running():  # noqa: ASYNC110 - another process, there is no event to wait for
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise Permanent(f"supervisord was not ready within {within:g} s: {self.log_tail()}") from error

    async def _all_running(self) -> bool:
        if self.pid is None:
            raise Permanent(f"supervisord ended at once: {self.log_tail()}")
        try:
            begun = [program.name for program in self.programs]
            begun += self.pool.names(self.pool.running) if self.pool else []
            return all([(await self.state(name)).state == "RUNNING" for name in begun])
        except Transient:
            return False

    async def call(self, method: str, *arguments: Any) -> Any:
        """One XML-RPC call (`supervisor.` is put before the method). Transient: no answer; Permanent: it says no."""
        body = xmlrpc.client.dumps(arguments, f"supervisor.{method}")
        try:
            async with (
                aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(self.socket))) as session,
                session.post(
                    "http://localhost/RPC2",
                    data=body.encode(),
                    headers={"Content-Type": "text/xml"},
                    timeout=aiohttp.ClientTimeout(total=30),
                ) as response,
            ):
                answer = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise Transient(f"supervisord does not answer {method}: {error!r}") from error
        try:
            return xmlrpc.client.loads(answer)[0][0]
        except xmlrpc.client.Fault as fault:
            raise Permanent(f"supervisord refuses {method}{arguments}: {fault.faultString}") from fault

    async def state(self, name: str) -> ProgramState:
        """What it says of one program now. Raises Transient, or Permanent for an unknown name."""
        info = await self.call("getProcessInfo", name)
        return ProgramState(
            name=name, state=str(info["statename"]), pid=int(info["pid"]), description=str(info["description"])
        )

    async def running(self, group: str) -> list[str]:
        """Full names of the processes of a group that run, sorted. Raises Transient."""
        states = await self.call("getAllProcessInfo")
        found = [
            f"{group}:{info['name']}" for info in states if info["group"] == group and info["statename"] == "RUNNING"
        ]
        return sorted(found)

    async def kill(self, name: str) -> int:
        """SIGKILL the program as the kernel would when memory runs out, and wait until supervisord has seen it.

        Returns the process id it had. Raises Permanent when it does not run or does not end.
        """
        before = await self.state(name)
        if not before.pid:
            raise Permanent(f"{name} does not run ({before.state}), so it cannot be killed")
        os.kill(before.pid, signal.SIGKILL)
        await self.wait(name, lambda now: now.state == "EXITED", "to have ended")
        return before.pid

    async def start_program(self, name: str) -> None:
        """Start it, unless it runs already, and wait until it counts as running."""
        if (await self.state(name)).state not in ("RUNNING", "STARTING"):
            await self.call("startProcess", name, True)
        await self.wait(name, lambda now: now.state == "RUNNING", "to run")

    async def wait(
        self, name: str, wanted: Callable[[ProgramState], bool], what: str, within: float = 20.0
    ) -> ProgramState:
        """Poll until `wanted(state)` is true. Raises Permanent with the last state when it never is."""
        last = await self.state(name)
        deadline = asyncio.get_running_loop().time() + within
        while not wanted(last):
            if asyncio.get_running_loop().time() > deadline:
                raise Permanent(f"waited {within:g} s for {name} {what}; it is {last.state}, {last.description}")
            await asyncio.sleep(0.05)
            last = await self.state(name)
        return last

    async def stop(self) -> None:
        """Stop the programs and supervisord; what does not go within 5 s is killed. Nothing is left running."""
        process = self._process
        children: list[int] = []
        try:
            children = await self._children()
        finally:
            if process is not None and process.returncode is None:
                process.terminate()
                await self._ended(process, children)
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    @staticmethod
    async def _ended(process: asyncio.subprocess.Process, children: list[int]) -> None:
        """Wait for supervisord; then kill its programs, so that it reaps them and goes; then kill it too."""
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            for pid in children:
                kill_group(pid)
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _children(self) -> list[int]:
        if self.pid is None:
            return []
        try:
            states = await self.call("getAllProcessInfo")
        except (Transient, Permanent):
            return []
        return [int(info["pid"]) for info in states if info["pid"]]

    def log_tail(self, lines: int = 10) -> str:
        """The last lines of supervisord's own log, for messages."""
        file = self.folder / "supervisord.log"
        return "\n".join(file.read_text(encoding="utf-8").splitlines()[-lines:]) if file.exists() else "(no log)"


def kill_group(pid: int) -> None:
    """SIGKILL a program and what it started; supervisord puts each program into a process group of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def plain(path: Path) -> str:
    """A path for supervisord.conf, where `%` starts an expansion."""
    return str(path).replace("%", "%%")
