"""One started program: its output in a bounded capture, its end, and the end of its whole process group.

Used by bot/adapters/command.py. Not asyncio's own subprocess transport: that one starts a thread for every program (on
Python 3.11) and can be cancelled half-way through a start. Here a start is one synchronous call, so there is nothing
between the last look before the act and the act. Must not decide what may be started, and starts no shell.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from bot.adapters.output import Capture

DRAIN = 1.0  # seconds for the rest of the output when the program has ended but something still holds its pipe
PIECE = 262_144  # bytes of output taken at once
OpenPidfd = Callable[[int], int]
PIDFD: OpenPidfd | None = getattr(os, "pidfd_open", None)  # Linux; elsewhere a thread waits for each program


class Process:
    """A running program, made by `start` in the running loop. capture: its output so far. overflowed: it wrote too much.

    code: its exit code once `over`; the negative number of a signal that ended it.
    """

    def __init__(self, program: subprocess.Popen[bytes], limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._program = program
        self._limit = limit
        self._pidfd = -1
        self._output = program.stdout.fileno() if program.stdout else -1
        # futures, not events: waiting for one needs no task of its own
        self._exited: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self.capture = Capture()
        self.overflowed = False

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        cwd: str,
        environment: Mapping[str, str],
        limit: int,
        pidfd_open: OpenPidfd | None = PIDFD,
    ) -> Self:
        """Start argv[0], an absolute path, in a process group of its own. limit: bytes of output. Raises OSError."""
        program = subprocess.Popen(
            list(argv),
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(environment),
            start_new_session=True,
        )
        made = cls(program, limit)
        os.set_blocking(made._output, False)
        made._loop.add_reader(made._output, made._read)
        made._watch(pidfd_open)
        return made

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._program.returncode

    async def until_end(self, deadline: float) -> bool:
        """True when it ended by itself; False at the deadline (seconds) or the output limit."""
        await asyncio.wait({self._over}, timeout=deadline)
        if self.overflowed or not self._exited.done():
            return False
        # a background child may hold the pipe for ever; the program itself has ended and its exit code is known
        if not self._closed.done():
            await asyncio.wait({self._closed}, timeout=DRAIN)
        return not self.overflowed

    async def end_group(self, grace: float) -> None:
        """SIGTERM to the whole group, SIGKILL after the grace, then wait for the exit: nothing is left behind."""
        self._signal(signal.SIGTERM)
        await asyncio.wait({self._exited}, timeout=grace)
        self._signal(signal.SIGKILL)  # also when the leader went: its children may have ignored SIGTERM
        await asyncio.wait({self._exited})

    def close(self) -> None:
        """Take no more output."""
        self._stop_reading()
        if self._program.stdout is not None:
            self._program.stdout.close()

    def _signal(self, number: signal.Signals) -> None:
        # the group may be gone already, which is what is wanted
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._program.pid, number)

    def _read(self) -> None:
        try:
            data = os.read(self._output, PIECE)
        except BlockingIOError:
            return
        if not data:
            self._stop_reading()
            return
        self.capture.feed(data)
        if self.capture.total > self._limit:
            self.overflowed = True
            self._stop_reading()  # else an endless writer would keep the loop busy until it is dead
            _resolve(self._over)

    def _stop_reading(self) -> None:
        if not self._closed.done():
            self._loop.remove_reader(self._output)
            self._closed.set_result(None)

    def _watch(self, pidfd_open: OpenPidfd | None) -> None:
        if pidfd_open is not None:
            with contextlib.suppress(OSError):  # an old kernel, or a sandbox that does not know the call
                self._pidfd = pidfd_open(self._program.pid)
        if self._pidfd >= 0:
            self._loop.add_reader(self._pidfd, self._ended)
        else:
            threading.Thread(target=self._wait, name="program-end", daemon=True).start()

    def _wait(self) -> None:
        self._program.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        self._program.wait()  # at once: it has ended
        _resolve(self._exited)
        _resolve(self._over)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
