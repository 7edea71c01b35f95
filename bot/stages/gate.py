"""Gate: the guards' answer for one plan, one person and one moment. The only place that unwraps a guarded function.

Called when a person asks (bot/requests.py) and again before every step, inside the transaction that writes the intent
(bot/flow.py). Pure apart from reading the given session; on any error the chain denies (safety rule 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

import guards
from bot.operations.base import Operation, PlanRequest
from bot.plan import Act, Plan, PlanStep
from bot.services import Person
from bot.stages.base import Equipment
from bot.stages.known import NOTHING, Known
from bot.stages.promoted import granted, rule_of, with_environment
from bot.store import attempts, breakers, history, leases
from bot.store.trials import Setback
from guards.allowed_envs import AllowedEnvs
from guards.blast_radius import BlastRadius
from guards.circuit_breaker import CircuitBreaker
from guards.rate_limit import RateLimit
from guards.require_approval import RequireApproval
from runbooks.model import Runbook, Safety


def plan_with(operation: Operation, request: PlanRequest) -> Act:
    """Run the planner itself. Planning only describes; the guards are asked about the finished plan."""
    planner = guards.unguarded(operation.plan)
    return planner(request)


def actor_of(person: Person | None) -> guards.Actor:
    """The asking person, or the bot for plans nobody asked for (which never counts as an approver, T01)."""
    if person is None:
        return guards.Actor(id="bot", name="Countersign", is_bot=True)
    return guards.Actor(id=person.id, name=person.name, roles=frozenset(person.roles))


def snapshot(
    session: Session,
    equipment: Equipment,
    plan: Plan,
    step: PlanStep,
    person: Person | None,
    run_id: str,
    stops: Sequence[guards.Stop],
    now: datetime,
    seen: Known = NOTHING,
    *,
    undo: bool = False,
) -> guards.Context:
    """Everything the guards may look at for one step, read in the caller's transaction.

    seen: what was observed before the transaction for rules that count it. undo: as of `decide_step`.
    """
    safety = _safety(equipment, plan, step, undo=undo)
    window = timedelta(seconds=looked_back(equipment, plan, step))
    counted = plan.incident_id if _counts_incident(equipment, step) else ""
    targets = {act.target.key for act in (step.act, *step.rollback)}
    resize = plan.change_of(step)
    broken = person is not None and plan.break_glass
    return guards.Context(
        action=step.act.operation,
        environment=plan.environment,
        now=now,
        actor=actor_of(person),
        service=plan.service,
        tier=plan.tier,
        risk=step.risk,
        targets=tuple(sorted(targets)),
        run=run_id,
        scopes=safety.scopes if safety else ((plan.environment,) if step.read_only else ()),
        history=history.past_acts(session, now - window, except_run=run_id, incident=counted),
        holders=leases.holders(session),
        stops=tuple(stops),
        runbook=plan.runbook,
        incident=plan.incident_id,
        autonomy=safety.autonomy if safety else "",
        calendar=equipment.calendar(now),
        breakers=_in_the_way(session, run_id),
        inventory=seen.inventory,
        change=guards.Change(resize.current, resize.wanted, resize.unit) if resize else None,
        cost=plan.cost_of(step),
        budget_burned=seen.budget_burned,
        break_glass=guards.BreakGlass(plan.break_glass, plan.requester, plan.expires_at) if broken else None,
        members=tuple(sorted({key for act in (step.act, *step.rollback) for key in act.member_keys})),
        members_in_all=tuple(sorted(plan.members_with(step))),
    )


def decide_step(
    equipment: Equipment,
    plan: Plan,
    step: PlanStep,
    context: guards.Context,
    *,
    setback: Setback | None = None,
    undo: bool = False,
) -> guards.Decision:
    """Operation's guards, the promotion rule, the runbook's own rules and policy, as one chain.

    setback: what `bot.stages.promoted.setback_of` found in the same transaction. undo: the step's rollback is asked about.
    """
    operation = equipment.operations[step.act.operation]
    chain: list[guards.Guard] = [*guards.guards_of(operation.plan)]
    if undo or granted(equipment, plan):  # what a record let be done is taken back without it, too
        chain = with_environment(chain, plan.environment)
    chain.append(rule_of(equipment, plan, setback, undo=undo))
    safety = _safety(equipment, plan, step, undo=undo)
    if safety is not None:
        chain.append(AllowedEnvs(envs=tuple(safety.scopes)))
        chain.append(BlastRadius(max_targets=safety.blast_radius.max_targets))
        chain += [
            RateLimit(max=limit.max, window=limit.window, per=limit.per, env=limit.env)
            for limit in safety.limits
            if limit.env in ("", plan.environment)
        ]
        if safety.requires_approval:
            chain.append(RequireApproval())
    return equipment.policy.decide(context, chain)


def questions(equipment: Equipment, plan: Plan, decisions: Sequence[guards.Decision]) -> tuple[guards.Ask, ...]:
    """What must be asked for the whole plan: at most one confirmation, then at most one approval, the strictest.

    A question for approval without groups of its own gets the environment's approvers from policy; an environment
    without approvers leaves it empty, and then nobody can approve (trust case T43).
    """
    asked = [question for decision in decisions for question in decision.questions]
    found: list[guards.Ask] = []
    confirmations = [q for q in asked if q.kind == "confirmation"]
    if confirmations:
        found.append(min(confirmations, key=lambda q: q.timeout_seconds))
    approvals = [q for q in asked if q.kind == "approval"]
    if approvals:
        own = equipment.policy.approvers(plan.environment, plan.tier) or guards.Approvers(count=1)
        count = max([own.count, *(q.approvers.count for q in approvals if q.approvers)])
        any_of = own.any_of
        needed = [*own.all_of, *(g for q in approvals if q.approvers for g in q.approvers.all_of)]
        for question in approvals:
            these = question.approvers.any_of if question.approvers else ()
            shared = tuple(group for group in any_of if group in these)
            if these and not shared and len(these) == 1:
                count += these[0] not in needed  # one group beside the others: one person of it as well, not nobody
                needed.append(these[0])
            elif these:
                any_of = shared
        all_of = tuple(dict.fromkeys(needed))
        found.append(
            guards.Ask(
                kind="approval",
                message=approvals[0].message,
                timeout_seconds=min(q.timeout_seconds for q in approvals),
                approvers=guards.Approvers(count=count, any_of=any_of, all_of=all_of),
            )
        )
    return tuple(found)


def _in_the_way(session: Session, run_id: str) -> tuple[guards.OpenBreaker, ...]:
    """The open breakers, without one that this run opened by being the last allowed: it may go on, and must undo."""
    found = breakers.opened(session)
    began = {attempt.started_at for attempt in attempts.for_run(session, run_id)} if found and run_id else ()
    return tuple(breaker for breaker in found if breaker.opened_at not in began)


def _safety(equipment: Equipment, plan: Plan, step: PlanStep, *, undo: bool = False) -> Safety | None:
    runbook: Runbook | None = equipment.library.get(plan.runbook)
    found = next((s for s in runbook.steps if s.id == step.runbook_step), None) if runbook else None
    safety = found.safety if found else None
    if safety is not None and plan.environment not in safety.scopes and (undo or granted(equipment, plan)):
        # a record of this very version is what puts an environment into its scopes (docs/promotion.md)
        return safety.model_copy(update={"scopes": (*safety.scopes, plan.environment)})
    return safety


def looked_back(equipment: Equipment, plan: Plan, step: PlanStep) -> float:
    """Seconds of the past that the rules of this step count acts in; reading more history would only cost time."""
    safety = _safety(equipment, plan, step)
    guarding = guards.guards_of(equipment.operations[step.act.operation].plan)
    windows = [guard.window for guard in guarding if isinstance(guard, RateLimit | CircuitBreaker)]
    windows += [limit.window for limit in safety.limits] if safety else []
    return max([equipment.policy.longest_window(), *windows])


def _counts_incident(equipment: Equipment, step: PlanStep) -> bool:
    """Whether a rule counts what was done for this incident however long ago; an incident may have a long past."""
    guarding = guards.guards_of(equipment.operations[step.act.operation].plan)
    breaking = (guard for guard in (*guarding, *equipment.policy.breakers) if isinstance(guard, CircuitBreaker))
    return any(breaker.per == "incident" for breaker in breaking)
