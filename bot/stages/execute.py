"""Execute: one act of one step, at most once per intent. Intent durable before, result after, ambiguity named (rule 8).

Called by bot/flow.py as one checkpointed step that may be entered again after a crash. Guards are asked again here, in
the transaction that writes the intent (safety rule 7); the last look before the act is the fence (trust case T53).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from bot.adapters.base import ActResult
from bot.errors import Ambiguous, Permanent, Transient
from bot.incident import Incident, IncidentStatus
from bot.plan import Act, Plan, PlanStep
from bot.stages.base import Equipment
from bot.stages.gate import decide_step, snapshot
from bot.stages.permission import use_approvals
from bot.stages.precheck import fence, fresh_facts, precheck, refusal, unchanged
from bot.stages.progress import reporter
from bot.store import attempts, incidents, runs
from bot.store.runs import Run
from bot.transcript import Entry, EntryKind
from guards.decision import Deny
from runbooks.pattern import search


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which act: step is an index into the plan; undo counts its rollback acts from 0, -1 is the act itself."""

    run_id: str
    step: int
    number: int
    undo: int = -1

    def step_id(self, plan: Plan) -> str:
        """The attempt row's step id: the step's own, or `<id>:undo-<n>`."""
        own = plan.steps[self.step].id
        return own if self.undo < 0 else f"{own}:undo-{self.undo}"

    def act(self, plan: Plan) -> Act:
        """The act itself."""
        step = plan.steps[self.step]
        return step.act if self.undo < 0 else step.rollback[self.undo]


async def execute(equipment: Equipment, attempt: Attempt) -> dict[str, Any]:
    """Carry out one attempt. Returns `{"state": done|failed|unknown|refused|stopped|not_needed, "reason": ..., "at": ...}`."""
    run, incident, earlier = await equipment.store.read(lambda session: _load(session, attempt))
    plan, step, act = run.plan, run.plan.steps[attempt.step], attempt.act(run.plan)
    step_id = attempt.step_id(plan)
    key = f"{run.id}/{step_id}/{attempt.number}"
    if earlier is not None:  # we were cut off in here before
        if earlier.state in attempts.FINISHED:
            return {"state": earlier.state, **(earlier.result or {})}
        if not act.idempotent:
            return {"state": "unknown", "reason": "the bot was stopped between starting this and learning its result"}
    else:
        stopped = await _before(equipment, run, incident, step, act, attempt)
        if stopped is not None:
            return stopped
    fenced = await fence(equipment, run, plan, act)
    if fenced is not None:
        told, reason = refusal(fenced), f"not started: {fenced.reason}"
        await _finish(equipment, run, incident, step_id, attempt, act, "failed", None, reason, told)
        return told
    return await _act(equipment, run, incident, step, step_id, attempt, act, key)


def _load(session: Session, attempt: Attempt) -> tuple[Run, Incident, attempts.Attempt | None]:
    run = runs.get(session, attempt.run_id)
    if run is None:
        raise Permanent(f"run {attempt.run_id} is not in the store")
    incident = incidents.get(session, run.incident_id)
    if incident is None:
        raise Permanent(f"incident {run.incident_id} of run {run.id} is not in the store")
    return run, incident, attempts.get(session, run.id, attempt.step_id(run.plan), attempt.number)


async def _before(
    equipment: Equipment, run: Run, incident: Incident, step: PlanStep, act: Act, attempt: Attempt
) -> dict[str, Any] | None:
    """Everything that can still say no; ends with the durable intent."""
    plan = run.plan
    if attempt.undo < 0 and run.stop_requested_by:
        return {"state": "stopped", "reason": f"stopped by {run.stop_requested_by}"}
    facts: dict[str, Mapping[str, Any]] = {}
    if attempt.undo < 0:
        over = IncidentStatus.RESOLVED
        if incident.status is over or await equipment.live_status(incident) is over:
            return refusal(Deny("incident_resolved", "The monitor says this incident is over.", "Nothing is needed."))
        facts = await fresh_facts(equipment, incident, step)
        needed = precheck(step, incident, facts)
        if needed is not None:
            return needed
        changed = unchanged(equipment, plan, incident, facts)
        if changed is not None:
            return await _refused(equipment, run, incident, changed)
    adapter = equipment.adapters[act.adapter]
    denied = adapter.forbidden(act) or await adapter.identify(act)
    if denied is not None:
        return await _refused(equipment, run, incident, denied)
    stops = await equipment.kill_switch.stops()
    requester = equipment.people.by_id(run.requester)
    now = equipment.clock()
    step_id = attempt.step_id(plan)

    def intend(session: Session) -> Deny | None:
        context = snapshot(session, equipment, plan, step, requester, run.id, stops, now)
        decision = decide_step(equipment, plan, step, context)
        if decision.outcome == "deny":
            return decision.denials[0]
        if decision.outcome == "ask" or attempt.step == 0:
            denial = use_approvals(session, equipment, run, decision, now)
            if denial is not None:
                return denial
        if not attempts.intend(session, run.id, step_id, attempt.number, act, equipment.worker, now):
            return Deny("already_started", "This attempt was started by another worker.", "Wait for its result.")
        equipment.record(
            session,
            incident,
            Entry(
                incident_id=incident.id,
                run_id=run.id,
                kind=EntryKind.STARTED,
                at=now,
                actor="bot",
                data={
                    "step": step.id,
                    "title": step.title if attempt.undo < 0 else f"Undo: {step.title}",
                    "shown": act.shown,
                    "key": f"{run.id}/{step_id}/{attempt.number}",
                    "target": act.target.key,
                },
            ),
        )
        return None

    denial = await equipment.store.write(intend)
    equipment.wake()
    return None if denial is None else await _refused(equipment, run, incident, denial)


async def _act(
    equipment: Equipment,
    run: Run,
    incident: Incident,
    step: PlanStep,
    step_id: str,
    attempt: Attempt,
    act: Act,
    key: str,
) -> dict[str, Any]:
    adapter = equipment.adapters[act.adapter]
    try:
        result = await adapter.act(act, key, reporter(equipment, run, incident))
    except Ambiguous as error:
        return await _finish(equipment, run, incident, step_id, attempt, act, "unknown", None, str(error))
    except (Transient, Permanent) as error:
        return await _finish(equipment, run, incident, step_id, attempt, act, "failed", None, str(error))
    missing = [p.pattern for p in step.expect if not p.allow_failure and not search(p.pattern, result.output)]
    if attempt.undo < 0 and result.ok and missing:
        reason = f"the output does not contain {missing[0]!r}"
        return await _finish(equipment, run, incident, step_id, attempt, act, "failed", result, reason)
    return await _finish(
        equipment, run, incident, step_id, attempt, act, "done" if result.ok else "failed", result, result.summary
    )


async def _finish(
    equipment: Equipment,
    run: Run,
    incident: Incident,
    step_id: str,
    attempt: Attempt,
    act: Act,
    state: str,
    result: ActResult | None,
    reason: str,
    told: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    now: datetime = equipment.clock()
    reason = equipment.redactor.text(reason)
    data: dict[str, Any] = {
        "step": run.plan.steps[attempt.step].id,
        "shown": act.shown,
        "ok": state == "done",
        "state": state,
        "summary": reason,
        "output": result.output if result else "",
        "exit_code": result.exit_code if result else None,
        "took_seconds": round(result.took_seconds, 3) if result else None,
        "total_bytes": result.total_bytes if result else 0,
        "key": f"{run.id}/{step_id}/{attempt.number}",
    }
    kept = {"reason": reason, "at": now.isoformat(), **(told or {})}  # told: what a second pass after a crash hears

    def write(session: Session) -> None:
        attempts.finish(session, run.id, step_id, attempt.number, state, kept, now)
        equipment.record(
            session,
            incident,
            Entry(incident_id=incident.id, run_id=run.id, kind=EntryKind.EXECUTED, at=now, actor="bot", data=data),
        )

    await equipment.store.write(write)
    equipment.wake()
    equipment.metrics.steps.labels(run.plan.service, act.operation, state).inc()
    if result is not None:
        equipment.metrics.step_seconds.labels(act.operation).observe(result.took_seconds)
    return {"state": state, **kept}


async def _refused(equipment: Equipment, run: Run, incident: Incident, denial: Deny) -> dict[str, Any]:
    equipment.metrics.refusals.labels(denial.code).inc()
    return refusal(denial)
