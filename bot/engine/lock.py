"""One process per state folder: an exclusive lock on a file, taken before anything else starts.

Called by bot/app.py. Two processes on one SQLite engine file would repeat side effects (reference/engine.md pitfall 1).
Must not be released before the process ends; the kernel drops it when the process dies, also by kill -9.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bot.errors import ConfigurationError


class ProcessLock:
    """Holds `<state_dir>/countersign.lock` until the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises ConfigurationError when another process has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise ConfigurationError(
                "another Countersign process is using this state folder.",
                place=str(self._path),
                fix="stop the other process, or give this one its own state_dir (several workers need Postgres).",
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back (tests and orderly stops)."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
