"""A small real service to break and mend in the sandbox: `/health`, `/orders`, `/charge`, a log, a ledger of its starts.

Started by supervisord (bot/sandbox/supervisor.py) as `python -m bot.sandbox.demo_service --name payments --port N
--ledger FILE --settings FILE`; watched by the bot over HTTP like any service. Its ledger has one line for each start,
written and synced before it listens, so that "the side effect happened once" can be judged without asking the bot.
Must not know anything of the bot, and must not import it.

The settings file is JSON and read anew for each request, so a change of it needs no restart:
`mode`: `normal` (200), `safe` (200 without its database: charges are kept for later), `slow` (200 after `slow_seconds`)
or `broken` (503); `stop_seconds`: how long it keeps working after SIGTERM, as a service that finishes its requests does;
`error_percent`: so many of a hundred requests are answered 503, evenly spread; `health_lies`: /health says 200 whatever the
rest does; `database`: `host:port` it needs, connected to for each request; `only_pid`: the process that all this is about,
so that a new process is free of it. A file that is missing or unreadable means broken, and says so. Where the sandbox's
orchestrator keeps versions of the service (bot/sandbox/orchestrator.py), customers of /orders are answered by one of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from bot.sandbox import orchestrator

MODES = ("normal", "safe", "slow", "broken")


@dataclass(frozen=True, slots=True)
class Settings:
    """How the service behaves now. reason: why it is broken, as /health and the log say it.

    error_percent: 0 to 100; database: `host:port`, empty when it needs none.
    """

    mode: str = "normal"
    stop_seconds: float = 0.0
    slow_seconds: float = 4.0
    reason: str = "cannot connect to database ledger-db:5432: connection refused"
    error_percent: float = 0.0
    health_lies: bool = False
    database: str = ""

    @classmethod
    def read(cls, path: Path, pid: int | None = None) -> Settings:
        """The settings in that file; a file that cannot be read or understood is itself a way to be broken.

        pid: of the process that asks, this one when not given.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            mode = data.get("mode", "normal")
            if mode not in MODES:
                return cls(mode="broken", reason=f"settings: mode {mode!r} is not one of {', '.join(MODES)}")
            stop, database = float(data.get("stop_seconds", 0.0)), str(data.get("database", ""))
            if data.get("only_pid") not in (None, os.getpid() if pid is None else pid):
                return cls(stop_seconds=stop, database=database)
            return cls(
                mode=mode,
                stop_seconds=stop,
                slow_seconds=float(data.get("slow_seconds", 4.0)),
                reason=str(data.get("reason", cls().reason)),
                error_percent=float(data.get("error_percent", 0.0)),
                health_lies=data.get("health_lies") is True,
                database=database,
            )
        except (OSError, ValueError, TypeError, AttributeError) as error:
            return cls(mode="broken", reason=f"settings cannot be read: {error}")


def write_settings(path: Path, **values: object) -> None:
    """Replace the settings file in one step, so that no request ever reads half of it."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(json.dumps(values) + "\n", encoding="utf-8")
    fresh.replace(path)


@dataclass(frozen=True, slots=True)
class Start:
    """One line of the ledger: who started, as which process, when (UTC ISO text)."""

    name: str
    pid: int
    at: str


def append_start(path: Path, start: Start) -> None:
    """Append one line and sync it: a start that is not on disk has not happened."""
    line = json.dumps({"name": start.name, "pid": start.pid, "at": start.at}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_starts(path: Path) -> list[Start]:
    """Every start of the ledger, oldest first; none when the file is not there yet."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Start(**json.loads(line)) for line in lines if line.strip()]


class DemoService:
    """The service itself: two routes and a log that reads like one."""

    def __init__(self, name: str, settings: Path, *, clock: Callable[[], datetime], chance: random.Random) -> None:
        self.name = name
        self._settings = settings
        self._rollout = orchestrator.rollout_file(settings.parent, name)
        self._clock = clock
        self._chance = chance
        self._started = clock()
        self._owed: Counter[str] = Counter()

    def application(self) -> web.Application:
        """The aiohttp application with its routes."""
        application = web.Application()
        application.router.add_get("/health", self._health)
        application.router.add_get("/orders", self._orders)
        application.router.add_post("/charge", self._charge)
        return application

    def log(self, level: str, text: str) -> None:
        """One line on standard output, which supervisord keeps in the program's log."""
        print(f"{self._clock().isoformat(timespec='milliseconds')} {level:<5} {self.name} {text}", flush=True)

    async def work(self, every_seconds: float) -> None:
        """Pretend to have customers until cancelled, so that the log has something to show."""
        while True:
            await asyncio.sleep(every_seconds)
            settings = Settings.read(self._settings)
            order = self._chance.randrange(10_000, 99_999)
            trouble = await self.trouble(settings, "customers")
            if trouble:
                self.log("ERROR", f"charge order={order} failed: {trouble}")
            else:
                took = int(settings.slow_seconds * 1000) if settings.mode == "slow" else self._chance.randrange(18, 60)
                self.log("INFO", f"charge order={order} amount={self._chance.randrange(5, 250)}.00 took={took}ms")

    async def trouble(self, settings: Settings, route: str) -> str:
        """Why one request cannot be answered well just now, empty when it can. A slow service is slow here.

        route: what is asked for; the share of errors is kept for each by itself, so that no caller gets another's.
        """
        if settings.mode == "broken":
            return settings.reason
        if settings.mode == "slow":
            await asyncio.sleep(settings.slow_seconds)
        needs_database = settings.database and settings.mode != "safe"
        if needs_database and (refused := await cannot_connect(settings.database)):
            return refused
        if self._is_due(route, settings.error_percent):
            return f"upstream reset, {settings.error_percent:g} % of requests fail"
        return ""

    def _is_due(self, counted: str, percent: float) -> bool:
        """Whether this one belongs to so many of a hundred; they are spread evenly."""
        self._owed[counted] += round(percent)
        if self._owed[counted] < 100:
            return False
        self._owed[counted] -= 100
        return True

    def _served_by(self) -> tuple[str, orchestrator.Revision] | None:
        """Which version answers the next customer, `stable` or `canary`; None where nobody keeps versions."""
        if not self._rollout.exists():
            return None
        rollout = orchestrator.read(self._rollout)
        if rollout.canary is not None and self._is_due("canary", rollout.canary.weight):
            return "canary", rollout.canary.revision
        return "stable", rollout.present

    async def _health(self, _request: web.Request) -> web.Response:
        settings = Settings.read(self._settings)
        uptime = (self._clock() - self._started).total_seconds()
        trouble = "" if settings.health_lies else await self.trouble(settings, "/health")
        if trouble:
            self.log("ERROR", f"GET /health 503 {trouble}")
            return web.json_response({"status": "unavailable", "reason": trouble}, status=503)
        self.log("INFO", "GET /health 200")
        return web.json_response({"status": "ok", "service": self.name, "uptime_seconds": round(uptime, 3)})

    async def _orders(self, _request: web.Request) -> web.Response:
        """What a customer sees: the list of orders, read from the database where the service has one."""
        trouble = await self.trouble(Settings.read(self._settings), "/orders")
        headers: dict[str, str] = {}
        if served := self._served_by():
            track, revision = served
            headers = {"X-Version": revision.version, "X-Track": track}
            if self._is_due(f"errors of {track}", revision.error_percent):
                trouble = trouble or f"{revision.version} ({track}): unexpected answer of the new ledger client"
        if trouble:
            self.log("ERROR", f"GET /orders 503 {trouble}")
            return web.json_response({"error": trouble}, status=503, headers=headers)
        self.log("INFO", "GET /orders 200")
        return web.json_response({"orders": []}, headers=headers)

    async def _charge(self, _request: web.Request) -> web.Response:
        settings = Settings.read(self._settings)
        trouble = await self.trouble(settings, "/charge")
        if trouble:
            return web.json_response({"error": trouble}, status=503)
        return web.json_response({"charged": settings.mode != "safe", "kept": settings.mode == "safe"})


async def cannot_connect(address: str) -> str:
    """Why nothing can be had from `host:port` within a second, empty when it accepts a connection."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        return f"cannot connect to database {address}: {getattr(error, 'strerror', None) or error or 'no answer'}"
    writer.close()
    return ""


async def serve(arguments: argparse.Namespace) -> int:
    """Write the ledger line, listen, work until SIGTERM or SIGINT, then finish as slowly as the settings say."""

    def clock() -> datetime:
        return datetime.now(UTC)

    service = DemoService(arguments.name, arguments.settings, clock=clock, chance=random.Random(arguments.name))  # noqa: S311  # reason: invented order numbers, no secret
    append_start(arguments.ledger, Start(name=arguments.name, pid=os.getpid(), at=clock().isoformat()))
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop.set)
    runner = web.AppRunner(service.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", arguments.port).start()
    service.log("INFO", f"listening on 127.0.0.1:{arguments.port}, pid {os.getpid()}")
    customers = asyncio.create_task(service.work(arguments.work_every))
    try:
        await asked_to_stop.wait()
        pause = Settings.read(arguments.settings).stop_seconds
        service.log("INFO", f"asked to stop, finishing open requests ({pause:g} s)")
        await asyncio.sleep(pause)
    finally:
        customers.cancel()
        await runner.cleanup()
    service.log("INFO", "stopped")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line of one service process."""
    made = argparse.ArgumentParser(prog="demo_service", description="A small service for the sandbox.")
    made.add_argument("--name", required=True)
    made.add_argument("--port", required=True, type=int)
    made.add_argument("--ledger", required=True, type=Path)
    made.add_argument("--settings", required=True, type=Path)
    made.add_argument("--work-every", type=float, default=1.0, help="seconds between invented requests")
    return made


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(parser().parse_args())))
