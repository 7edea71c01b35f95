"""Faults that are real: signals to real processes, settings that a service reads, a database that is not there, a full disk.

Used by the game days (bot/sandbox/gameday/play.py). Everything stays inside the sandbox's folder and its own processes:
nothing of this machine is filled, stopped or slowed down. Must not tell the bot anything: monitors do that.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

from bot.errors import Permanent
from bot.sandbox.demo_service import write_settings
from bot.sandbox.supervisor import Program, Supervisor

BLOCK = b"\0" * 65_536
MEGABYTE = 1 << 20
DAY = 86_400.0
OLD_DAYS = 30.0
"""Age of the files that fill an area: older than any clean-up's limit."""
FILE_BYTES = 1 << 19


async def wedge(supervisor: Supervisor, name: str) -> int:
    """SIGSTOP: the process lives, its port accepts connections, and nothing is ever answered. Returns its process id.

    name: as supervisord knows it, `group:program` for a worker. Raises Permanent when it does not run.
    """
    state = await supervisor.state(name)
    if not state.pid:
        raise Permanent(f"{name} does not run ({state.state}), so it cannot hang")
    os.kill(state.pid, signal.SIGSTOP)
    return state.pid


def misbehave(program: Program, pid: int | None, **how: Any) -> None:
    """Change some settings of a service, which reads them for each request; what was set before stays.

    pid: the process it is about, so that a restart cures it; None for every process until it is mended.
    """
    before = json.loads(program.settings.read_text(encoding="utf-8"))
    before.pop("only_pid", None)  # of an earlier fault, whose process may be gone
    only = {} if pid is None else {"only_pid": pid}
    write_settings(program.settings, **{**before, **how, **only})


class Database:
    """What a service depends on: a port of the loopback address that accepts connections, until it is stopped."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """`127.0.0.1:<port>`."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; nothing happens when it does already. Raises OSError when the port is taken."""
        if self._server is None:
            self._server = await asyncio.start_server(self._greet, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Refuse connections from now on; calling it twice is fine."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    @staticmethod
    async def _greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()


class DiskArea:
    """A bounded area: a folder that counts as full at `size` bytes. It is filled with real files, and never beyond its size.

    safe: folders of it that may be cleaned; kept: files that must never go, made at the beginning.
    """

    def __init__(self, root: Path, size: int, safe: tuple[str, ...], kept: tuple[str, ...]) -> None:
        self.root = root
        self.size = size
        self.safe = safe
        self.kept = kept

    def prepare(self) -> None:
        """Make its folders and the files that must stay, which take a tenth of it together."""
        for name in self.safe:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name in self.kept:
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(file, self.size // 10 // len(self.kept))

    def fill(self, percent: float, now: float, *, old: bool = True) -> float:
        """Put files into its safe folders until it is that full. Returns how full it is then.

        now: seconds since 1970. old: older than any clean-up's limit, all but the first; else of today, which nothing may
        remove. Raises ValueError for more than it holds.
        """
        if not 0 < percent <= 100:
            raise ValueError(f"an area cannot be {percent:g} % full")
        missing = int(self.size * percent / 100) - self.used()
        number = 0
        while missing > 0:
            file = self.root / self.safe[number % len(self.safe)] / f"fill-{number:04d}.log"
            part = min(missing, FILE_BYTES)
            _write(file, part)
            if old and number:  # the first is of today, as in a real folder: it stays
                then = now - OLD_DAYS * DAY
                os.utime(file, (then, then))
            missing -= part
            number += 1
        return self.percent()

    def used(self) -> int:
        """Bytes of all files in it."""
        return sum(file.stat().st_size for file in self.root.rglob("*") if file.is_file() and not file.is_symlink())

    def percent(self) -> float:
        """How full it is."""
        return round(100 * self.used() / self.size, 2)

    def lost(self) -> tuple[str, ...]:
        """The kept files that are gone."""
        return tuple(name for name in self.kept if not (self.root / name).is_file())


def _write(file: Path, size: int) -> None:
    with file.open("wb") as out:
        while size > 0:
            size -= out.write(BLOCK[: min(size, len(BLOCK))])
