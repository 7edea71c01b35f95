"""Runs one listed program with literal arguments, never through a shell (mission E2; trust cases T30, T42, T47, T52).

Called by bot/flow.py with acts planned by bot/operations/command.py. Output is read in pieces and bounded; at the
deadline or at the output limit the whole process group is ended. Must not start anything but the listed program.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog

from bot.adapters.base import ActResult, Progress
from bot.adapters.hard_blocks import blocked, check_argv, check_environment, check_target, is_shell
from bot.adapters.output import Capture
from bot.adapters.process import Process
from bot.adapters.registry import Registry, gone
from bot.errors import Ambiguous, Permanent, Transient
from bot.plan import Act
from guards.decision import Deny

KIND = "command_host"
BASE_ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
OUTPUT_LIMIT = 256 * 1024 * 1024  # bytes; more is a program that has gone wrong (T47)
PROGRESS_EVERY = 0.5  # seconds between two calls of the progress callback
GRACE = 2.0  # seconds between SIGTERM and SIGKILL
MULTICALL = frozenset({"busybox", "coreutils", "toybox"})  # one file behind every tool of small systems

logger = structlog.get_logger(__name__)


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
        return _judged(tuple(names), tuple(argv), tuple(env))

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
        return _check_file(act)  # a few calls of stat on the file that the loop itself is about to start

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
        process = self._start(argv, act, key)
        ticker = _Ticker(process.capture, progress)
        try:
            ended = await process.until_end(act.deadline_seconds)
            if not ended:
                await process.end_group(self._grace)
        except asyncio.CancelledError:
            await asyncio.shield(process.end_group(self._grace))
            raise
        finally:
            await ticker.end()
            process.close()
        capture = process.capture
        if not ended:
            self._raise_unfinished(act, process)
        code = process.code
        return ActResult(
            ok=code == 0,
            summary=_summary(argv, code),
            output=capture.text,
            total_bytes=capture.total,
            sha256=capture.sha256,
            exit_code=code,
            took_seconds=round(loop.time() - started, 3),
        )

    def _start(self, argv: list[str], act: Act, key: str) -> Process:
        environment = {**BASE_ENVIRONMENT, **act.request["env"], "COUNTERSIGN_KEY": key}
        try:
            return Process.start(argv, cwd=act.request["cwd"], environment=environment, limit=self._output_limit)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise Permanent(f"{argv[0]} cannot be started: {error.strerror}") from error
        except OSError as error:
            raise Transient(f"{argv[0]} cannot be started now: {error.strerror}") from error

    def _raise_unfinished(self, act: Act, process: Process) -> None:
        over = process.overflowed
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


class _Ticker:
    """Calls progress with the latest finished line, at most every PROGRESS_EVERY seconds; costs nothing until then.

    A progress callback that fails ends this, never the act; it is logged.
    """

    def __init__(self, capture: Capture, progress: Progress) -> None:
        self._capture = capture
        self._progress = progress
        self._task: asyncio.Task[None] | None = None
        self._first = asyncio.get_running_loop().call_later(PROGRESS_EVERY, self._begin)

    async def end(self) -> None:
        """No more calls from now on."""
        self._first.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._report())
        self._task.add_done_callback(_log_failure)

    async def _report(self) -> None:
        seen = 0
        told = ""
        while True:
            line = self._capture.last_line
            if self._capture.total != seen and line and line != told:
                seen, told = self._capture.total, line
                await self._progress(line)
            await asyncio.sleep(PROGRESS_EVERY)


def _log_failure(ticker: asyncio.Task[None]) -> None:
    if not ticker.cancelled() and (error := ticker.exception()) is not None:
        logger.warning("progress_failed", error=type(error).__name__)


def _summary(argv: list[str], code: int | None) -> str:
    program = shlex.quote(Path(argv[0]).name)
    if code is not None and code < 0:
        return f"{program} was ended by signal {-code}"
    return f"{program} ended with exit code {code}"


@lru_cache(maxsize=512)  # asked twice for every act, the second time by the act itself
def _judged(names: tuple[str, ...], argv: tuple[str, ...], environment: tuple[str, ...]) -> Deny | None:
    """The hard blocks of one command under each of the names that the catalogue gives its program."""
    for name in names:
        found = check_argv([name, *argv[1:]])
        if found is not None:
            return found
    return check_argv(argv) or check_environment(environment)


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
