"""Fact `process`: processes of this machine by name or pid file. {running, count, rss_bytes, cpu_seconds}

Settings {name} or {pid_file}. Reads /proc only (Linux); a machine without it is a gap. name: the program's file name,
as `ps -o comm` shows it or as the first argument's last part. Not running is a value.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from bot.errors import Permanent
from bot.facts.base import FactRequest
from bot.facts.settings import FactSettings, settings_of

COMM = 15  # the kernel cuts comm to 15 bytes (proc(5))


class ProcessSettings(FactSettings):
    """Exactly one of name and pid_file."""

    name: str = Field(default="", pattern=r"\A[A-Za-z0-9._+-]{0,64}\z")
    pid_file: str = Field(default="", pattern=r"\A(/.*)?\z")


class ProcessFact:
    """Observes facts of kind `process`. proc: where /proc is mounted."""

    kind = "process"

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._tick = os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """Look once. Raises Permanent when both or neither of name and pid_file are set, or without /proc."""
        settings = settings_of(ProcessSettings, request.settings)
        if bool(settings.name) == bool(settings.pid_file):
            raise Permanent("services.yaml: a process fact needs either name or pid_file")
        return await asyncio.to_thread(self._look, settings)

    def _look(self, settings: ProcessSettings) -> dict[str, Any]:
        if not (self._proc / "self").exists():
            raise Permanent(f"{self._proc} is not there")
        figures = [found for pid in self._pids(settings) if (found := self._figures(pid)) is not None]
        return {
            "running": bool(figures),
            "count": len(figures),
            "rss_bytes": sum(rss for rss, _ in figures),
            "cpu_seconds": round(sum(cpu for _, cpu in figures), 2),
        }

    def _pids(self, settings: ProcessSettings) -> Iterator[str]:
        if settings.pid_file:
            try:
                text = Path(settings.pid_file).read_text(encoding="ascii", errors="replace")[:32].strip()
            except OSError:
                return  # without its pid file a daemon does not run
            if text.isascii() and text.isdecimal():
                yield text
            return
        for entry in self._proc.iterdir():
            if entry.name.isdecimal() and settings.name in self._names(entry):
                yield entry.name

    def _names(self, entry: Path) -> tuple[str, ...]:
        try:
            comm = (entry / "comm").read_text(errors="replace").rstrip("\n")
            first = (entry / "cmdline").read_bytes().split(b"\0", 1)[0].decode(errors="replace")
        except OSError:
            return ()  # it ended while we looked
        whole = first.rpartition("/")[2]
        return (whole,) if len(comm) == COMM and whole.startswith(comm) else (comm, whole)

    def _figures(self, pid: str) -> tuple[int, float] | None:
        """Resident bytes and CPU seconds; None when it ended or is a zombie."""
        try:
            stat = (self._proc / pid / "stat").read_text(errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
        if fields[0] in ("Z", "X"):
            return None
        return int(fields[21]) * self._page, (int(fields[11]) + int(fields[12])) / self._tick
