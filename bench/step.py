"""A step with durable intent, audit and transcript beside the journaled subprocess: intent fsynced, `true`, result fsynced.

Ours is bot.stages.execute.execute over the real store with the real command adapter; the limit is the least that survives a
crash: one row before, the subprocess, one row after, each commit with an fsync. The two are taken in turns, one by one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from bench.botprocess import ENVIRONMENT, PEOPLE, POLICY, RUNBOOK, service
from bench.processes import Failed
from bench.report import Figure, Round, compared, percentile
from bench.run import Run
from bench.sampler import Sampler

PROGRAM = "/bin/true"
DDL = "CREATE TABLE journal (id INTEGER PRIMARY KEY, intent TEXT NOT NULL, at REAL NOT NULL, result TEXT, ended REAL)"
WHY = "four fsynced commits and hops between threads for what the limit does with two commits in its own thread"


class Journal:
    """The limit: what durability alone costs."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(DDL)

    async def step(self) -> None:
        """Intent, act, result."""
        add = "INSERT INTO journal (intent, at) VALUES (?, ?)"
        key = self._connection.execute(add, (PROGRAM, time.time())).lastrowid
        process = await asyncio.create_subprocess_exec(
            PROGRAM, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        result = f"{process.returncode} {output!r}"
        self._connection.execute("UPDATE journal SET result = ?, ended = ? WHERE id = ?", (result, time.time(), key))

    def close(self) -> None:
        self._connection.close()


class Steps:
    """Ours: runs that are approved, leased and ready to act."""

    def __init__(self, equipment: Any, plan: Any, incident: Any) -> None:
        self._equipment = equipment
        self._plan = plan
        self._incident = incident
        self._made = 0

    @classmethod
    async def open(cls, folder: Path) -> Steps:
        """A store with one incident, the bench's runbook and the real command adapter."""
        from bot.stages.plan import make_plan
        from bot.store import incidents

        equipment = await make_equipment(folder)
        now = datetime.now(UTC)
        incident = an_incident(now)
        await equipment.store.write(lambda s: incidents.save(s, incident))
        runbook = equipment.library.get("run-true")
        plan = make_plan(
            equipment,
            incident=incident,
            service=equipment.catalogue.services[0],
            runbook=runbook,
            steps=runbook.steps,
            given={},
            facts={},
            requester="alice",
            why="bench",
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )
        if not hasattr(plan, "digest"):
            raise Failed(f"no plan can be made: {plan}")
        return cls(equipment, plan, incident)

    async def ready(self, *, past: int = 0) -> Any:
        """A fresh run that holds its target, outside the time that is taken; past: acts of earlier runs to add."""
        from bot.store import attempts, leases, runs

        self._made += 1
        new = f"run_{self._made:016d}"
        act, now = self._plan.steps[0].act, datetime.now(UTC)

        def work(session: Any) -> None:
            for number in range(past):
                old, before = f"run_past{number:012d}", now - timedelta(days=1)
                runs.create(session, self._run(runs, old, before))
                attempts.intend(session, old, "run", 1, act, "w1", before)
                attempts.finish(session, old, "run", 1, "done", {}, before)
                runs.close(session, old, "succeeded", "", before)
            previous = f"run_{self._made - 1:016d}"
            leases.release(session, previous)
            runs.close(session, previous, "succeeded", "", now)
            runs.create(session, self._run(runs, new, now))
            leases.acquire(session, {act.target.key}, new, now)

        await self._equipment.store.write(work)
        return new

    def _run(self, runs: Any, run_id: str, at: datetime) -> Any:
        return runs.Run(
            id=run_id, incident_id=self._incident.id, proposal_id="", plan=self._plan, digest=self._plan.digest,
            state="running", outcome="", requester="alice", created_at=at, started_at=at,
        )  # fmt: skip

    async def step(self, run_id: str) -> None:
        """One attempt, as bot/flow.py makes it."""
        from bot.stages.execute import Attempt, execute

        ended = await execute(self._equipment, Attempt(run_id, 0, 1))
        if ended["state"] != "done":
            raise Failed(f"the step ended as {ended}")

    async def check(self, steps: int) -> None:
        """Every step left its intent, result, audit rows and transcript entries."""
        from sqlalchemy import text

        def count(session: Any) -> list[int]:
            queries = (
                "SELECT count(*) FROM attempt WHERE state = 'done' AND run_id NOT LIKE 'run_past%'",
                "SELECT count(*) FROM audit",
                "SELECT count(*) FROM entry WHERE kind IN ('started', 'executed')",
            )
            return [int(session.connection().execute(text(query)).scalar_one()) for query in queries]

        found = await self._equipment.store.read(count)
        if found != [steps, 2 * steps, 2 * steps]:
            raise Failed(f"{steps} steps left {found} (attempts, audit rows, entries)")

    async def close(self) -> None:
        await self._equipment.store.close()


def an_incident(now: datetime) -> Any:
    """The incident that the steps belong to."""
    from bot.incident import Incident, IncidentStatus, Severity

    return Incident(
        id="inc_bench", source="pagerduty", external_id="PBENCH", title="BenchDown: bench", status=IncidentStatus.TRIGGERED,
        severity=Severity.CRITICAL, service="svc-000", environment=ENVIRONMENT, opened_at=now, updated_at=now,
        alert_name="BenchDown",
    )  # fmt: skip


async def make_equipment(folder: Path) -> Any:
    """The rooms a step needs: real store, guards, policy, redaction, metrics and command adapter."""
    from bot.adapters.command import CommandAdapter
    from bot.adapters.registry import Registry
    from bot.facts.disk import DiskFact
    from bot.incident import IncidentStatus
    from bot.kill_switch import KillSwitch
    from bot.membership import Groups
    from bot.redact import Redactor
    from bot.roster import OPERATIONS
    from bot.services import Catalogue, People
    from bot.stages.base import Equipment
    from bot.store import workers
    from bot.store.session import Store
    from bot.telemetry import Metrics
    from guards.context import Calendar
    from guards.policy import Policy
    from runbooks.ladder import Ladder
    from runbooks.load import Library
    from runbooks.promotion_records import PromotionRecords

    books = folder / "runbooks"
    books.mkdir()
    (books / "run-true.yaml").write_text(RUNBOOK, encoding="utf-8")
    catalogue = Catalogue.model_validate(yaml.safe_load(yaml.safe_dump({"services": [service(0, folder)]})))
    store = await Store.open(f"sqlite+aiosqlite:///{folder / 'app.db'}")
    await store.write(lambda s: workers.claim(s, "w1", "boot1", now(), 30.0))

    async def live(_incident: Any) -> Any:
        return IncidentStatus.TRIGGERED

    return Equipment(
        store=store,
        catalogue=catalogue,
        people=People.model_validate(PEOPLE),
        policy=Policy.from_mapping(POLICY),
        library=Library([books]),
        operations=OPERATIONS,
        adapters={"command": CommandAdapter(Registry(catalogue))},
        fact_sources={"disk": DiskFact()},
        sources={},
        kill_switch=KillSwitch(store, folder / "kill_switch", now),
        redactor=Redactor(["xoxb-bench-token"], b"key"),
        metrics=Metrics(),
        worker="w1",
        boot="boot1",
        clock=now,
        sleep=asyncio.sleep,
        new_id=lambda prefix: f"{prefix}_{time.monotonic_ns():016d}",
        live_status=live,
        wake=lambda: None,
        calendar=lambda _now: Calendar(),
        groups=Groups(People.model_validate(PEOPLE), "T1", now),
        pagerduty=True,
        jira=False,
        servicenow=False,
        promotions=PromotionRecords(ladder=Ladder(ENVIRONMENT)),
    )


def now() -> datetime:
    """UTC now."""
    return datetime.now(UTC)


async def one_round(journal: Journal, steps: Steps, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of the limit and of ours, one by one in turns."""
    floor: list[float] = []
    mine: list[float] = []
    for _ in range(count):
        run_id = await steps.ready()
        began = time.perf_counter()
        await journal.step()
        between = time.perf_counter()
        await steps.step(run_id)
        floor.append((between - began) * 1e3)
        mine.append((time.perf_counter() - between) * 1e3)
    return floor, mine


async def measure(run: Run) -> AsyncIterator[list[Figure]]:
    """The step in a young store, and after a thousand earlier acts (guards look at the last 31 days)."""
    count, past = (10, 100) if run.quick else (20, 1_000)
    young = [await in_fresh_store(run, count) for _ in range(run.rounds)]
    yield [figure("step with intent, audit and transcript", young)]
    aged = [await in_fresh_store(run, max(count // 2, 5), past=past) for _ in range(run.rounds)]
    yield [figure(f"the same after {past:,} acts in the last month", aged)]
    if run.profile is not None:
        await profiled(run)


async def in_fresh_store(run: Run, count: int, *, past: int = 0) -> tuple[list[float], list[float]]:
    """One round over databases of its own, so that the steps of earlier rounds are not this one's history."""
    with run.folder("step") as folder:
        journal, steps = Journal(folder / "journal.db"), await Steps.open(folder)
        try:
            await steps.ready(past=past)
            await one_round(journal, steps, 3)
            found = await one_round(journal, steps, count)
            await steps.check(3 + count)
        finally:
            journal.close()
            await steps.close()
    return found


def figure(name: str, found: list[tuple[list[float], list[float]]]) -> Figure:
    """The row of the table: medians per round; p99 beside it."""
    rounds = [Round(median(floor), median(mine)) for floor, mine in found]
    extra = {
        "ours_p99": percentile([value for _, mine in found for value in mine], 0.99),
        "limit_p99": percentile([value for floor, _ in found for value in floor], 0.99),
        "samples": sum(len(mine) for _, mine in found),
    }
    limit = "asyncio subprocess `true`, intent and result fsynced in SQLite"
    return compared(name, "ms", rounds, "at most", 3, limit_is=limit, why=WHY, extra=extra)


async def profiled(run: Run) -> None:
    """Where the time of our step goes, after few acts."""
    place = run.profile_of("step")
    if place is None:
        return
    sampler = Sampler()
    sampler.start()
    for _ in range(10):
        with run.folder("step") as folder:
            steps = await Steps.open(folder)
            for _ in range(20):
                await steps.step(await steps.ready())
            await steps.close()
    sampler.ended.set()
    sampler.join()
    place.write_text(sampler.report(), encoding="utf-8")
