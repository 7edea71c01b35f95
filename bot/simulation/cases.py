"""Plays the cases that runbooks carry: facts in, step and plan or refusal out (mission R4; docs/runbook-tests.md).

Called by `runbookctl test` and, as evidence, by `runbookctl promote`. The matcher, next_step, make_plan and the guards are
the bot's own; what is around them is the example installation (bot/simulation/examples.py). Must not touch anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from pydantic import ValidationError

import guards
from bot.incident import Incident, IncidentStatus, Severity
from bot.plan import Plan, PlanStep
from bot.roster import OPERATIONS
from bot.services import Person, Service
from bot.simulation import examples
from bot.simulation.still import AT, Given, given_sources, still
from bot.stages.asking import consider
from bot.stages.base import Equipment
from bot.stages.gate import decide_step, questions
from bot.stages.known import known
from bot.stages.match import situation
from bot.stages.plan import make_plan
from guards.decision import Deny
from guards.policy import Policy
from runbooks.case import Case
from runbooks.match import Ranked, match
from runbooks.model import Runbook
from runbooks.next_step import NextStep, NoStep, PastStep, next_step

ASKER = "ana"
BY_NAME = "a person asked for it by name"
State = Literal["passed", "failed", "waits"]


@dataclass(frozen=True, slots=True)
class Came:
    """What came out of a case.

    step: id of the offered step, empty for none; why: for it, or for there being none. plan: what each act shows.
    refused: reason codes, empty when nothing refuses; reason: of the first. asks: kinds of question.
    """

    step: str = ""
    why: str = ""
    plan: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    reason: str = ""
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case, played. number: its place among the runbook's tests, from 0. wrong: one sentence per unmet expectation.

    state: `waits` when plan, refusal or questions cannot be judged because the runbook waits for an adapter.
    """

    runbook: str
    source: str
    number: int
    name: str
    state: State
    came: Came
    wrong: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


def play_cases(runbook: Runbook, policy: Policy | None = None) -> list[CaseResult]:
    """Every case of one runbook, in order; empty when it carries none. policy: the example's when None.

    For code without a running event loop; elsewhere await `play`.
    """
    return asyncio.run(play([runbook], policy))


async def play(runbooks: Iterable[Runbook], policy: Policy | None = None) -> list[CaseResult]:
    """The cases of many runbooks, in the order given."""
    some = [runbook for runbook in runbooks if runbook.tests]
    if not some:
        return []
    found: list[CaseResult] = []
    async with still(
        catalogue=examples.catalogue(examples.service(())),
        people=examples.people(),
        policy=policy or examples.policy(),
        library=Given({}),
        facts={},
        team=examples.TEAM,
    ) as here:
        for runbook in some:
            for number, case in enumerate(runbook.tests):
                found.append(await _play(here.equipment, runbook, number, case))
    return found


async def _play(equipment: Equipment, runbook: Runbook, number: int, case: Case) -> CaseResult:
    try:
        service = examples.service((runbook,), environment=case.environment, facts=case.facts, targets=case.targets)
    except ValidationError as error:
        first = error.errors()[0]
        bad = f"no service can be made of it: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        return CaseResult(runbook.id, runbook.source, number, case.name, "failed", Came(), (bad,))
    catalogue = examples.catalogue(service)
    # What waits for an adapter is never offered; its conditions are judged all the same.
    runnable = runbook.model_copy(update={"waits_for": ()})
    placed = replace(
        equipment,
        catalogue=catalogue,
        library=Given({runbook.id: runnable}),
        fact_sources=given_sources(catalogue, case.facts),
    )
    came = await _came(placed, runnable, service, case)
    wrong = _wrong(case, came)
    waits = bool(runbook.waits_for) and "unknown_operation" in came.refused
    if waits:
        wrong = tuple(one for one in wrong if one.startswith(("step", "no_step")))
    state: State = "failed" if wrong else "waits" if waits and _judges_plan(case) else "passed"
    return CaseResult(runbook.id, runbook.source, number, case.name, state, came, wrong)


async def _came(equipment: Equipment, runbook: Runbook, service: Service, case: Case) -> Came:
    """The same way as a click goes: match, next step, scope, plan, guards."""
    incident = _incident(service, case)
    chosen = _choose(equipment, runbook, incident, case)
    if isinstance(chosen, NoStep):
        scopes = {scope for step in runbook.steps if step.safety for scope in step.safety.scopes}
        code = "wrong_environment" if scopes and service.environment not in scopes else "no_safe_step"
        why = " ".join((chosen.why, *(f"{look}." for look in chosen.looks)))
        return Came(why=why, refused=(code,), reason=why)
    came = Came(step=chosen.steps[-1].id, why=chosen.why)
    plan = make_plan(
        equipment,
        incident=incident,
        service=service,
        runbook=runbook,
        steps=chosen.steps,
        given=case.params,
        facts=case.facts,
        requester=ASKER,
        why=chosen.why,
        created_at=AT,
    )
    if isinstance(plan, Deny):
        return replace(came, refused=(plan.code,), reason=f"{plan.reason} {plan.remedy}")
    came = replace(came, plan=tuple(step.act.shown for step in plan.steps))
    decisions = await _decisions(equipment, incident, plan, case)
    denials = [denial for decision in decisions for denial in decision.denials]
    if denials:
        codes = tuple(dict.fromkeys(denial.code for denial in denials))
        return replace(came, refused=codes, reason=f"{denials[0].reason} {denials[0].remedy}")
    return replace(came, asks=tuple(ask.kind for ask in questions(equipment, plan, decisions)))


def _choose(equipment: Equipment, runbook: Runbook, incident: Incident, case: Case) -> NextStep | NoStep:
    ranked: Sequence[Ranked] = (Ranked(runbook, 1.0, (BY_NAME,)),)
    if not case.incident.says_nothing:
        ranked = match(equipment.library.runbooks, situation(incident), case.facts, equipment.index())
    past = tuple(PastStep(one.runbook or runbook.id, one.step, one.outcome) for one in case.past)
    return next_step(
        ranked,
        past,
        case.facts,
        incident.environment,
        read_only=_reading(runbook),
        incident=incident.model_dump(mode="json"),
    )


def _reading(runbook: Runbook) -> frozenset[str]:
    """Operations that change nothing. One that does not exist yet counts as reading when none of its steps has safety."""
    unknown = {step.action for step in runbook.steps} - set(OPERATIONS)
    guarded = {step.action for step in runbook.steps if step.safety is not None}
    return frozenset(name for name, operation in OPERATIONS.items() if operation.read_only) | (unknown - guarded)


async def _decisions(equipment: Equipment, incident: Incident, plan: Plan, case: Case) -> tuple[guards.Decision, ...]:
    seen = await known(equipment, incident)
    person = equipment.people.by_id(ASKER) or Person(id=ASKER, name=ASKER)
    found = await equipment.store.read(lambda session: consider(session, equipment, plan, person, "", (), AT, seen))
    if not case.ran_minutes_ago:
        return found.decisions
    pairs = zip(plan.steps, found.contexts, strict=True)
    return tuple(
        decide_step(equipment, plan, step, replace(context, history=_history(plan, step, case)))
        for step, context in pairs
    )


def _history(plan: Plan, step: PlanStep, case: Case) -> tuple[guards.PastAct, ...]:
    """This step's act as it was carried out before, oldest first."""
    return tuple(
        guards.PastAct(
            step.act.operation,
            plan.service,
            plan.environment,
            step.act.target.key,
            ASKER,
            AT - timedelta(minutes=minutes),
            "succeeded",
        )
        for minutes in sorted(case.ran_minutes_ago, reverse=True)
    )


def _incident(service: Service, case: Case) -> Incident:
    return Incident(
        id="inc_test",
        source="pagerduty",
        external_id="PTEST",
        title=case.incident.title,
        status=IncidentStatus.TRIGGERED,
        severity=Severity(case.incident.severity),
        service=service.name,
        environment=service.environment,
        opened_at=AT,
        updated_at=AT,
        alert_name=case.incident.alert_name,
        labels=case.incident.labels,
        details=case.incident.details,
    )


def _judges_plan(case: Case) -> bool:
    return bool(case.expect.plan or case.expect.refused or case.expect.asks is not None)


def _wrong(case: Case, came: Came) -> tuple[str, ...]:
    """One sentence per expectation that is not met: what was expected, and what came out."""
    wanted = case.expect
    found: list[str] = []
    if wanted.step and wanted.step != came.step:
        found.append(f"step: expected {wanted.step}, but {_offered(came)}")
    if wanted.no_step and (came.step or wanted.no_step.casefold() not in came.why.casefold()):
        found.append(f"no_step: expected none because of {wanted.no_step!r}, but {_offered(came)}")
    if wanted.refused and wanted.refused not in came.refused:
        found.append(f"refused: expected {wanted.refused}, but {_answer(came)}")
    if wanted.plan and wanted.plan != came.plan:
        what = "; ".join(came.plan) if came.plan else f"there is none: {_answer(came)}"
        found.append(f"plan: expected {'; '.join(wanted.plan)}, but it is {what}" if came.plan else f"plan: {what}")
    if wanted.asks is not None and (came.refused or sorted(wanted.asks) != sorted(came.asks)):
        asked = " and ".join(wanted.asks) or "nobody to be asked"
        found.append(f"asks: expected {asked}, but {_answer(came)}")
    return tuple(found)


def _offered(came: Came) -> str:
    return f"{came.step} is offered" if came.step else f"nothing is offered: {came.why}"


def _answer(came: Came) -> str:
    if came.refused:
        return f"it is refused ({', '.join(came.refused)}): {came.reason}"
    return f"people are asked for {' and '.join(came.asks)}" if came.asks else "it may run, and nobody is asked"


def counted(results: Iterable[CaseResult]) -> Mapping[str, int]:
    """How many passed, failed and wait."""
    found: dict[str, int] = {"passed": 0, "failed": 0, "waits": 0}
    for result in results:
        found[result.state] += 1
    return found


def as_json(result: CaseResult) -> dict[str, Any]:
    """One result as JSON values, with what came out."""
    return {
        "runbook": result.runbook,
        "file": result.source,
        "number": result.number,
        "name": result.name,
        "state": result.state,
        "wrong": list(result.wrong),
        "step": result.came.step,
        "why": result.came.why,
        "plan": list(result.came.plan),
        "refused": list(result.came.refused),
        "asks": list(result.came.asks),
    }
