"""A decision beside one durable commit: a plan of five targets against a policy of 200 rules (docs/policy.md).

Ours is guards.policy.Policy.decide with twenty past acts; the limit is one row committed to SQLite with an fsync, on the
disk under measurement. A decision is made before every act inside the transaction that writes the intent, so one that
costs more than the commit would be felt. The two are taken in turns, one by one.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bench.processes import Failed
from bench.report import Figure, Round, compared, percentile
from bench.run import Run

ENVIRONMENTS = ("dev", "staging", "prod")
ACTIONS = ("supervisor.restart", "supervisor.start", "redis.flush", "disk.clean", "http.request")
SERVICES = tuple(f"svc-{number:03d}" for number in range(50))
TARGETS = 5
HISTORY = 20
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def policy() -> dict[str, Any]:
    """200 rules: 150 limits, 20 freezes, 10 maintenances, 10 change windows, words for tiers, breakers and the rest."""
    limits = [
        {
            "max": 500 + number,
            "per": ("service", "target", "action", "person", "global")[number % 5],
            "window": "1h",
            "env": ENVIRONMENTS[number % 3],
            **({"action": ACTIONS[number % 5]} if number % 2 else {}),
            **({"service": SERVICES[number % 50]} if number % 10 else {}),
        }
        for number in range(150)
    ]
    matrix = {"read": "auto", "safe": "approve", "caution": "approve", "forbidden": "forbid"}
    return {
        "version": 1,
        "lowest_environment": "dev",
        "matrix": dict.fromkeys(ENVIRONMENTS, matrix),
        "tiers": {"prod": {1: {"caution": "forbid"}}},
        "autonomy": {"dev": {"safe": "auto"}, "prod": {"safe": "approve"}},
        "approvals": {name: {"count": 1, "any_of": ["oncall", "leads"], "timeout": "15m"} for name in ENVIRONMENTS},
        "requesters": {"roles": ["responder", "operator"]},
        "operators": {"roles": ["operator"]},
        "limits": limits,
        "freezes": [period(number, SERVICES[number]) for number in range(20)],
        "maintenance": [period(number, SERVICES[number]) for number in range(20, 30)],
        "change_windows": [period(number, SERVICES[number]) for number in range(30, 40)],
        "breakers": {
            "remediation": {"max": 60, "window": "10m", "cooldown": "30m"},
            "incident": {"failures": 2},
            "global": {"failures": 50, "window": "10m", "cooldown": "30m"},
        },
        "blast_radius": {"prod": {"max_targets": TARGETS, "max_percent": 50, "min_healthy": 2}},
        "error_budget": {"max_burned_percent": 20},
        "cost": {"per_act": 50, "per_day": 5_000, "currency": "EUR"},
    }


def period(number: int, service: str) -> dict[str, Any]:
    """One declared period, far away from now."""
    return {
        "name": f"period-{number}", "environments": ["prod"], "services": [service], "start": "2027-01-01T00:00",
        "end": "2027-01-02T00:00", "timezone": "UTC",
    }  # fmt: skip


def context() -> Any:
    """Somebody asks for a restart of five targets in prod; 20 acts lie in the last hour, 40 periods in the calendar."""
    import guards

    acts = tuple(
        guards.PastAct(
            ACTIONS[number % 5], SERVICES[number % 10], "prod", f"program:prod/{number % 7}", "bob",
            NOW - timedelta(seconds=100 * number), "succeeded", f"inc_{number}", 1.0,
        )
        for number in range(HISTORY, 0, -1)
    )  # fmt: skip
    later = NOW + timedelta(days=40)
    kinds = ("freeze", "freeze", "maintenance", "change_window")
    periods = tuple(
        guards.Period(kinds[number % 4], f"period-{number}", ("prod",), (SERVICES[number],), later, later)
        for number in range(40)
    )
    return guards.Context(
        action=ACTIONS[0], environment="prod", now=NOW, actor=guards.Actor("alice", "Alice", frozenset({"responder"})),
        service=SERVICES[0], tier=2, risk="safe", targets=tuple(f"program:prod/{n}" for n in range(TARGETS)),
        run="run_bench", scopes=("prod",), history=acts, runbook="restart", incident="inc_bench", autonomy="approve",
        calendar=guards.Calendar(periods), inventory=guards.Inventory(20, 20), cost=1.0, budget_burned=0.01,
    )  # fmt: skip


WHY = "Python takes some microseconds for each finding of the trace"


class Commit:
    """The limit: one small row, durable."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE decided (id INTEGER PRIMARY KEY, at REAL NOT NULL)")

    def once(self) -> None:
        self._connection.execute("INSERT INTO decided (at) VALUES (?)", (time.time(),))

    def close(self) -> None:
        self._connection.close()


def one_round(commit: Commit, made: Any, about: Any, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of the limit and of ours, in turns; each decision is about a context of its own."""
    floor: list[float] = []
    mine: list[float] = []
    for number in range(count):
        asked = replace(about, run=f"run_{number}", now=NOW + timedelta(milliseconds=number))
        began = time.perf_counter()
        commit.once()
        between = time.perf_counter()
        decision = made.decide(asked)
        ended = time.perf_counter()
        if decision.outcome != "ask":
            raise Failed(f"the decision was {decision.outcome}: {decision.denials}")
        floor.append((between - began) * 1e3)
        mine.append((ended - between) * 1e3)
    return floor, mine


async def measure(run: Run) -> AsyncIterator[list[Figure]]:
    """One figure: milliseconds of a decision against milliseconds of a commit."""
    from guards.policy import Policy

    made, about = Policy.from_mapping(policy()), context()
    found: list[tuple[list[float], list[float]]] = []
    for _ in range(run.rounds):
        with run.folder("decide") as folder:
            commit = Commit(folder / "commit.db")
            try:
                one_round(commit, made, about, 20)
                found.append(one_round(commit, made, about, 100 if run.quick else 500))
            finally:
                commit.close()
    yield [figure(found)]


def figure(found: list[tuple[list[float], list[float]]]) -> Figure:
    """The row of the table: medians per round; p99 beside it."""
    rounds = [Round(median(floor), median(mine)) for floor, mine in found]
    extra = {
        "ours_p99": percentile([value for _, mine in found for value in mine], 0.99),
        "limit_p99": percentile([value for floor, _ in found for value in floor], 0.99),
        "samples": sum(len(mine) for _, mine in found),
    }
    limit = "one row committed to SQLite with an fsync"
    return compared("decision, 5 targets, 200 rules", "ms", rounds, "at most", 1, limit_is=limit, why=WHY, extra=extra)
