"""Precheck: what must still be true at the moment of acting: needed, unchanged, ours, and not switched off.

Called by bot/stages/execute.py before the intent and, for the fence, as the last look before the act. Reads only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from bot.incident import Incident
from bot.plan import Act, Plan, PlanStep
from bot.stages.base import Equipment
from bot.stages.enrich import observe, values
from bot.stages.plan import make_plan
from bot.store import leases, workers
from bot.store.runs import Run
from guards.context import Context
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
    """Make the plan again from today's runbook, catalogue and policy: any difference voids the approval (T09, T10)."""
    runbook = equipment.library.get(plan.runbook)
    service = equipment.catalogue.named(plan.service, plan.environment)
    changed = Deny(
        "plan_changed", "The runbook, the catalogue or the policy changed since this was approved.", "Ask again."
    )
    if runbook is None or service is None:
        return changed
    by_id = {step.id: step for step in runbook.steps}
    if any(step.id not in by_id for step in plan.steps):
        return changed
    again = make_plan(
        equipment,
        incident=incident,
        service=service,
        runbook=runbook,
        steps=[by_id[step.id] for step in plan.steps],
        given=plan.parameters,
        facts=facts,
        requester=plan.requester,
        why=plan.why,
        created_at=plan.created_at,
        expires_at=plan.expires_at,
    )
    return None if isinstance(again, Plan) and again.digest == plan.digest else changed


async def fence(equipment: Equipment, run: Run, plan: Plan, act: Act) -> Deny | None:
    """The last look before the act: our lease, our worker row, the kill switch (T53, T55)."""
    stops = await equipment.kill_switch.stops()
    about = Context(action=act.operation, environment=plan.environment, service=plan.service, stops=stops)
    stopped = KillSwitch().check(about)
    if isinstance(stopped, Deny):
        return stopped

    def look(session: Session) -> tuple[str | None, bool]:
        return leases.holders(session).get(act.target.key), workers.alive(session, equipment.worker, equipment.boot)

    holder, alive = await equipment.store.read(look)
    if holder != run.id or not alive:
        return Deny("stale_worker", "This worker no longer holds the target.", "Another worker goes on with the run.")
    return None
