"""Precheck: what must still be true at the moment of acting: needed, unchanged, ours, and not switched off.

Called by bot/stages/execute.py before the intent and, for the fence, as the last look before the act. Reads only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from bot.incident import Incident
from bot.kill_switch import together
from bot.plan import Act, Plan, PlanStep
from bot.stages.base import Equipment
from bot.stages.difference import difference
from bot.stages.enrich import observe, values
from bot.stages.expectation import assumed
from bot.stages.plan import digest_of, make_plan
from bot.store import kill_switch, leases, workers
from bot.store.runs import Run
from guards.context import Context, Stop
from guards.decision import Deny
from guards.kill_switch import KillSwitch
from runbooks.expression import ExpressionError, condition_variables, facts_named, holds


def refusal(denial: Deny) -> dict[str, Any]:
    """A Deny as the result of an attempt."""
    return {"state": "refused", "code": denial.code, "reason": denial.reason, "remedy": denial.remedy}


async def fresh_facts(equipment: Equipment, incident: Incident, step: PlanStep) -> dict[str, Mapping[str, Any]]:
    """The facts this step's pre-check and proof speak about, observed now."""
    names = set(facts_named(step.precheck)) | ({step.check.fact} if step.check else set())
    if not names:
        return {}
    return values(await observe(equipment, equipment.service_of(incident), incident, names))


def precheck(step: PlanStep, incident: Incident, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """None when the step is still needed; no data is no (safety rule 11)."""
    if not step.precheck:
        return None
    try:
        needed = holds(step.precheck, condition_variables(incident.model_dump(mode="json"), facts))
    except ExpressionError as error:
        return refusal(
            Deny("precheck_unproven", f"The pre-check `{step.precheck}` could not be proved: {error}.", "Look by hand.")
        )
    if needed:
        return None
    return {"state": "not_needed", "reason": f"the pre-check `{step.precheck}` no longer holds"}


def unchanged(
    equipment: Equipment, plan: Plan, incident: Incident, facts: Mapping[str, Mapping[str, Any]]
) -> Deny | None:
    """Make the plan again from today's runbook, catalogue and policy: any difference voids the approval (T09, T10).

    It begins at the facts the plan began at, where the plan says which: between two increments the world has changed, and
    was meant to. That the world is where this step expects it, the step's own pre-check has asked already.
    """
    runbook = equipment.library.get(plan.runbook)
    service = equipment.catalogue.named(plan.service, plan.environment)
    if runbook is None or service is None:
        return _changed("the runbook is gone" if runbook is None else "the service is not in the catalogue any more")
    by_id = {step.id: step for step in runbook.steps}
    names = list(dict.fromkeys(step.runbook_step for step in plan.steps))
    gone = [f"step {name} is gone" for name in names if name not in by_id]
    if gone:
        return _changed(*gone)
    again = make_plan(
        equipment,
        incident=incident,
        service=service,
        runbook=runbook,
        steps=[by_id[name] for name in names],
        given=plan.parameters,
        facts=assumed(plan, facts),
        requester=plan.requester,
        why=plan.why,
        break_glass=plan.break_glass,
        created_at=plan.created_at,
        expires_at=plan.expires_at,
    )
    if isinstance(again, Deny):
        return _changed(f"it can no longer be planned: {again.reason}")
    if again.model_dump_json() == plan.model_dump_json() or again.digest == plan.digest:
        return None
    return _changed(*difference(plan, again))


def replaced(equipment: Equipment, plan: Plan) -> Deny | None:
    """Whether another runbook is in force than the plan's: the catalogue may be loaded again after `unchanged` has looked.

    Cheap, so that it can be asked in the transaction that writes the intent, where the guards read the runbook's safety.
    """
    runbook = equipment.library.get(plan.runbook)
    if runbook is None:
        return _changed("the runbook is gone")
    return None if digest_of(runbook) == plan.runbook_digest else _changed("the runbook's text is another one now")


def altered(run: Run) -> Deny | None:
    """Whether the stored plan is another one than the run was opened with: then no step of it is carried out, looks included."""
    return None if run.plan.digest == run.digest else _changed("what is stored is not what was asked about")


def _changed(*lines: str) -> Deny:
    """What changed, each on a line of its own (mission P3)."""
    told = "".join(f"\n• {line}" for line in lines)
    return Deny("plan_changed", f"This is no longer the plan that was asked about:{told}", "Ask for the step again.")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the database said just before the act. holder: the run that has the target's lease. alive: we are."""

    holder: str
    alive: bool
    stops: tuple[Stop, ...]


def look(equipment: Equipment, act: Act) -> Callable[[Session], Seen]:
    """The fence's look at the database, to be made in a transaction after the one that wrote the intent."""

    def read(session: Session) -> Seen:
        return Seen(
            holder=leases.holder(session, act.target.key),
            alive=workers.alive(session, equipment.worker, equipment.boot),
            stops=kill_switch.engaged(session),
        )

    return read


def risk_of(plan: Plan, act: Act) -> str:
    """The risk of the step that this act belongs to; empty, which nothing lets pass, when it is of no step."""
    return next((step.risk for step in plan.steps if act in (step.act, *step.rollback)), "")


def stopped(plan: Plan, act: Act, stops: Sequence[Stop]) -> Deny | None:
    """Whether one of these stops is about this act."""
    about = Context(
        action=act.operation,
        environment=plan.environment,
        service=plan.service,
        risk=risk_of(plan, act),
        stops=tuple(stops),
    )
    found = KillSwitch().check(about)
    return found if isinstance(found, Deny) else None


async def fence(equipment: Equipment, run: Run, plan: Plan, act: Act, seen: Seen | None = None) -> Deny | None:
    """The last look before the act: our lease, our worker row, the kill switch (T53, T55).

    seen: what was found when the intent had been committed a moment ago; without it the database is asked now. The
    kill switch's file and signal are looked at here and now in any case.
    """
    if seen is None:
        stops, seen = await equipment.kill_switch.stops_and(look(equipment, act))
    else:
        stops = together(equipment.kill_switch.here(), seen.stops)
    denied = stopped(plan, act, stops)
    if denied is not None:
        return denied
    if seen is None or seen.holder != run.id or not seen.alive:
        return Deny("stale_worker", "This worker no longer holds the target.", "Another worker goes on with the run.")
    return None
