"""A real redis-server for the sandbox's caches, when this machine has the binary. No root, no account, nothing on disk.

Started by bot/sandbox/workspace.py, filled and counted by the story clear-cache; the bot reaches the same server through
its own adapter and does not know this module. Must not clear anything: that is what the bot is asked to do.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.errors import Permanent

PROGRAM = "redis-server"
STOP_SECONDS = 5.0


class RedisServer:
    """One server on the loopback address. binary: its path; folder: of its log and working directory."""

    def __init__(self, binary: str, folder: Path, port: int) -> None:
        self._binary = binary
        self._folder = folder
        self._port = port
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:<port>`, without a database."""
        return f"redis://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """Its process id, None when it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def argv(self) -> list[str]:
        """The command: keeps nothing on disk, listens on the loopback address only."""
        return [
            self._binary,
            *("--port", str(self._port)),
            *("--bind", "127.0.0.1"),
            *("--save", ""),
            *("--appendonly", "no"),
            *("--dir", str(self._folder)),
            *("--logfile", str(self._log)),
        ]

    @property
    def _log(self) -> Path:
        return self._folder / "redis.log"

    async def start(self, within: float = 10.0) -> None:
        """Start it and wait until it answers. Raises Permanent with the end of its log."""
        self._process = await asyncio.create_subprocess_exec(
            *self.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(within):
                while not await self._answers():
                    if self.pid is None:
                        raise Permanent(f"{PROGRAM} ended at once: {self._log_tail()}")
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise Permanent(f"{PROGRAM} was not ready within {within:g} s: {self._log_tail()}") from error

    async def stop(self) -> None:
        """SIGTERM and wait; SIGKILL when it does not go. Nothing happens when it does not run."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def fill(self, database: int, keys: int) -> None:
        """Put `keys` keys into one database."""
        async with self._in(database) as redis:
            await redis.mset({f"price:{number}": "stale" for number in range(keys)})

    async def count(self, database: int) -> int:
        """Number of keys in one database."""
        async with self._in(database) as redis:
            return int(await redis.dbsize())

    async def _answers(self) -> bool:
        try:
            async with self._in(0) as redis:
                return bool(await redis.ping())
        except (RedisError, OSError):
            return False

    def _in(self, database: int) -> Redis:
        return Redis(host="127.0.0.1", port=self._port, db=database, single_connection_client=True)

    def _log_tail(self) -> str:
        if not self._log.exists():
            return "(no log)"
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
