"""A whole set of equipment over a real store, with an adapter and facts that a test can bend. No network, no waiting."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.adapters.base import ActResult, Progress
from bot.facts.base import FactRequest
from bot.incident import Incident, IncidentStatus, ServiceReference, Severity, Signal, SignalKind
from bot.kill_switch import KillSwitch
from bot.membership import Groups
from bot.plan import Act
from bot.redact import Redactor
from bot.roster import ADAPTERS, OPERATIONS
from bot.services import Catalogue, People
from bot.sources.pagerduty import PagerDutySource
from bot.stages.base import Equipment
from bot.store.session import Store
from bot.telemetry import Metrics
from guards import Calendar, Deny, Policy
from runbooks.digest import digest
from runbooks.ladder import Ladder
from runbooks.load import BUILTIN, Library
from runbooks.promotion import Promotion, above_lowest
from runbooks.promotion_records import PromotionRecords

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

SERVICES = {
    "services": [
        {
            "name": "payments",
            "environment": "prod",
            "owner": "payments-team",
            "tier": 1,
            "channel": "C0PAY",
            "targets": [
                {
                    "kind": "supervisor_program",
                    "name": "payments",
                    "settings": {"url": "http://127.0.0.1:1/RPC2", "program": "payments"},
                },
                {
                    "kind": "setting_file",
                    "name": "payments-settings",
                    "settings": {"path": "/tmp/x.json", "allowed": {"mode": ["normal", "safe"]}},
                },
            ],
            "facts": {
                "health": {"kind": "http", "settings": {"url": "http://127.0.0.1:1/health"}},
                "state": {"kind": "supervisor", "settings": {"url": "http://127.0.0.1:1/RPC2", "program": "payments"}},
            },
            "match": {"pagerduty": ["PSVC1"], "github": ["acme/payments"]},
        }
    ]
}
PEOPLE = {
    "people": [
        {"id": "ana", "name": "Ana", "roles": ["responder"], "slack": [{"team": "T1", "user": "U1"}]},
        {"id": "ben", "name": "Ben", "roles": ["responder", "approver"], "slack": [{"team": "T1", "user": "U2"}]},
        {"id": "cora", "name": "Cora", "roles": ["operator"], "slack": [{"team": "T1", "user": "U3"}]},
        {"id": "dev", "name": "Dev", "roles": ["viewer"], "slack": [{"team": "T1", "user": "U4"}]},
    ],
    "groups": {"payments-oncall": ["ben", "cora"]},
}
POLICY: dict[str, Any] = {
    "version": 1,
    "lowest_environment": "dev",
    "matrix": {
        "dev": {"read": "auto", "safe": "auto", "caution": "confirm", "forbidden": "forbid"},
        "staging": {"read": "auto", "safe": "confirm", "caution": "approve", "forbidden": "forbid"},
        "prod": {"read": "auto", "safe": "approve", "caution": "approve", "forbidden": "forbid"},
    },
    "approvals": {
        "staging": {"count": 1, "any_of": ["payments-oncall"], "timeout": "15m"},
        "prod": {"count": 1, "any_of": ["payments-oncall"], "timeout": "15m"},
    },
    "requesters": {"roles": ["responder", "operator", "admin"]},
    "operators": {"roles": ["operator", "admin"]},
    "limits": [{"max": 20, "per": "global", "window": "10m"}],
    "confirmation_timeout": "120s",
}


@dataclass
class Clock:
    """A clock that moves when somebody sleeps on it, and a little at every look."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class World:
    """What the facts see and what the adapter does to it."""

    up: bool = False
    mends: bool = True
    acts: list[tuple[str, str]] = field(default_factory=list)
    during: Callable[[Act], Awaitable[None]] | None = None
    forbidden: Deny | None = None
    identity: Deny | None = None
    ok: bool = True
    live: IncidentStatus | None = IncidentStatus.TRIGGERED


class FakeFact:
    def __init__(self, kind: str, world: World) -> None:
        self.kind = kind
        self._world = world

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        if self.kind == "http":
            return {"status": 200 if self._world.up else 0, "ok": self._world.up, "took_ms": 1.0, "body_head": ""}
        return {"state": "RUNNING" if self._world.up else "EXITED", "pid": 1 if self._world.up else 0}


class FakeAdapter:
    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self._world = world

    def forbidden(self, act: Act) -> Deny | None:
        return self._world.forbidden

    async def identify(self, act: Act) -> Deny | None:
        return self._world.identity

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        self._world.acts.append((act.operation, key))
        if self._world.during is not None:
            await self._world.during(act)
        if act.operation == "supervisor.restart" and self._world.mends:
            self._world.up = True
        return ActResult(ok=self._world.ok, summary="did it", output="password=hunter2 OK", took_seconds=0.1)


class ListJournal:
    """A journal that remembers finished steps, so that a second pass over the same run replays like the engine."""

    def __init__(self, answer: Callable[[str], Awaitable[None]] | None = None) -> None:
        self.done: dict[str, Any] = {}
        self.order: list[str] = []
        self.waited: list[str] = []
        self._answer = answer

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        if name not in self.done:
            self.order.append(name)
            self.done[name] = await work()
        return self.done[name]

    async def wait(self, topic: str, seconds: float) -> None:
        self.waited.append(topic)
        if self._answer is not None:
            await self._answer(topic)


async def make_equipment(folder: Path, **changes: Any) -> tuple[Equipment, World, Clock]:
    """Equipment, the world behind it and its clock. changes: fields of Equipment to replace."""
    store = await Store.open(f"sqlite+aiosqlite:///{folder / 'app.db'}")
    world, clock = World(), Clock()
    counter = itertools.count(1)
    now = clock()
    from bot.store import workers

    await store.write(lambda s: workers.claim(s, "w1", "boot1", now, 30.0))

    async def live(_incident: Incident) -> IncidentStatus | None:
        return world.live

    def adapters() -> dict[str, FakeAdapter]:
        return {n: FakeAdapter(n, world) for n in ADAPTERS}

    people = People.model_validate(PEOPLE)
    fields: dict[str, Any] = {
        "store": store,
        "catalogue": Catalogue.model_validate(SERVICES),
        "people": people,
        "policy": Policy.from_mapping(POLICY),
        "library": Library([BUILTIN]),
        "operations": OPERATIONS,
        "adapters": adapters(),
        "fact_sources": {kind: FakeFact(kind, world) for kind in ("http", "supervisor")},
        "sources": {"pagerduty": PagerDutySource(("s3",), 600.0)},
        "kill_switch": KillSwitch(store, folder / "kill_switch", clock),
        "redactor": Redactor(["hunter2"], b"key"),
        "metrics": Metrics(),
        "worker": "w1",
        "boot": "boot1",
        "clock": clock,
        "sleep": clock.sleep,
        "new_id": lambda prefix: f"{prefix}_{next(counter):04d}",
        "live_status": live,
        "wake": lambda: None,
        "calendar": lambda _now: Calendar(),
        "groups": Groups(changes.get("people", people), "T1", clock),
        "pagerduty": True,
        "jira": False,
        "servicenow": False,
    }
    made = {**fields, **changes}
    made.setdefault("promotions", everything_promoted(made["policy"], made["library"]))
    return Equipment(**made), world, clock


def everything_promoted(policy: Policy, *libraries: Library, demotes: bool = False) -> PromotionRecords:
    """A record of every runbook, as it is now, for every environment in its scopes above the lowest."""
    records = [
        Promotion(
            id=runbook.id,
            env=environment,
            digest=digest(runbook),
            evidence_url="https://example.com/game-days/1",
            runs=3,
            who="cora",
            when=datetime(2020, 1, 1, tzinfo=UTC),
        )
        for library in libraries
        for runbook in library.runbooks.values()
        for environment in above_lowest(runbook, policy.lowest_environment)
    ]
    return PromotionRecords(ladder=Ladder(policy.lowest_environment), demotes=demotes, records=records)


def alert(key: str = "E1", incident: str = "PINC1", **changes: Any) -> Signal:
    """A PagerDuty alert about payments being down."""
    values: dict[str, Any] = {
        "source": "pagerduty",
        "key": key,
        "kind": SignalKind.ALERT,
        "occurred_at": START,
        "external_id": incident,
        "title": "ServiceDown: payments is down",
        "severity": Severity.CRITICAL,
        "status": IncidentStatus.TRIGGERED,
        "service": ServiceReference(id="PSVC1", name="Payments"),
        "alert_name": "ServiceDown",
    }
    return Signal(**{**values, **changes})
