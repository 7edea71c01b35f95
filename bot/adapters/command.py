"""Runs one listed program with literal arguments, never through a shell (mission E2; trust cases T30, T42, T47, T52).

Called by bot/flow.py with acts planned by bot/operations/command.py. Output is read in pieces and bounded; at the
deadline or at the output limit the whole process group is ended. Must not start anything but the listed program.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import structlog

from bot.adapters.base import ActResult, Progress
from bot.adapters.hard_blocks import blocked, check_argv, check_environment, check_target, is_shell
from bot.adapters.output import Capture
from bot.adapters.registry import Registry, gone
from bot.errors import Ambiguous, Permanent, Transient
from bot.plan import Act
from guards.decision import Deny

KIND = "command_host"
BASE_ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
OUTPUT_LIMIT = 256 * 1024 * 1024  # bytes; more is a program that has gone wrong (T47)
PROGRESS_EVERY = 0.5  # seconds between two calls of the progress callback
GRACE = 2.0  # seconds between SIGTERM and SIGKILL
DRAIN = 1.0  # seconds for the rest of the output when the program has ended but something still holds its pipe
MULTICALL = frozenset({"busybox", "coreutils", "toybox"})  # one file behind every tool of small systems

logger = structlog.get_logger(__name__)


class _Process(asyncio.SubprocessProtocol):
    """Collects output as it comes; `exited` and `closed` are set when the program ended and its pipe was closed."""

    def __init__(self, limit: int) -> None:
        self.capture = Capture()
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self.overflowed = asyncio.Event()
        self._limit = limit
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if self.overflowed.is_set():
            return
        self.capture.feed(data)
        if self.capture.total > self._limit:
            self.overflowed.set()
            pipe = self._transport.get_pipe_transport(fd) if self._transport else None
            if isinstance(pipe, asyncio.ReadTransport):
                pipe.pause_reading()  # else an endless writer would keep the loop busy until it is dead

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.closed.set()

    def process_exited(self) -> None:
        self.exited.set()


class CommandAdapter:
    """Carries `command.run`."""

    name = "command"

    def __init__(self, registry: Registry, *, output_limit: int = OUTPUT_LIMIT, grace: float = GRACE) -> None:
        self._registry = registry
        self._output_limit = output_limit
        self._grace = grace

    def forbidden(self, act: Act) -> Deny | None:
        """Hard blocks: target, argument list, environment, a program that the catalogue does not list."""
        found = check_target(act, ("command.run",))
        if found is not None:
            return found
        argv, cwd, env = act.request.get("argv"), act.request.get("cwd"), act.request.get("env")
        if (
            set(act.request) != {"argv", "cwd", "env"}
            or not (isinstance(argv, list) and argv and all(isinstance(a, str) for a in argv))
            or not isinstance(cwd, str)
            or not (isinstance(env, dict) and all(isinstance(v, str) for v in env.values()))
        ):
            return blocked("a command that is not a plain argument list")
        if not argv[0].startswith("/") or "/../" in argv[0]:
            return blocked("a program without an absolute path")
        settings = self._registry.settings(act, KIND)
        if isinstance(settings, Deny):
            return settings
        programs = settings.get("allowed_programs")
        # the name in the catalogue counts too: `tool: /opt/x` is judged by both
        names = [n for n, path in programs.items() if path == argv[0]] if isinstance(programs, dict) else []
        if not names:
            return blocked(f"running {argv[0]}, which services.yaml does not list")
        for name in names:
            found = check_argv([name, *argv[1:]])
            if found is not None:
                return found
        return check_argv(argv) or check_environment(env)

    async def identify(self, act: Act) -> Deny | None:
        """The catalogue still says the same, the program is an executable file and not a shell behind a link."""
        settings = self._registry.settings(act, KIND)
        if isinstance(settings, Deny):
            return settings
        for key, default in (("cwd", "/"), ("env", {})):
            if settings.get(key, default) != act.request.get(key):
                return Deny(
                    "target_changed",
                    f"{act.target.key}: {key} in the plan is not what services.yaml says.",
                    "Make a new plan from the present catalogue.",
                )
        return await asyncio.to_thread(_check_file, act)

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        """Run it once. Raises Permanent or Transient when it was not started; at the deadline or the output limit the
        group is ended and Ambiguous is raised, or Transient (deadline) and Permanent (limit) for an idempotent act.
        """
        refused = self.forbidden(act)
        if refused is not None:
            raise Permanent(refused.reason)
        argv: list[str] = act.request["argv"]
        loop = asyncio.get_running_loop()
        started = loop.time()
        transport, process = await self._started(argv, act, key)
        ticker = asyncio.create_task(_report(process.capture, progress))
        ticker.add_done_callback(_log_failure)
        try:
            ended = await self._until_end(process, act.deadline_seconds)
            if not ended:
                await self._end_group(transport, process)
        except asyncio.CancelledError:
            await asyncio.shield(self._end_group(transport, process))
            raise
        finally:
            ticker.cancel()
            await asyncio.wait({ticker})
            transport.close()
        capture = process.capture
        if not ended:
            self._raise_unfinished(act, process)
        code = transport.get_returncode()
        return ActResult(
            ok=code == 0,
            summary=_summary(argv, code),
            output=capture.text,
            total_bytes=capture.total,
            sha256=capture.sha256,
            exit_code=code,
            took_seconds=round(loop.time() - started, 3),
        )

    async def _started(self, argv: list[str], act: Act, key: str) -> tuple[asyncio.SubprocessTransport, _Process]:
        """Spawn; when cancelled in the middle, end what was just started with its whole group, not only its leader."""
        spawning = asyncio.create_task(self._spawn(argv, act, key))
        try:
            return await asyncio.shield(spawning)
        except asyncio.CancelledError:
            await asyncio.wait({spawning})
            if not spawning.cancelled() and spawning.exception() is None:
                transport, process = spawning.result()
                await self._end_group(transport, process)
                transport.close()
            raise

    async def _spawn(self, argv: list[str], act: Act, key: str) -> tuple[asyncio.SubprocessTransport, _Process]:
        loop = asyncio.get_running_loop()
        environment = {**BASE_ENVIRONMENT, **act.request["env"], "COUNTERSIGN_KEY": key}
        try:
            transport, process = await loop.subprocess_exec(
                lambda: _Process(self._output_limit),
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=act.request["cwd"],
                env=environment,
                start_new_session=True,
            )
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise Permanent(f"{argv[0]} cannot be started: {error.strerror}") from error
        except OSError as error:
            raise Transient(f"{argv[0]} cannot be started now: {error.strerror}") from error
        return transport, process

    async def _until_end(self, process: _Process, deadline: float) -> bool:
        """True when it ended by itself; False at the deadline or the output limit."""
        exited = asyncio.create_task(process.exited.wait())
        overflowed = asyncio.create_task(process.overflowed.wait())
        try:
            await asyncio.wait({exited, overflowed}, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        finally:
            exited.cancel()
            overflowed.cancel()
        if process.overflowed.is_set() or not process.exited.is_set():
            return False
        # a background child may hold the pipe for ever; the program itself has ended and its exit code is known
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.closed.wait(), DRAIN)
        return not process.overflowed.is_set()

    async def _end_group(self, transport: asyncio.SubprocessTransport, process: _Process) -> None:
        """SIGTERM to the whole group, SIGKILL after the grace, then wait for the exit: nothing is left behind."""
        group = transport.get_pid()
        _signal_group(group, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.exited.wait(), self._grace)
        _signal_group(group, signal.SIGKILL)  # also when the leader went: its children may have ignored SIGTERM
        await process.exited.wait()

    def _raise_unfinished(self, act: Act, process: _Process) -> None:
        over = process.overflowed.is_set()
        limit = (
            f"more than {self._output_limit} bytes of output" if over else f"no end within {act.deadline_seconds:g} s"
        )
        last = process.capture.last_line
        words = f"{limit}; the process group was ended" + (f"; last line: {last}" if last else "")
        if not act.idempotent:
            raise Ambiguous(words)
        if over:
            raise Permanent(words)
        raise Transient(words)


async def _report(capture: Capture, progress: Progress) -> None:
    """Call progress with the latest finished line, at most every PROGRESS_EVERY seconds, until cancelled.

    A progress callback that fails ends this task, never the act; it is logged.
    """
    seen = 0
    told = ""
    while True:
        await asyncio.sleep(PROGRESS_EVERY)
        line = capture.last_line
        if capture.total == seen or not line or line == told:
            continue
        seen, told = capture.total, line
        await progress(line)


def _log_failure(ticker: asyncio.Task[None]) -> None:
    if not ticker.cancelled() and (error := ticker.exception()) is not None:
        logger.warning("progress_failed", error=type(error).__name__)


def _signal_group(group: int, number: signal.Signals) -> None:
    # the group may be gone already, which is what is wanted
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _summary(argv: list[str], code: int | None) -> str:
    program = shlex.quote(Path(argv[0]).name)
    if code is not None and code < 0:
        return f"{program} was ended by signal {-code}"
    return f"{program} ended with exit code {code}"


def _check_file(act: Act) -> Deny | None:
    """Follow the program's links one by one; none may be called like a shell."""
    argv: Any = act.request.get("argv")
    path = Path(argv[0])
    for _ in range(40):
        if is_shell(path.name) and path.name not in MULTICALL:
            return blocked(f"running {argv[0]}, which is {path.name}")
        if not path.is_symlink():
            break
        path = path.parent / path.readlink()
    try:
        mode = path.stat().st_mode
    except OSError:
        return gone(act.target)
    if not stat.S_ISREG(mode) or not os.access(path, os.X_OK):
        return gone(act.target)
    if not Path(act.request["cwd"]).is_dir():
        return gone(act.target)
    return None
