"""A situation as somebody writes it in a file, to ask the policy what it would say: `runbookctl explain --situation`.

Used by bot/cli/explain.py and the documentation's examples (docs/situations). The same context and the same `decide` as
in the bot; only the facts come from a file. Must not touch the store or the network.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from bot.calendars import declared_calendar
from bot.incident import Frozen
from guards.context import (
    Actor,
    BreakGlass,
    Change,
    Context,
    Inventory,
    OpenBreaker,
    PastAct,
    Stop,
)
from guards.decision import Decision
from guards.policy import Policy

AROUND = timedelta(days=1)
Risk = Literal["read", "safe", "caution", "forbidden"]


class Who(Frozen):
    """Who asks: a person with roles, or `bot: true`."""

    id: str = ""
    roles: tuple[str, ...] = ()
    bot: bool = False

    @model_validator(mode="after")
    def _somebody(self) -> Who:
        if bool(self.id) == self.bot:
            raise ValueError("write either an id (with roles) or `bot: true`")
        return self


class Past(Frozen):
    """One act of the past. Whatever is not written is as in the situation itself."""

    minutes_ago: float
    action: str = ""
    service: str = ""
    environment: str = ""
    target: str = ""
    actor: str = "somebody"
    result: Literal["succeeded", "failed", "unknown", "running"] = "succeeded"
    this_incident: bool = False
    cost: float = 0.0
    standing: str = ""


class Stopped(Frozen):
    """An engaged emergency stop."""

    level: Literal["all", "environment", "service", "action", "monitor"]
    name: str = ""
    reason: str = "for this situation"
    by: str = "somebody"


class Breaker(Frozen):
    """An open breaker. key: `global` or `remediation:<environment>/<service>/<action>`."""

    key: str
    opened_minutes_ago: float
    trial_run: str = ""


class Size(Frozen):
    """A change of size."""

    current: float
    wanted: float
    unit: str = "instances"


class Group(Frozen):
    """The live group the targets belong to."""

    total: int
    healthy: int
    domains: dict[str, str] = Field(default_factory=dict)


class Situation(Frozen):
    """What is asked for, by whom, when, and what is known. Every key means what docs/policy.md says of it."""

    title: str = ""
    who: Who
    action: str
    service: str
    environment: str
    at: AwareDatetime
    risk: Risk
    tier: int = Field(default=3, ge=1, le=5)
    runbook: str = ""
    scopes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    autonomy: Literal["", "shadow", "suggest", "approve", "auto"] = ""
    past: tuple[Past, ...] = ()
    stops: tuple[Stopped, ...] = ()
    held: dict[str, str] = Field(default_factory=dict)
    breakers: tuple[Breaker, ...] = ()
    change: Size | None = None
    inventory: Group | None = None
    cost: float | None = 0.0
    budget_burned: float | None = 0.0
    break_glass: str = ""

    def context(self, policy: Policy) -> Context:
        """The context the guards see. Freezes and windows are those that the policy itself declares around `at`.

        Without targets and scopes: one target of this service in this environment, and a step meant for it.
        """
        targets = self.targets or (f"thing:{self.environment}/{self.service}",)
        now = self.at
        until = now + timedelta(minutes=10)
        return Context(
            action=self.action,
            environment=self.environment,
            now=now,
            actor=Actor("bot" if self.who.bot else self.who.id, roles=frozenset(self.who.roles), is_bot=self.who.bot),
            service=self.service,
            tier=self.tier,
            risk=self.risk,
            targets=targets,
            run="run_situation",
            scopes=self.scopes or (self.environment,),
            history=tuple(self._act(act, now, targets[0]) for act in self._oldest_first()),
            holders=dict(self.held),
            stops=tuple(Stop(stop.level, stop.name, stop.reason, stop.by) for stop in self.stops),
            runbook=self.runbook,
            incident="inc_situation",
            autonomy=self.autonomy,
            calendar=declared_calendar(policy.periods, now - AROUND, now + AROUND),
            breakers=tuple(
                OpenBreaker(b.key, now - timedelta(minutes=b.opened_minutes_ago), b.trial_run) for b in self.breakers
            ),
            inventory=Inventory(self.inventory.total, self.inventory.healthy, self.inventory.domains)
            if self.inventory
            else None,
            change=Change(self.change.current, self.change.wanted, self.change.unit) if self.change else None,
            cost=self.cost,
            budget_burned=self.budget_burned,
            break_glass=BreakGlass(self.break_glass, self.who.id, until) if self.break_glass else None,
        )

    def decide(self, policy: Policy) -> Decision:
        """What the policy says."""
        return policy.decide(self.context(policy))

    def _oldest_first(self) -> list[Past]:
        return sorted(self.past, key=lambda act: -act.minutes_ago)

    def _act(self, act: Past, now: datetime, target: str) -> PastAct:
        return PastAct(
            action=act.action or self.action,
            service=act.service or self.service,
            environment=act.environment or self.environment,
            target=act.target or target,
            actor=act.actor,
            at=now - timedelta(minutes=act.minutes_ago),
            result=act.result,
            incident="inc_situation" if act.this_incident else "",
            cost=act.cost,
            standing=act.standing,
        )
