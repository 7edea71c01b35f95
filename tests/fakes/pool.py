"""A pool of workers in memory: the fact that counts them, the adapter that starts and stops them, a service that has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bot.adapters.base import ActResult, Progress
from bot.facts.base import FactRequest
from bot.plan import Act
from bot.services import Catalogue
from guards import Deny
from tests.fakes.equipment import SERVICES
from tests.fakes.scene import Scene

GROUP = "payments-workers"
URL = "unix:///run/s.sock"
TARGET = {
    "kind": "supervisor_pool",
    "name": GROUP,
    "settings": {
        "url": URL,
        "group": GROUP,
        "pattern": GROUP + ":worker_{number:02d}",
        "most": 12,
        "unit_cost": 0.5,
    },
}
FACT = {"kind": "supervisor_pool", "settings": {"url": URL, "group": GROUP}}


def workers(*numbers: int) -> list[str]:
    """Full names of workers."""
    return [f"{GROUP}:worker_{number:02d}" for number in numbers]


@dataclass
class Pool:
    """What runs. weak: what never comes up although it is started, or never settles after a restart; after: called when an
    act is over. restarted: in order; quiet: there is no log to read.
    """

    running: set[str] = field(default_factory=lambda: set(workers(*range(6))))
    weak: set[str] = field(default_factory=set)
    acts: list[str] = field(default_factory=list)
    after: Callable[[Act], Awaitable[None]] | None = None
    restarted: list[str] = field(default_factory=list)
    quiet: bool = False
    kind: str = "supervisor_pool"
    name: str = "supervisor_pool"

    async def observe(self, _request: FactRequest) -> dict[str, Any]:
        """The fact."""
        count = len(self.running)
        healthy = count - len(self.weak & set(self.restarted))
        return {"running": count, "total": 12, "healthy": healthy, "names": sorted(self.running)}

    def forbidden(self, _act: Act) -> Deny | None:
        """Nothing is."""
        return None

    async def identify(self, _act: Act) -> Deny | None:
        """It is what it says."""
        return None

    async def act(self, act: Act, _key: str, _progress: Progress) -> ActResult:
        """Start, stop or restart what the act names."""
        self.acts.append(act.shown)
        names = set(act.request["names"])
        if act.request["verb"] == "tail":
            return ActResult(ok=not self.quiet, summary="the logs of some")
        if act.request["verb"] == "restart":
            self.restarted += act.request["names"]
            if self.after is not None:
                await self.after(act)
            return ActResult(ok=True, summary="did it")
        self.running = self.running | (names - self.weak) if act.request["verb"] == "start" else self.running - names
        if self.after is not None:
            await self.after(act)
        return ActResult(ok=True, summary="did it")


def with_pool(scene: Scene) -> Pool:
    """Give payments a pool of twelve workers of which six run, and let the equipment reach it."""
    service = SERVICES["services"][0]
    found = {**service, "targets": [*service["targets"], TARGET], "facts": {**service["facts"], "pool": FACT}}
    pool = Pool()
    equipment = scene.equipment
    scene.change(
        catalogue=Catalogue.model_validate({"services": [found]}),
        adapters={**equipment.adapters, pool.name: pool},
        fact_sources={**equipment.fact_sources, pool.kind: pool},
    )
    return pool
