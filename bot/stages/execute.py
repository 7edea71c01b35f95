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
from bot.kill_switch import together
from bot.membership import Membership
from bot.plan import Act, Plan, PlanStep
from bot.stages.base import Equipment
from bot.stages.by_itself import asked_by, unconfirmed
from bot.stages.delay import OVER, STOPPED, again, too_late
from bot.stages.gate import decide_step, looked_back, snapshot
from bot.stages.kept import count_act, keep_decision
from bot.stages.known import Known, known
from bot.stages.permission import asks_for_approval, groups_asked, use_approvals
from bot.stages.precheck import Seen, altered, fence, fresh_facts, look, precheck, refusal, replaced, unchanged
from bot.stages.progress import reporter
from bot.stages.promoted import setback_of
from bot.stages.watching import watched
from bot.store import attempts, incidents, kill_switch, runs
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

    def purpose(self, plan: Plan) -> str:
        """What limits count it as: a look counts for none."""
        if self.undo >= 0:
            return "undo"
        return "look" if plan.steps[self.step].read_only else "change"


async def execute(equipment: Equipment, attempt: Attempt) -> dict[str, Any]:
    """Carry out one attempt. Returns `{"state": done|failed|unknown|refused|stopped|not_needed, "reason": ..., "at": ...}`."""
    run, incident, earlier, groups = await equipment.store.read(lambda session: _load(session, attempt))
    plan, step, act = run.plan, run.plan.steps[attempt.step], attempt.act(run.plan)
    step_id = attempt.step_id(plan)
    key = f"{run.id}/{step_id}/{attempt.number}"
    seen: Seen | None = None
    if earlier is not None:  # we were cut off in here before
        if earlier.state in attempts.FINISHED:
            return {"state": earlier.state, **(earlier.result or {})}
        if not act.idempotent:
            return {"state": "unknown", "reason": "the bot was stopped between starting this and learning its result"}
        denied = altered(run) if step.read_only else await again(equipment, run, incident, step, undo=attempt.undo >= 0)
        if denied is not None:
            why = f"the bot was stopped in it, and it may not be repeated: {denied.reason}"
            return {"state": "unknown", "reason": equipment.redactor.text(why)}
    else:
        stopped = await _before(equipment, run, incident, step, act, attempt)
        if stopped is None:
            world = await known(equipment, incident)
            members = await equipment.groups.resolve(groups)
            stopped, seen = await _intend(equipment, run, incident, step, act, attempt, world, members)
        if stopped is not None:  # the engine keeps what is returned
            return {**stopped, "reason": equipment.redactor.text(str(stopped["reason"]))}
    fenced = await fence(equipment, run, plan, act, seen)
    if fenced is not None:
        told = {**refusal(fenced), "reason": equipment.redactor.text(fenced.reason)}
        reason = f"not started: {fenced.reason}"
        await _finish(equipment, run, incident, step_id, attempt, act, "failed", None, reason, told)
        return told
    return await _act(equipment, run, incident, step, step_id, attempt, act, key)


def _load(session: Session, attempt: Attempt) -> tuple[Run, Incident, attempts.Attempt | None, tuple[str, ...]]:
    """The run, its incident, this attempt's row after a crash, and the groups whose members may have approved."""
    run = runs.get(session, attempt.run_id)
    if run is None:
        raise Permanent(f"run {attempt.run_id} is not in the store")
    incident = incidents.get(session, run.incident_id)
    if incident is None:
        raise Permanent(f"incident {run.incident_id} of run {run.id} is not in the store")
    earlier = attempts.get(session, run.id, attempt.step_id(run.plan), attempt.number)
    return run, incident, earlier, groups_asked(run.id, session)


async def _before(
    equipment: Equipment, run: Run, incident: Incident, step: PlanStep, act: Act, attempt: Attempt
) -> dict[str, Any] | None:
    """Everything that can say no before the guards are asked. Writes nothing."""
    plan = run.plan
    if attempt.undo < 0 and run.stop_requested_by:
        return {"state": STOPPED, "reason": f"stopped by {run.stop_requested_by}"}
    facts: dict[str, Mapping[str, Any]] = {}
    if attempt.undo < 0:
        over = IncidentStatus.RESOLVED
        if incident.status is over or await equipment.live_status(incident) is over:
            return refusal(OVER)
        facts = await fresh_facts(equipment, incident, step)
        needed = precheck(step, incident, facts)
        if needed is not None:
            return needed
        changed = unchanged(equipment, plan, incident, facts)
        if changed is not None:
            return await _refused(equipment, run, incident, changed)
    adapter = equipment.adapters[act.adapter]
    denied = adapter.forbidden(act) or await adapter.identify(act)
    return None if denied is None else await _refused(equipment, run, incident, denied)


async def _intend(
    equipment: Equipment,
    run: Run,
    incident: Incident,
    step: PlanStep,
    act: Act,
    attempt: Attempt,
    world: Known,
    members: Membership,
) -> tuple[dict[str, Any] | None, Seen | None]:
    """Ask the guards and write the intent, in one transaction; what stopped it, or what the fence is to know."""
    plan, step_id = run.plan, attempt.step_id(run.plan)
    stopped_here = equipment.kill_switch.here()
    requester = asked_by(equipment.people, run.requester)
    now, jumped = equipment.clock(), equipment.clock_jumped()
    strict = asks_for_approval(equipment.policy, plan.environment)

    def intend(session: Session) -> Deny | None:
        stopper = runs.stop_requested_by(session, run.id) if attempt.undo < 0 else ""
        if stopper:  # asked for while the groups were looked up (T06)
            return Deny(STOPPED, f"stopped by {stopper}", "Ask for the step again if it is still needed.")
        if attempt.undo < 0 and (other := replaced(equipment, plan)) is not None:
            return other  # the catalogue was loaded again while the groups were looked up (T09)
        stops = together(stopped_here, kill_switch.engaged(session))
        context = snapshot(session, equipment, plan, step, requester, run.id, stops, now, world, undo=attempt.undo >= 0)
        setback = setback_of(session, equipment, plan)
        decision = decide_step(equipment, plan, step, context, setback=setback, undo=attempt.undo >= 0)
        if requester is None:
            decision = unconfirmed(equipment.policy, context, decision)
        back = looked_back(equipment, plan, step)
        keep_decision(session, plan, step, context, decision, phase="act", looked_back=back)
        if decision.outcome == "deny":
            return decision.denials[0]
        late = too_late(session, run, attempt.step, attempt.number, now, undo=attempt.undo >= 0)
        if (other := altered(run) or late) is not None:
            return other
        if decision.outcome == "ask" or attempt.step == 0:
            denial = use_approvals(
                session, run, decision, members, equipment.people, now, jumped=jumped, confirmations_too=strict
            )
            if denial is not None:
                return denial
        purpose, number, standing = attempt.purpose(plan), attempt.number, decision.standing
        if not attempts.intend(session, run.id, step_id, number, act, equipment.worker, now, purpose, standing):
            return Deny("already_started", "This attempt was started by another worker.", "Wait for its result.")
        if purpose == "change":
            count_act(session, equipment, run, incident, context)
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

    denial, seen = await equipment.store.write_then(intend, look(equipment, act))
    equipment.wake()
    if denial is not None and denial.code == STOPPED:
        return {"state": STOPPED, "reason": denial.reason}, None
    return (None, seen) if denial is None else (await _refused(equipment, run, incident, denial), None)


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
        work = adapter.act(act, key, reporter(equipment, run, incident))
        result = await watched(equipment, run.plan, act, work)
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
    step = run.plan.steps[attempt.step]
    reason = equipment.redactor.text(reason)
    data: dict[str, Any] = {
        "step": step.id,
        "shown": act.shown,
        "ok": state == "done",
        "goes_on": state == "failed" and told is None and attempt.undo < 0 and step.may_fail,
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
