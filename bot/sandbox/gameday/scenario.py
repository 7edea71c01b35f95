"""What a game day is made of, as a scenario file says it: a frozen model, unknown keys refused, durations with their unit.

Built by bot/sandbox/gameday/load.py; read by everything else of this package. Values only: must not start or judge anything.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.sandbox.outage import OutageMode
from runbooks import units

Seconds = Annotated[float, BeforeValidator(units.seconds)]
"""`30s`, `2m`; kept as seconds."""
Share = Annotated[float, BeforeValidator(units.percent)]
"""`40%`; kept as 40.0."""
Service = Literal["payments", "checkout"]
Pattern = Annotated[str, Field(min_length=1, max_length=500)]
"""RE2, whatever the case, looked for in what people read."""
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
MARKS = ("detection", "step", "guard", "verify", "record")
"""What is scored in every round, in the order in which it happens."""


class Part(BaseModel):
    """Base: immutable, strict, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# -- how the sandbox is set up -----------------------------------------------------------------------------------------
class PlannedFreeze(Part):
    """A freeze of prod that begins `after` the sandbox was configured and lasts so long."""

    after: Seconds
    lasts: Seconds


class Workers(Part):
    """The pool of workers. total: how many there are; running: how many of them run at first."""

    total: int = Field(default=12, ge=1, le=24)
    running: int = Field(default=6, ge=1, le=24)


class Area(Part):
    """A bounded area of the disk: a folder of the sandbox that counts as full at `megabytes`.

    safe: folders of it that may be cleaned; kept: files that nothing may ever delete.
    """

    service: Service
    megabytes: int = Field(default=16, ge=1, le=64)
    safe: tuple[Id, ...] = Field(default=("tmp", "old-logs"), min_length=1)
    kept: tuple[str, ...] = ("data/ledger.db",)


class Setup(Part):
    """How this sandbox differs from the usual one.

    runbooks: files beside the scenario, added to the shipped ones or (builtin_runbooks false) instead of them. policy: keys
    of policy.yaml, each in the place of the usual one. watch: service -> further facts of kind `http`, name -> path. jobs:
    worker of the pool that is a target and the fact `job_process` of payments. dependency: the service needs a database that
    listens on a port of its own, seen as the fact `tcp`. deployment: the service has versions and a `kubectl`
    (bot/sandbox/rollouts.py). needs: programs that must be on this machine.
    """

    runbooks: tuple[str, ...] = ()
    builtin_runbooks: bool = True
    policy: dict[str, Any] = Field(default_factory=dict)
    approval_timeout: Seconds = 900.0
    start_takes: int = Field(default=1, ge=1, le=20)
    freeze: PlannedFreeze | None = None
    workers: Workers = Workers()
    area: Area | None = None
    watch: dict[Service, dict[Id, str]] = Field(default_factory=dict)
    jobs: tuple[int, ...] = ()
    dependency: Service | None = None
    deployment: Service | None = None
    needs: tuple[str, ...] = ()


# -- what happens ------------------------------------------------------------------------------------------------------
class Fault(Part):
    """Something breaks, for real (bot/sandbox/faults.py).

    takes: how long a slow service needs for an answer; share: of requests that fail, or how full the area gets; files:
    whether those that fill it are old enough to be cleaned; worker: number of the one that hangs, for `wedge`; until:
    `restart` when a new process is free of it.
    """

    kind: Literal[
        "kill", "wedge", "slow", "error_rate", "lying_health", "dead_dependency", "fill_disk", "bad_version", "bad_canary"
    ]  # fmt: skip
    service: Service = "payments"
    takes: Seconds = 4.0
    share: Share = 50.0
    files: Literal["old", "new"] = "old"
    worker: int | None = Field(default=None, ge=0, le=23)
    until: Literal["mended", "restart"] = "mended"


class Alert(Part):
    """A monitor raises a PagerDuty incident; the bot hears of it by PagerDuty's signed webhook.

    name: the monitor's name for it; details: what it says; times: so many incidents at once, a storm.
    """

    service: Service = "payments"
    name: str = Field(default="HealthCheckFailing", min_length=1, max_length=100)
    title: str = ""
    details: dict[str, str] = Field(default_factory=dict)
    times: int = Field(default=1, ge=1, le=50)


Deed = Literal["run", "confirm", "approve", "reject", "skip", "stop", "go_on", "it_happened", "give_up", "page", "type"]


class Person(Part):
    """Somebody does something in Slack; they wait for the button first, for `patience`.

    text: the slash command, for `type`, or the reason, for `reject`. told: what they alone must be told; it counts for
    the guard's mark. refused: the reason code they must be refused with, alone and in words.
    """

    who: Literal["ana", "ben", "cora", "dev"]
    does: Deed
    text: str = ""
    told: str = ""
    refused: str = ""
    patience: Seconds = 60.0


class Vendor(Part):
    """A vendor behaves like that from now on."""

    name: Literal["slack", "pagerduty", "jira", "servicenow"]
    mode: OutageMode


class Until(Part):
    """Wait for a moment of the freeze. before: so much earlier; after: so much later."""

    moment: Literal["freeze_begins", "freeze_ends"]
    before: Annotated[float, BeforeValidator(units.seconds)] = 0.0
    after: Annotated[float, BeforeValidator(units.seconds)] = 0.0


class Move(Part):
    """One line of the script: exactly one of these. mend: a service; monitor: it is content, and resolves the incident;
    deploy: a service gets a new version (GitHub's webhook); bot: SIGKILL, or started again; wait_for: words of the thread.
    """

    fault: Fault | None = None
    alert: Alert | None = None
    person: Person | None = None
    wait: Seconds | None = None
    wait_until: Until | None = None
    wait_for: str | None = None
    mend: Service | None = None
    monitor: Literal["resolves"] | None = None
    deploy: Service | None = None
    bot: Literal["killed", "started"] | None = None
    vendor: Vendor | None = None

    @property
    def said(self) -> list[str]:
        """The keys that were written."""
        return [name for name in type(self).model_fields if getattr(self, name) is not None]


# -- what must be seen -------------------------------------------------------------------------------------------------
class Detection(Part):
    """within: from the trouble to the summary in Slack; says: what the summary must tell, at one time or another.

    messages: how many summaries all incidents of this round may have together, None when that does not matter.
    """

    within: Seconds = 30.0
    says: tuple[Pattern, ...] = ()
    messages: int | None = Field(default=None, ge=1, le=50)


class Offered(Part):
    """The next safe step: of which runbook, and the exact acts, one expression for each; or `none`: why there is none."""

    runbook: str = ""
    acts: tuple[Pattern, ...] = ()
    none: str = ""


class Guarded(Part):
    """What the guards answered. code: of a refusal; says: what the question's card shows.

    not_reached: nobody asked for anything. alone: policy let the bot act by itself.
    """

    answer: Literal["allowed", "asked", "refused", "alone", "not_reached"]
    code: str = ""
    says: tuple[Pattern, ...] = ()


class World(Part):
    """What the machine itself says at the end of the round, without asking the bot.

    health, orders: service -> status of GET /health and /orders, 0 for no answer; starts: service -> how often it was
    started in this round; workers: how many of the pool run; renewed: how many of those are other processes than at the
    beginning of the round; hanging: how many processes are stopped and answer nothing; disk_below: share of the area;
    kept: its kept files are there; version: what answers customers of the service with a deployment; canary: its state.
    """

    health: dict[Service, int] = Field(default_factory=dict)
    orders: dict[Service, int] = Field(default_factory=dict)
    starts: dict[Service, int] = Field(default_factory=dict)
    workers: int | None = None
    renewed: int | None = None
    hanging: int | None = None
    disk_below: Share | None = None
    kept: bool | None = None
    version: str = ""
    canary: Literal["none", "growing", "paused", "aborted"] | None = None


class Verified(Part):
    """How success was proved or not. fact: the one that was looked at."""

    answer: Literal["proved", "failed", "not_reached"]
    fact: str = ""
    world: World = World()


class Paged(Part):
    """The bot pages people. within: from the trouble to the page; says: what the page must tell."""

    within: Seconds = 180.0
    says: tuple[Pattern, ...] = ()


Word = Literal[
    "no_step", "requested", "refused", "confirmed", "approved", "rejected", "expired", "done", "proved",
    "not_proved", "rolled_back", "paused", "answered", "escalated", "stopped", "worked", "failed", "was_rolled_back", "was_stopped",
    "was_refused", "resolved",
]  # fmt: skip


class Recorded(Part):
    """What was written down: these lines, in this order, each delivery once, in the thread, in PagerDuty's notes and in
    both tickets. page: None when nobody may be paged by the bot. incident: its state in PagerDuty.
    """

    lines: tuple[Word, ...] = Field(min_length=1)
    incident: Literal["open", "resolved"]
    page: Paged | None = None


class Expected(Part):
    """One expectation for each mark."""

    detection: Detection
    step: Offered
    guard: Guarded
    verify: Verified
    record: Recorded


Never = Literal["act", "success", "page", "resolve", "second_summary"]


class Round(Part):
    """One occurrence: what happens, and what must and must not be seen. within: from the last line of the script until
    everything is as it must be; quiet: how long it is watched after that, for what must never happen.
    """

    name: str = Field(min_length=1, max_length=100)
    script: tuple[Move, ...] = Field(min_length=1, max_length=60)
    expect: Expected
    never: tuple[Never, ...] = ()
    within: Seconds = 120.0
    quiet: Seconds = 2.0


class Scenario(Part):
    """A game day. covers: worked examples of the mission (X1 to X14). waits_for: adapters or abilities that are not there:
    it loads, is listed, and is not played; because: the reason in one sentence. source: its file.
    """

    id: Id
    title: str = Field(min_length=1, max_length=160)
    covers: tuple[Annotated[str, Field(pattern=r"^[A-Z][0-9]{1,2}$")], ...] = ()
    about: str = ""
    waits_for: tuple[Id, ...] = ()
    because: str = ""
    setup: Setup = Setup()
    rounds: tuple[Round, ...] = Field(min_length=1, max_length=10)
    source: str = Field(default="", exclude=True)
