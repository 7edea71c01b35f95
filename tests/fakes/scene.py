"""A scene: equipment over a real store with the requests people make, and short words for what tests look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from bot.flow import Flow
from bot.incident import Incident, Signal
from bot.membership import Groups
from bot.requests import Requests
from bot.services import Person
from bot.stages.base import Equipment
from bot.stages.correlate import Correlated, correlate
from bot.stages.reply import Reply
from bot.store import approvals, entries, incidents, runs
from bot.store.approvals import Approval
from bot.store.inbox import Delivered
from bot.store.outbox import OUTBOX
from bot.store.runs import Run
from bot.transcript import Entry
from tests.fakes.equipment import START, Clock, ListJournal, World, everything_promoted, make_equipment


@dataclass
class Scene:
    """A bot without an engine and without sockets: what it would start and wake is written down."""

    equipment: Equipment
    world: World
    clock: Clock
    requests: Requests
    started: list[str] = field(default_factory=list)
    woken: list[tuple[str, str]] = field(default_factory=list)

    def person(self, name: str) -> Person:
        found = self.equipment.people.by_id(name)
        assert found is not None
        return found

    async def read(self, work: Callable[[Session], Any]) -> Any:
        return await self.equipment.store.read(work)

    async def write(self, work: Callable[[Session], Any]) -> Any:
        return await self.equipment.store.write(work)

    async def fold(self, *signals: Signal) -> Correlated:
        """Correlate signals in one transaction, as triage does with a batch."""
        arrived = [(delivered(number, signal), signal) for number, signal in enumerate(signals, 1)]
        return await self.write(lambda s: correlate(s, arrived, self.equipment, self.clock()))

    async def incident(self, external_id: str = "PINC1") -> Incident:
        found = await self.read(lambda s: incidents.find(s, "pagerduty", external_id))
        assert found is not None
        return found

    async def ask(self, who: str = "ana", runbook: str = "restart-service") -> Reply:
        return await self.requests.run_runbook(runbook, "payments", None, self.person(who), "C0PAY")

    async def approval(self) -> Approval:
        """The newest question of the newest run."""
        return (await self.read(lambda s: approvals.for_run(s, self.started[-1])))[-1]

    async def vote(self, who: str = "ben", approve: bool = True, reason: str = "") -> Reply:
        return await self.requests.vote((await self.approval()).id, self.person(who), approve, reason, "", "")

    async def run(self) -> Run:
        found = await self.read(lambda s: runs.get(s, self.started[-1]))
        assert found is not None
        return found

    async def carry_out(self, journal: ListJournal | None = None) -> str:
        """The newest run, from the start to its outcome."""

        async def look(_incident_id: str) -> None:
            return None

        return await Flow(self.equipment, look).carry_out(self.started[-1], journal or ListJournal())

    async def entries(self, external_id: str = "PINC1") -> list[Entry]:
        incident = await self.incident(external_id)
        return await self.read(lambda s: entries.for_incident(s, incident.id))

    async def kinds(self, external_id: str = "PINC1") -> list[str]:
        return [entry.kind.value for entry in await self.entries(external_id)]

    async def outbox(self, destination: str = "", kind: str = "") -> list[dict[str, Any]]:
        """Rows of the outbox, oldest first."""
        found = await self.read(lambda s: [dict(row) for row in s.connection().execute(select(OUTBOX)).mappings()])
        return [row for row in found if destination in ("", row["destination"]) and kind in ("", row["kind"])]

    def change(self, **changes: Any) -> None:
        """Replace parts of the equipment, as a restart with another configuration would: new people, new groups."""
        if "people" in changes:
            changes.setdefault("groups", Groups(changes["people"], "T1", self.clock))
        if {"library", "policy"} & set(changes):
            library, policy = (
                changes.get("library", self.equipment.library),
                changes.get("policy", self.equipment.policy),
            )
            changes.setdefault("promotions", everything_promoted(policy, self.equipment.library, library))
        self.equipment = replace(self.equipment, **changes)
        self.requests = make_requests(self.equipment, self.started, self.woken)


def delivered(number: int, signal: Signal) -> Delivered:
    """The stored delivery a signal came from."""
    return Delivered(number, signal.source, signal.key, {}, b"{}", START)


def make_requests(equipment: Equipment, started: list[str], woken: list[tuple[str, str]]) -> Requests:
    """Requests whose starts and wakes go into lists."""

    async def start(run_id: str) -> None:
        started.append(run_id)

    async def wake(run_id: str, topic: str) -> bool:
        woken.append((run_id, topic))
        return True

    return Requests(equipment, start, wake)


@asynccontextmanager
async def scene(folder: Path, **changes: Any) -> AsyncIterator[Scene]:
    """A scene over a new store. changes: fields of Equipment to replace."""
    equipment, world, clock = await make_equipment(folder, **changes)
    started: list[str] = []
    woken: list[tuple[str, str]] = []
    try:
        yield Scene(equipment, world, clock, make_requests(equipment, started, woken), started, woken)
    finally:
        await equipment.store.close()
