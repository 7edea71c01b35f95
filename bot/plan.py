"""The plan: exactly what will be done to what, how it is proved and how it is undone. Frozen, with a digest.

Made by operations (through bot/stages/plan.py), shown by templates, approved by people, carried out by bot/flow.py.
The digest is sha256 over the RFC 8785 canonical form of every field (trust rule 5, case T09, bar B6);
must not read a clock, the store or the network.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime
from typing import Any

import rfc8785
from pydantic import Field

from bot.incident import Frozen


def _empty(value: object) -> bool:
    """Whether a field that came later says nothing: then it is not in the canonical form, and old digests stay."""
    return not value


class Target(Frozen):
    """One thing an action touches. All three parts are needed; there is no wildcard (safety rule 2)."""

    kind: str = Field(min_length=1)
    environment: str = Field(min_length=1)
    name: str = Field(min_length=1)

    @property
    def key(self) -> str:
        """`kind:environment/name`, the key of leases and history."""
        return f"{self.kind}:{self.environment}/{self.name}"


class Resize(Frozen):
    """A change of size, for the guard on how much may change at once (mission G7): from current to wanted, in `unit`s."""

    current: int = Field(ge=0)
    wanted: int = Field(ge=0)
    unit: str = "instances"


class Act(Frozen):
    """One request to one adapter.

    request: JSON values only; for the command adapter `{"argv": [str, ...]}`. shown: the exact command or request as
    people read it. deadline_seconds: the adapter stops waiting then. idempotent: a second identical act is harmless.
    resize: when it changes how many there are. cost: what it costs more, in the policy's currency. planned_from: the
    facts that made it this act and no other (name -> part of the value); leaves: what they are when it has worked, which
    is what the next increment is planned from (bot/stages/expectation.py). members: of a target that is a group, the names of
    exactly those it touches; empty when it touches the target as a whole.
    """

    adapter: str
    operation: str
    target: Target
    request: dict[str, Any]
    shown: str
    deadline_seconds: float = Field(gt=0, le=3600)
    idempotent: bool = False
    cancel_safe: bool = False
    resize: Resize | None = None
    cost: float = Field(default=0.0, ge=0)
    planned_from: dict[str, dict[str, Any]] = Field(default_factory=dict, exclude_if=_empty)
    leaves: dict[str, dict[str, Any]] = Field(default_factory=dict, exclude_if=_empty)
    members: tuple[str, ...] = Field(default=(), exclude_if=_empty)

    @property
    def member_keys(self) -> tuple[str, ...]:
        """`kind:environment/group/member` of each member it touches."""
        return tuple(f"{self.target.key}/{member}" for member in self.members)


class Check(Frozen):
    """Proof of success: `required` of `of` observations of one fact, newer than the act, must satisfy `expect` (CEL)."""

    fact: str
    expect: str
    within_seconds: float = Field(gt=0, le=3600)
    every_seconds: float = Field(gt=0, le=600)
    required: int = Field(ge=1, le=100)
    of: int = Field(ge=1, le=100)


class OutputPattern(Frozen):
    """An RE2 pattern that the act's output must contain; with allow_failure its absence is only noted (R1, R2)."""

    pattern: str
    allow_failure: bool = False


class PlanStep(Frozen):
    """One step of a plan: act, then prove. rollback is empty when the runbook says `rollback: none`.

    part_of: id of the runbook's step that this is one increment or wave of, empty when it is that step itself.
    on_failure: `continue` for a step that only reads and whose failure is noted and passed over.
    """

    id: str
    title: str
    act: Act
    read_only: bool
    risk: str
    precheck: str = ""
    expect: tuple[OutputPattern, ...] = ()
    check: Check | None = None
    rollback: tuple[Act, ...] = ()
    rollback_note: str = ""
    irreversible: bool = False
    part_of: str = Field(default="", exclude_if=_empty)
    on_failure: str = Field(default="escalate", exclude_if=lambda word: word == "escalate")

    @property
    def may_fail(self) -> bool:
        """Whether the run goes on when this step fails: only a look, and only when its runbook says so."""
        return self.read_only and self.on_failure == "continue"

    @property
    def runbook_step(self) -> str:
        """Id of the step in the runbook, where its safety is written."""
        return self.part_of or self.id


class Plan(Frozen):
    """What a person approves. Everything that could change what happens is a field, so it is in the digest.

    break_glass: the requester's reason to go past the rules that may be broken in an emergency (T14), empty for none.
    """

    incident_id: str
    runbook: str
    runbook_title: str
    runbook_digest: str
    policy_digest: str
    service: str
    environment: str
    tier: int
    requester: str
    steps: tuple[PlanStep, ...] = Field(min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)
    why: str = ""
    break_glass: str = ""
    created_at: datetime
    expires_at: datetime

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every distinct target of the plan, in order of first use."""
        seen: dict[str, Target] = {}
        for step in self.steps:
            for act in (step.act, *step.rollback):
                seen.setdefault(act.target.key, act.target)
        return tuple(seen.values())

    def change_of(self, step: PlanStep) -> Resize | None:
        """The whole change of size that this step is a part of, None when it changes none: 6 to 12, also for 6 to 9.

        A limit on change must judge this (mission G7): increments are for care, not for getting below a limit. From the
        size before the first step on the same target to the size furthest from it.
        """
        own = step.act.resize
        if own is None:
            return None
        key = step.act.target.key
        sizes = [s.act.resize for s in self.steps if s.act.resize is not None and s.act.target.key == key] or [own]
        first = sizes[0].current
        wanted = max((size.wanted for size in sizes), key=lambda size: abs(size - first))
        return Resize(current=first, wanted=wanted, unit=own.unit)

    def members_with(self, step: PlanStep) -> tuple[str, ...]:
        """Keys of all members that the whole plan touches of the groups this step acts on; a limit on how much one run may
        touch must judge these (mission G5): waves are for care, not for getting below a limit.
        """
        groups = {act.target.key for act in (step.act, *step.rollback)}
        acts = (act for each in self.steps if not each.read_only for act in (each.act, *each.rollback))
        return tuple(dict.fromkeys(key for act in acts if act.target.key in groups for key in act.member_keys))

    def cost_of(self, step: PlanStep) -> float:
        """What the whole change that this step is a part of costs more; its own cost when it changes no size."""
        if step.act.resize is None:
            return step.act.cost
        key = step.act.target.key
        return math.fsum(s.act.cost for s in self.steps if s.act.resize is not None and s.act.target.key == key)

    @property
    def cost(self) -> float:
        """What all its steps cost more, in the policy's currency; a rollback is not counted."""
        return math.fsum(step.act.cost for step in self.steps)

    def canonical(self) -> bytes:
        """The RFC 8785 canonical JSON of the whole plan."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """sha256 of the canonical form, 64 hex characters."""
        return hashlib.sha256(self.canonical()).hexdigest()

    @property
    def short_digest(self) -> str:
        """The 12 hex characters that cards show (case T13)."""
        return self.digest[:12]

    @property
    def risk(self) -> str:
        """The strongest risk of its steps."""
        order = ("read", "safe", "caution", "forbidden")
        return max((step.risk for step in self.steps), key=order.index)

    @property
    def action(self) -> str:
        """The operation that changes something, or the last one when all only read."""
        changing = [step.act.operation for step in self.steps if not step.read_only]
        return changing[0] if changing else self.steps[-1].act.operation
