"""Versions of one demo service in the sandbox: the orchestrator's file and programs, a monitor, and a canary that grows.

Used by bot/sandbox/gameday/world.py for scenarios with `setup: deployment`. What services.yaml says of it is made here, as a
person would write it for a real cluster and a real metric store. Must not decide anything, and must not tell the bot anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from bot.sandbox import orchestrator
from bot.sandbox.monitor import PATH, Monitor
from bot.sandbox.orchestrator import NAMESPACE, Revision, Rollout

FIRST = "v2.4.1"
"""Runs when the sandbox begins; the one that GitHub told of twelve minutes before (bot/sandbox/deployment.py)."""
NEXT = "v2.4.2"
CANARY_WEIGHT = 20.0
STEP = 5.0
STEP_EVERY = 5.0
"""A canary begins with CANARY_WEIGHT per cent of the customers and gets STEP more every STEP_EVERY seconds, until it is held."""


class Rollouts:
    """The versions of one service. folder: of the sandbox; address: the service's base URL; port: of the figures."""

    def __init__(self, service: str, folder: Path, address: str, port: int) -> None:
        self.service = service
        self.file = orchestrator.rollout_file(folder, service)
        self._folder = folder
        self._address = address
        self._programs: dict[str, str] = {}
        self._port = port
        self._monitor = Monitor(address, self.read)
        self._task: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Write the first version and the programs."""
        orchestrator.write(self.file, Rollout(self.service, (Revision(1, FIRST),)))
        self._programs = orchestrator.install(self._folder, self.file)

    def entry(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Targets and facts for services.yaml."""
        names = {"namespace": NAMESPACE, "deployment": self.service, "rollout": f"{self.service}-canary"}
        settings = {"allowed_programs": self._programs, "cwd": str(self._folder), "names": names}
        url = f"http://127.0.0.1:{self._port}{PATH}"

        def figures(read: dict[str, str]) -> dict[str, Any]:
            return {"kind": "figures", "settings": {"answers": [{"url": url, "read": read}]}}

        canary = {name: f"/canary/{name}" for name in ("error_percent", "baseline_percent", "paused", "weight")}
        return [{"kind": "command_host", "name": f"{self.service}-cluster", "settings": settings}], {
            "errors": figures({"percent": "/errors/percent"}),
            "deployment": figures({"revision": "/deployment/revision", "version": "/deployment/version"}),
            "canary": figures(canary),
        }

    async def start(self) -> None:
        """Measure, and let canaries grow. Raises OSError when the port is taken."""
        await self._monitor.start(self._port)
        self._task = asyncio.create_task(self._grow())

    async def stop(self) -> None:
        """Stop what was started; calling it twice is fine."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._monitor.stop()

    def read(self) -> Rollout:
        """What the orchestrator's file says now."""
        return orchestrator.read(self.file)

    async def answering(self) -> str:
        """The stable version that really answers a customer, without asking the orchestrator; empty when none does."""
        timeout = aiohttp.ClientTimeout(total=3.0)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                for _ in range(3):  # the canary answers some
                    async with session.get(f"{self._address}/orders") as answer:
                        if answer.headers.get("X-Track") == "stable":
                            return answer.headers["X-Version"]
        except (aiohttp.ClientError, TimeoutError):
            return ""
        return ""

    @property
    def canary(self) -> str:
        """`none`, `growing`, `paused` or `aborted`."""
        canary = self.read().canary
        return canary.state if canary else "none"

    def release(self, error_percent: float) -> None:
        """The next version serves everybody, and so many per cent of them get errors."""
        orchestrator.change(self.file, partial(orchestrator.deploy, version=NEXT, error_percent=error_percent))

    def release_canary(self, error_percent: float) -> None:
        """The next version serves some customers, more of them from step to step."""
        begin = partial(orchestrator.begin_canary, version=NEXT, error_percent=error_percent, weight=CANARY_WEIGHT)
        orchestrator.change(self.file, begin)

    def mend(self) -> None:
        """Somebody at a terminal brings the first version back, for everybody."""
        orchestrator.change(self.file, partial(orchestrator.deploy, version=FIRST, error_percent=0.0))

    async def _grow(self) -> None:
        while True:
            await asyncio.sleep(STEP_EVERY)
            orchestrator.change(self.file, partial(orchestrator.grow, step=STEP))
