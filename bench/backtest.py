"""A backtest beside `Policy.decide` alone: 50,000 recorded decisions of 90 days, decided once more (bot/backtest.py).

The limit is `decide` over the same contexts, which are in memory. Ours reads the decisions and the acts from the database,
rebuilds each context with its calendar and the past as it was, decides with the rules of runbook and operation, and
compares. The policy is the one that was recorded, so nothing may come out changed: else the figure fails.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import decide
from bench.processes import Failed
from bench.report import Figure, Round, compared
from bench.run import Run

COUNT, QUICK = 50_000, 4_000
DAYS = 90
BEGAN = datetime(2026, 8, 23, tzinfo=UTC)
STEPS = (
    ("restart-service", "diagnose", "supervisor.tail_log", "read"),
    ("restart-service", "restart", "supervisor.restart", "safe"),
)
IMPORTED = "company: Change CHG00"
WHY = "it reads two JSON columns of about 5 kB for each decision and rebuilds the context from them"


def policy() -> dict[str, Any]:
    """The 200 rules of bench/decide.py with periods that come every week, and an imported calendar."""
    found = decide.policy()
    for key in ("freezes", "maintenance", "change_windows"):
        for number, period in enumerate(found[key]):
            start = datetime(2026, 1, 5 + number % 7, number % 24)
            hours = 160 if key == "change_windows" else 1
            period |= {"start": start.isoformat(timespec="minutes"), "repeat": "FREQ=WEEKLY"}
            period["end"] = (start + timedelta(hours=hours)).isoformat(timespec="minutes")
    calendar = {"name": "company", "file": "c.ics", "environments": ["prod"], "kind": "freeze", "max_age": "2d"}
    return found | {"calendars": [calendar]}


class Days:
    """90 days of requests: every run asks for two steps, and two of three runs are carried out.

    Each decision comes with the context it was made in and its rules, so that they can be decided about again.
    """

    def __init__(self, made: Any, own: Any, count: int, seed: int) -> None:
        self._policy, self._own = made, own
        self._runs = max(count // 4, 1)
        self._random = random.Random(seed)
        self._acts: deque[Any] = deque()
        self._calendars: dict[datetime, Any] = {}
        self._calendar_data: dict[int, dict[str, Any]] = {}
        self.contexts: list[tuple[Any, tuple[Any, ...]]] = []
        self.runs: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []

    def decisions(self) -> Iterator[Any]:
        """Every decision, oldest first, as bot/stages/kept.py would write it."""
        between = timedelta(days=DAYS) / self._runs
        for number in range(self._runs):
            at = BEGAN + between * number
            about = self._about(number)
            yield from self._phase("asked", at, number, about)
            yield from self._phase("act", at + between / 8, number, about)
            if number % 3:
                self._carry_out(at + between / 8, number, about)

    def _about(self, number: int) -> dict[str, Any]:
        import guards

        service = self._random.choice(decide.SERVICES)
        environment = self._random.choice(decide.ENVIRONMENTS)
        roles = frozenset({"viewer"} if number % 20 == 0 else {"responder"})
        targets = tuple(f"supervisor_program:{environment}/{service}-{each}" for each in range(1 + number % 2))
        return {
            "environment": environment,
            "service": service,
            "tier": 1 + number % 4,
            "actor": guards.Actor(f"person-{number % 40}", f"Person {number % 40}", roles),
            "targets": targets,
            "scopes": ("dev", "staging", "prod"),
            "runbook": STEPS[0][0],
            "incident": f"inc_{number}",
            "inventory": guards.Inventory(20, 20 - number % 3),
            "holders": {f"supervisor_program:prod/other-{each}": f"run_{each}" for each in range(number % 4)},
            "autonomy": "suggest",
            "cost": 1.0,
            "budget_burned": 0.01,
        }

    def _phase(self, phase: str, at: datetime, number: int, about: dict[str, Any]) -> Iterator[Any]:
        import guards
        from bot.store.decisions import RecordedDecision
        from guards.recording import decision_data, to_data

        while self._acts and self._acts[0].at < at - timedelta(days=1):
            self._acts.popleft()
        run = f"run_{number}"
        for step, (runbook, step_id, action, risk) in enumerate(STEPS):
            now = at + timedelta(milliseconds=step)
            context = guards.Context(
                action=action, risk=risk, now=now, run=run if phase == "act" else "", history=tuple(self._acts),
                calendar=self._calendar(now), **about,
            )  # fmt: skip
            made = RecordedDecision(
                at=now, incident_id=about["incident"], run_id=run, step_id=step_id, phase=phase, runbook=runbook,
                service=about["service"], environment=about["environment"], action=action, actor=about["actor"].id,
                outcome="", policy_digest=self._policy.digest, looked_back=86_400.0,
            )  # fmt: skip
            rules = self._own(made)
            decision = self._policy.decide(context, rules)
            self.contexts.append((context, rules))
            data = to_data(replace(context, run=run, calendar=None)) | self._calendar_data[id(context.calendar)]
            yield replace(made, outcome=decision.outcome, context=data, findings=decision_data(decision))

    def _calendar(self, now: datetime) -> Any:
        """As bot/calendars would have it: the periods of nine days, and ten events of the imported calendar."""
        import guards
        from bot.calendars import declared_calendar
        from bot.past_calendars import AHEAD, DAY
        from guards.recording import to_data

        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if day not in self._calendars:
            declared = declared_calendar(self._policy.periods, day - DAY, day + AHEAD)
            events = tuple(
                guards.Period("freeze", f"{IMPORTED}{n}", ("prod",), (decide.SERVICES[n],), day + n * DAY, day + n * DAY + DAY / 24)
                for n in range(10)
            )  # fmt: skip
            made = self._calendars[day] = guards.Calendar((*declared.periods, *events))
            self._calendar_data[id(made)] = to_data(guards.Context(calendar=made))
        return self._calendars[day]

    def _carry_out(self, at: datetime, number: int, about: dict[str, Any]) -> None:
        import guards

        action, target, actor = STEPS[-1][2], about["targets"][0], about["actor"].id
        run, service, environment = f"run_{number}", about["service"], about["environment"]
        began = at + timedelta(seconds=1)
        ended = began + timedelta(milliseconds=500)
        act = guards.PastAct(action, service, environment, target, actor, began, "succeeded", about["incident"], 1.0)
        self._acts.append(act)
        self.runs.append(
            {
                "id": run,
                "incident_id": about["incident"],
                "proposal_id": "",
                "runbook": STEPS[0][0],
                "action": action,
                "service": service,
                "environment": environment,
                "plan": "{}",
                "digest": "",
                "state": "closed",
                "outcome": "succeeded",
                "requester": actor,
                "created_at": at,
                "started_at": began,
                "finished_at": ended,
                "stop_requested_by": "",
                "note": "",
            }
        )
        self.attempts.append(
            {
                "run_id": run,
                "step_id": STEPS[-1][1],
                "attempt": 1,
                "state": "done",
                "act": "{}",
                "operation": action,
                "environment": environment,
                "target": target,
                "purpose": "change",
                "worker": "bench",
                "started_at": began,
                "finished_at": ended,
                "result": {},
                "cost": 1.0,
                "standing": "",
            }
        )


async def fill(path: Path, days: Days) -> Any:
    """The database with everything of these days in it, open."""
    from sqlalchemy import insert

    from bot.store.attempts import ATTEMPT
    from bot.store.decisions import DECISION, NAMES
    from bot.store.runs import RUN
    from bot.store.session import Store

    store = await Store.open(f"sqlite:///{path}")
    rows: list[dict[str, Any]] = []

    async def write(table: Any, values: list[dict[str, Any]]) -> None:
        if values:
            await store.write(lambda session: session.connection().execute(insert(table), values))

    for decision in days.decisions():
        rows.append({name: getattr(decision, name) for name in NAMES})
        if len(rows) == 2_000:
            await write(DECISION, rows)
            rows = []
    await write(DECISION, rows)
    await write(RUN, days.runs)
    await write(ATTEMPT, days.attempts)
    return store


async def one_round(store: Any, made: Any, own: Any, contexts: list[tuple[Any, tuple[Any, ...]]]) -> Round:
    """Seconds of `decide` over every context and of a backtest over every decision, in turns, page by page.

    Raises Failed when it does not come out as it was recorded.
    """
    from bot.backtest import backtest

    times: list[float] = []
    done = 0

    def alone(count: int) -> None:
        """What the backtest has just done, without it."""
        nonlocal done
        began = time.perf_counter()
        for context, rules in contexts[done:count]:
            made.decide(context, rules)
        times.append(time.perf_counter() - began)
        done = count

    began = time.perf_counter()
    found = await backtest(store, made, BEGAN, own, made, progress=alone)
    took = time.perf_counter() - began
    wrong = [f"{each.kind}: {each.before.words}, {each.after.words}" for each in found.changed[:3]]
    if wrong or found.unreadable or found.gone or found.count != len(contexts):
        raise Failed(f"{found.count} decisions, {len(found.changed)} changed {wrong} {found.unreadable[:3]}")
    return Round(sum(times), took - sum(times))


async def measure(run: Run) -> AsyncIterator[list[Figure]]:
    """One figure: seconds of a backtest against seconds of `decide`."""
    from bot.backtest import todays_rules
    from bot.roster import OPERATIONS
    from guards.policy import Policy
    from runbooks.load import BUILTIN, Library

    made = Policy.from_mapping(policy())
    own = todays_rules(Library([BUILTIN]).runbooks, OPERATIONS)
    days = Days(made, own, QUICK if run.quick else COUNT, run.seed)
    with run.folder("backtest") as folder:
        store = await fill(folder / "countersign.db", days)
        try:
            rounds = [await one_round(store, made, own, days.contexts) for _ in range(min(run.rounds, 3))]
        finally:
            await store.close()
    yield [figure(rounds, len(days.contexts), len(days.attempts))]


def figure(rounds: list[Round], count: int, acts: int) -> Figure:
    """The row of the table."""
    limit = "Policy.decide over the same contexts, in memory"
    name = f"backtest of {count:,} decisions"
    return compared(name, "s", rounds, "at most", 3, limit_is=limit, why=WHY, extra={"decisions": count, "acts": acts})
