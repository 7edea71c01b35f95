"""What a monitor measures of one demo service: it asks `/orders` several times a second as customers do, and serves the figures.

Used by bot/sandbox/rollouts.py. The figures are measured from outside over HTTP, never read from the orchestrator, so that a
roll-back that changes nothing proves nothing; only what the orchestrator alone knows (revision, weight, paused) is asked of it.
Must not tell the bot anything: the bot reads them with its fact kind `figures`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web

from bot.sandbox.listener import Listener
from bot.sandbox.orchestrator import Rollout

PROBE_EVERY = 0.1
"""Seconds between two questions."""
PROBE_SECONDS = 2.0
WINDOW = 50
"""Answers that count, the newest; about five seconds."""
PATH = "/figures"
CANARY = "canary"


class Monitor:
    """Measures one service. address: its base URL; rollout: what the orchestrator says of it now."""

    def __init__(self, address: str, rollout: Callable[[], Rollout]) -> None:
        self._address = address
        self._rollout = rollout
        self._listener = Listener()
        self._task: asyncio.Task[None] | None = None
        self._answers: dict[str, deque[bool]] = {
            track: deque(maxlen=WINDOW) for track in ("everybody", "stable", CANARY)
        }

    async def start(self, port: int) -> str:
        """Serve the figures on that port and begin to ask. Returns their URL. Raises OSError when the port is taken."""
        application = web.Application()
        application.router.add_get(PATH, self._serve)
        url = await self._listener.start(application, port)
        self._task = asyncio.create_task(self._ask())
        return f"{url}{PATH}"

    async def stop(self) -> None:
        """Ask no more, and close the port; calling it twice is fine."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._listener.stop()

    def count(self, track: str, well: bool) -> None:
        """One answer. track: `stable` or `canary`, who gave it, empty when nobody says; well: it was no error."""
        for name in ("everybody", track):
            if name in self._answers:
                self._answers[name].append(well)

    def figures(self) -> dict[str, Any]:
        """What is served. A share without a single answer is None, which proves nothing."""
        rollout = self._rollout()
        canary = rollout.canary
        return {
            "errors": {"percent": self._percent("everybody"), "answers": len(self._answers["everybody"])},
            "deployment": {"revision": rollout.present.number, "version": rollout.present.version},
            "canary": canary
            and {
                "error_percent": self._percent(CANARY),
                "baseline_percent": self._percent("stable"),
                "paused": canary.paused,
                "weight": canary.weight,
            },
        }

    def _percent(self, track: str) -> float | None:
        answers = self._answers[track]
        return round(100 * answers.count(False) / len(answers), 1) if answers else None

    async def _serve(self, _request: web.Request) -> web.Response:
        return web.json_response(self.figures())

    async def _ask(self) -> None:
        timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                try:
                    async with session.get(f"{self._address}/orders") as answer:
                        self.count(answer.headers.get("X-Track", ""), answer.status < 500)
                except (aiohttp.ClientError, TimeoutError):
                    self.count("", False)  # customers get nothing either
                await asyncio.sleep(PROBE_EVERY)
