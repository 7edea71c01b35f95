"""The bot as a process of its own: started like anywhere, killed like anywhere.

Used by bot/sandbox/workspace.py. The bot is `python -m bot serve --config FILE` with an environment; nothing else
connects it with the sandbox. Must not import the bot.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from bot.errors import Permanent

STOP_SECONDS = 10.0
BOT_COMMAND = (sys.executable, "-m", "bot")


class BotProcess:
    """One bot, started as often as needed.

    environ: its whole environment; log: where its output is appended; root: working folder; port: where it listens;
    command: how it is called, before the words of a subcommand.
    """

    def __init__(
        self,
        *,
        configuration: Path,
        environ: Mapping[str, str],
        log: Path,
        root: Path,
        port: int,
        command: tuple[str, ...] = BOT_COMMAND,
    ) -> None:
        self._command = command
        self.log = log
        self.url = f"http://127.0.0.1:{port}"
        self._configuration = configuration
        self._environ = dict(environ)
        self._root = root
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, None when it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self, within: float = 30.0) -> None:
        """Start it and wait until /readyz says 200. Raises Permanent with the end of its log."""
        if self.pid is not None:
            return
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.argv("serve"),
                cwd=self._root,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        try:
            async with asyncio.timeout(within), aiohttp.ClientSession() as session:
                while not await self._ready(session):
                    if self.pid is None:
                        raise Permanent(
                            f"the bot ended at once with code {self._process.returncode}:\n{self.log_tail(20)}"
                        )
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise Permanent(f"the bot was not ready within {within:g} s:\n{self.log_tail(20)}") from error

    async def _ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/readyz", timeout=aiohttp.ClientTimeout(total=2)) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def kill(self) -> None:
        """SIGKILL, as when the machine loses power; wait until it is gone. Nothing happens when it does not run."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def stop(self) -> None:
        """SIGTERM and wait; SIGKILL when it does not go."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            await self.kill()

    async def command(self, *words: str, within: float = 30.0) -> tuple[int, str]:
        """Run another `python -m bot` command with the same configuration. Returns exit code and all output."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *words,
            cwd=self._root,
            env={**self._environ, "COUNTERSIGN_CONFIG": str(self._configuration)},  # not every command has --config
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), within)
        except TimeoutError:
            process.kill()
            await process.wait()
            return 124, f"no end within {within:g} s"
        return process.returncode or 0, output.decode(errors="replace")

    def argv(self, *words: str) -> list[str]:
        """`python -m bot <words> --config FILE`."""
        return [*self._command, *words, "--config", str(self._configuration)]

    def log_tail(self, lines: int) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return "(the bot has not been started)"
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
