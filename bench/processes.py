"""Processes under measurement: started on loopback, pinned to one core, always ended.

Used by every figure. The server has one core and whatever drives it has the other, as reference/performance.md did.
Must not know what is measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench import reference

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
DRIVER_CORE = CORES[-1]
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A process did not do what it was started for; the words hold the end of its output."""


class Process:
    """A running process. output: the file that its stdout and stderr go to."""

    def __init__(self, inner: asyncio.subprocess.Process, output: Path) -> None:
        self._inner = inner
        self.output = output

    @property
    def pid(self) -> int:
        return self._inner.pid

    @property
    def alive(self) -> bool:
        return self._inner.returncode is None

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self) -> float:
        """Resident memory now."""
        return _status(self.pid, "VmRSS")

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.output.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    async def kill(self) -> None:
        """SIGKILL for the whole group, and wait."""
        if self.alive:
            os.killpg(self.pid, signal.SIGKILL)
        await self._inner.wait()

    async def end(self, within: float = 10.0) -> None:
        """SIGTERM, then SIGKILL."""
        if self.alive:
            self._inner.terminate()
            try:
                await asyncio.wait_for(self._inner.wait(), within)
            except TimeoutError:
                await self.kill()

    async def wait(self, within: float) -> int:
        try:
            return await asyncio.wait_for(self._inner.wait(), within)
        except TimeoutError as error:
            raise Failed(f"no end within {within:g} s:\n{self.tail()}") from error


@asynccontextmanager
async def running(
    argv: Sequence[str], output: Path, *, environ: Mapping[str, str] | None = None, core: int | None = SERVER_CORE
) -> AsyncIterator[Process]:
    """A process in a group of its own, killed at the end whatever happens."""
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        inner = await asyncio.create_subprocess_exec(
            *argv,
            cwd=reference.ROOT,
            env=dict(os.environ if environ is None else environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    process = Process(inner, output)
    try:
        if core is not None:
            os.sched_setaffinity(inner.pid, {core})
        yield process
    finally:
        await process.kill()


def free_port() -> int:
    """A port that nobody listens on now, below those that the kernel hands out by itself, so that it stays free."""
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(18_000, 30_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


async def answers(port: int, path: str, process: Process, *, within: float, every: float = 0.002) -> str:
    """Ask until the server answers 200 and return the body. Raises Failed when the process ends or time is up."""
    ask = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    try:
        async with asyncio.timeout(within):
            while True:
                if not process.alive:
                    raise Failed(f"it ended at once:\n{process.tail()}")
                head, body = await _once(port, ask)
                if head.startswith(b"HTTP/1.1 200"):
                    return body.decode()
                await asyncio.sleep(every)
    except TimeoutError as error:
        raise Failed(f"no answer on {path} within {within:g} s:\n{process.tail()}") from error


async def _once(port: int, ask: bytes) -> tuple[bytes, bytes]:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return b"", b""
    try:
        writer.write(ask)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return head, body
    except OSError:
        return b"", b""
    finally:
        writer.close()


@asynccontextmanager
async def limit_server(mode: str, folder: Path) -> AsyncIterator[tuple[Process, str]]:
    """`limits.py serve --mode …` and the address to storm."""
    port = free_port()
    script = str(reference.find("limits.py"))
    argv = [sys.executable, script, "serve", "--mode", mode, "--port", str(port), "--db", str(folder / f"{mode}.db")]
    async with running(argv, folder / f"{mode}.log") as process:
        await _listening(port, process)
        yield process, f"http://127.0.0.1:{port}/hook"


async def _listening(port: int, process: Process, within: float = 15.0) -> None:
    try:
        async with asyncio.timeout(within):
            while not (await _once(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))[0]:
                if not process.alive:
                    raise Failed(f"it ended at once:\n{process.tail()}")
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise Failed(f"nobody listens after {within:g} s:\n{process.tail()}") from error


async def storm(
    url: str, folder: Path, *, count: int, groups: int, concurrency: int = 32, rate: float = 0
) -> dict[str, Any]:
    """Run storm.py against a server; its own figures. Raises Failed when it does not answer with them."""
    argv = [
        sys.executable, str(reference.find("storm.py")), "--url", url, "--secret", reference.SECRET, "--count", str(count),
        "--groups", str(groups), "--concurrency", str(concurrency), "--rate", str(rate),
    ]  # fmt: skip
    output = folder / "storm.log"
    output.unlink(missing_ok=True)
    async with running(argv, output, core=DRIVER_CORE) as process:
        code = await process.wait(120)
    try:
        found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Failed(f"the storm ended with {code}:\n{process.tail()}") from error
    return found


def _status(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0
