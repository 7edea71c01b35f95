"""A real worker over one state folder: inbox, triage, requests, flow, engine and reconciler, and people who answer.

Run by tests/scenarios/kill/nursery.py and killed by tests/scenarios/test_kill.py. What it did to the world is in
`ledger`, one line per act, appended and synced before the act answers: a kill cannot take a line back.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.adapters.base import ActResult, Progress
from bot.assembly import new_id
from bot.engine.durable import Engine
from bot.engine.lock import ProcessLock
from bot.facts.base import FactRequest
from bot.flow import Flow
from bot.incident import Incident
from bot.plan import Act
from bot.reconciler import Reconciler
from bot.requests import Requests
from bot.services import Catalogue, Person
from bot.stages.asking import ask_for
from bot.stages.base import Equipment
from bot.stages.plan import make_plan
from bot.store import approvals, incidents, outbox, runs, workers
from bot.store.inbox import Inbox
from bot.telemetry import configure_logging
from bot.triage import Triage
from guards import Deny, Policy
from runbooks.load import Library
from tests.fakes.equipment import POLICY, make_equipment

RUNBOOK = "three-acts"
ACTS = ("first", "second", "third")
SERVICES = 6
HERE = Path(__file__).resolve().parent


def append(path: Path, line: str) -> None:
    """One line, on disk when this returns."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{line}\n".encode())
    os.fsync(handle)
    os.close(handle)


def lines(path: Path) -> list[list[str]]:
    """The lines of a ledger, each split at spaces."""
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


class LedgerAdapter:
    """Does one thing: adds a line to the ledger, at some moment within the act."""

    name = "supervisor"

    def __init__(self, ledger: Path, dice: random.Random) -> None:
        self._ledger = ledger
        self._dice = dice

    def forbidden(self, act: Act) -> Deny | None:
        return None

    async def identify(self, act: Act) -> Deny | None:
        return None

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        if act.operation == "supervisor.restart":
            await asyncio.sleep(self._dice.random() * 0.06)
            append(self._ledger, f"{key.replace('/', ' ')} {act.target.name} {os.getpid()}")
            await progress("the line is written")
            await asyncio.sleep(self._dice.random() * 0.06)
        return ActResult(ok=True, summary="did it", output="OK", took_seconds=0.01)


class LedgerFact:
    """Healthy as soon as anything was done to the service."""

    kind = "http"

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        touched = any(line[3] == request.service.name for line in lines(self._ledger))
        return {"status": 200 if touched else 503}


def service(number: int) -> dict[str, Any]:
    """Services with an even number are in prod (somebody else approves), the others in staging (confirmed)."""
    name = f"svc-{number}"
    settings = {"url": "http://127.0.0.1:1/RPC2", "program": name}
    return {
        "name": name,
        "environment": "staging" if number % 2 else "prod",
        "owner": "sre",
        "tier": 2,
        "channel": "C0SVC",
        "targets": [{"kind": "supervisor_program", "name": name, "settings": settings}],
        "facts": {"health": {"kind": "http", "settings": {"url": "http://127.0.0.1:1/health"}}},
        "match": {"pagerduty": [f"PSVC{number}"]},
    }


def webhook(number: int) -> bytes:
    """A PagerDuty event about one of the services."""
    about = number % SERVICES
    event = {
        "id": f"EVENT{number}",
        "event_type": "incident.triggered",
        "occurred_at": datetime.now(UTC).isoformat(),
        "data": {
            "type": "incident",
            "id": f"PINC{number}",
            "title": f"Trouble {number}",
            "urgency": "high",
            "service": {"id": f"PSVC{about}", "summary": f"svc-{about}"},
        },
    }
    return json.dumps({"event": event}).encode()


def utc_now() -> datetime:
    return datetime.now(UTC)


async def make(folder: Path, dice: random.Random) -> Equipment:
    """The equipment of tests/fakes over this folder, with a real clock, the ledger and a boot of its own."""
    ledger = folder / "ledger"
    equipment, _, _ = await make_equipment(
        folder,
        catalogue=Catalogue.model_validate({"services": [service(number) for number in range(SERVICES)]}),
        policy=Policy.from_mapping({**POLICY, "limits": []}),
        library=Library([HERE / "runbooks"]),
        adapters={"supervisor": LedgerAdapter(ledger, dice)},
        fact_sources={"http": LedgerFact(ledger)},
        boot=secrets.token_hex(8),
        clock=utc_now,
        sleep=asyncio.sleep,
        new_id=new_id,
    )
    await equipment.store.write(lambda s: workers.release(s, "w1", "boot1"))
    claimed = await equipment.store.write(
        lambda s: workers.claim(s, equipment.worker, equipment.boot, utc_now(), stale_after=0.0)
    )
    if not claimed:
        raise SystemExit("the worker row could not be claimed")
    await equipment.store.write(outbox.recover)
    return equipment


class World:
    """Alerts that come and people who ask and answer, from stored state only, so that a kill loses nothing."""

    def __init__(self, folder: Path, equipment: Equipment, engine: Engine, inbox: Inbox, triage: Triage) -> None:
        self._folder = folder
        self._equipment = equipment
        self._requests = Requests(equipment, engine.start, engine.wake)
        self._start = engine.start
        self._inbox = inbox
        self._triage = triage

    def person(self, name: str) -> Person:
        found = self._equipment.people.by_id(name)
        if found is None:
            raise LookupError(name)
        return found

    async def run(self) -> None:
        while True:
            await self.alerts()
            await self.ask()
            await self.answer()
            await asyncio.sleep(0.02)

    async def alerts(self) -> None:
        """Keep a few incidents open until the harness says that it is enough; an acknowledged alert is written down."""
        if (self._folder / "enough").exists():
            return
        opened = await self._equipment.store.read(lambda s: incidents.open_incidents(s, 100))
        counts = await self._inbox.counts()
        if len(opened) + counts["waiting"] < SERVICES:
            number = len(lines(self._folder / "acked"))
            await self._inbox.accept("pagerduty", f"EVENT{number}", {}, webhook(number), utc_now())
            append(self._folder / "acked", f"PINC{number}")
            self._triage.wake()

    async def ask(self) -> None:
        """Whoever sees an open incident without a run asks for one."""
        store = self._equipment.store
        opened = await store.read(lambda s: incidents.open_incidents(s, 100))
        busy = {run.incident_id for run in await store.read(runs.open_runs)}
        for incident in opened:
            if incident.id not in busy:
                await self.ask_for(incident)

    async def ask_for(self, incident: Incident) -> None:
        """As bot/requests.py does, but for all three acts at once, so that a kill may come between them."""
        equipment = self._equipment
        service, runbook = equipment.service_of(incident), equipment.library.get(RUNBOOK)
        if service is None or runbook is None:
            raise LookupError(f"{incident.service} or {RUNBOOK}")
        made = make_plan(
            equipment,
            incident=incident,
            service=service,
            runbook=runbook,
            steps=runbook.steps,
            given={},
            facts={},
            requester="ana",
            why="the kill test asked for it",
            created_at=equipment.clock(),
        )
        outcome = await ask_for(equipment, incident, made, RUNBOOK, self.person("ana"), "")
        if outcome.run_id:
            await self._start(outcome.run_id)

    async def answer(self) -> None:
        """Yes to every question of permission; about an unknown outcome the truth, from the ledger."""
        for question in await self._equipment.store.read(approvals.pending):
            if question.kind == "unknown":
                step = question.step_id.partition("/")[0]
                there = any(line[:2] == [question.run_id, step] for line in lines(self._folder / "ledger"))
                word = "done" if there else "retry"
                reply = await self._requests.answer_unknown(question.id, self.person("cora"), word)
                if reply.ok:
                    append(self._folder / "answered", f"{question.id} {word}")
            else:
                who = "ben" if question.kind == "approval" else "ana"
                await self._requests.vote(question.id, self.person(who), True, "", "", "")


async def live(folder: Path, seed: int) -> None:
    """Until SIGTERM; then an orderly stop."""
    configure_logging("ERROR")
    ProcessLock(folder / "countersign.lock").acquire()
    dice = random.Random(seed)
    equipment = await make(folder, dice)
    inbox = Inbox.open(folder / "inbox.db")

    async def look_again(incident_id: str) -> None:
        await triage.look_at(incident_id)

    engine = Engine(
        url=f"sqlite:///{folder / 'engine.db'}",
        worker="w1",
        flow=Flow(equipment, look_again).carry_out,
        poll=0.05,
        threads=4,
    )
    triage = Triage(equipment, inbox, engine.wake, poll=0.1)
    reconciler = Reconciler(equipment, engine, look_again, every=0.2)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    engine.launch()
    world = World(folder, equipment, engine, inbox, triage)
    parts = [asyncio.create_task(part) for part in (triage.run(), reconciler.run(), world.run(), stop.wait())]
    (folder / f"ready-{os.getpid()}").touch()
    done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    for part in done:
        part.result()
    for part in parts:
        part.cancel()
    await asyncio.gather(*parts, return_exceptions=True)
    await triage.drain()
    await engine.stop()
    inbox.close()
    await equipment.store.close()
