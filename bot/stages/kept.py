"""What is kept of a decision, so that it can be explained and replayed (mission G12), and of a circuit breaker (G8, T57).

Called in the transaction that acts on the decision: bot/stages/asking.py (asked), bot/stages/execute.py (act),
bot/stages/closing.py (a run ended). Must not decide anything.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel import Session

import guards
from bot.incident import Incident
from bot.plan import Plan, PlanStep
from bot.stages.base import Equipment
from bot.stages.paging import escalate
from bot.store import breakers, decisions, history
from bot.store.decisions import RecordedDecision
from bot.store.runs import Run
from bot.transcript import Entry, EntryKind, Outcome
from guards.circuit_breaker import CircuitBreaker, after_trial, opens
from guards.recording import decision_data, to_data


def keep_decision(
    session: Session,
    plan: Plan,
    step: PlanStep,
    context: guards.Context,
    decision: guards.Decision,
    *,
    phase: str,
    looked_back: float,
    run_id: str = "",
) -> None:
    """One row: the context as it was, every finding, the policy. phase: `asked` or `act`; looked_back: seconds of history.

    run_id: the run that came of it, where the guards were asked before there was one.
    """
    if context.now is None:
        raise ValueError("a decision of the bot has a moment")
    decisions.add(
        session,
        RecordedDecision(
            at=context.now,
            incident_id=plan.incident_id,
            run_id=run_id or context.run,
            step_id=step.id,
            phase=phase,
            runbook=plan.runbook,
            service=plan.service,
            environment=plan.environment,
            action=context.action,
            actor=context.actor.id if context.actor else "",
            outcome=decision.outcome,
            policy_digest=decision.policy_digest,
            looked_back=looked_back,
            standing=decision.standing,
            context=to_data(context),
            findings=decision_data(decision),
        ),
    )


def count_act(session: Session, equipment: Equipment, run: Run, incident: Incident, context: guards.Context) -> None:
    """An intent was written: this run may be the trial of a half-open breaker, or open one by being the last allowed."""
    now = context.now
    if now is None or context.risk == "read":
        return
    act = guards.PastAct(
        context.action, context.service, context.environment, ",".join(context.targets), run.requester, now, "running"
    )
    after = replace(context, history=(*context.history, act))
    for breaker in _breakers(equipment, "remediation", "global"):
        key = breaker.key(context)
        if any(opened.key == key for opened in context.breakers):  # not one that this very run opened: it is no trial
            breakers.take_trial(session, key, run.id)
        if breaker.per == "remediation" and opens(breaker, after):
            text = f"{breaker.max} runs of {context.action} on {context.service} in {breaker.window / 60:g} min"
            _open(session, equipment, run, incident, key, text, now)


def count_end(session: Session, equipment: Equipment, run: Run, incident: Incident, outcome: Outcome) -> None:
    """A run ended: its trial closes a breaker or opens it anew, and too many that went wrong open the global one."""
    now = equipment.clock()
    for opened in breakers.opened(session):
        if opened.trial_run != run.id:
            continue
        again = after_trial(opened, outcome is Outcome.SUCCEEDED, now)
        if again is None:
            breakers.close(session, opened.key)
            _note(session, equipment, run, incident, EntryKind.BREAKER_CLOSED, {"key": opened.key}, now)
        else:
            _open(session, equipment, run, incident, opened.key, "its trial did not work", now)
    for breaker in _breakers(equipment, "global"):
        since = now - timedelta(seconds=breaker.window)
        context = guards.Context(
            action=run.plan.action,
            environment=run.plan.environment,
            service=run.plan.service,
            now=now,
            history=history.past_acts(session, since),
            breakers=breakers.opened(session),
        )
        if opens(breaker, context):
            text = f"{breaker.max} acts went wrong in {breaker.window / 60:g} min"
            _open(session, equipment, run, incident, breaker.key(context), text, now)


def _breakers(equipment: Equipment, *kinds: str) -> tuple[CircuitBreaker, ...]:
    return tuple(breaker for breaker in equipment.policy.breakers if breaker.per in kinds)


def _open(
    session: Session, equipment: Equipment, run: Run, incident: Incident, key: str, reason: str, now: datetime
) -> None:
    """The breaker opens, and people are paged: automation stops here (G8)."""
    breakers.open_anew(session, key, now)
    _note(session, equipment, run, incident, EntryKind.BREAKER_OPENED, {"key": key, "reason": reason}, now)
    escalate(session, equipment, incident, f"the circuit breaker opened: {reason}", run=run)


def _note(
    session: Session,
    equipment: Equipment,
    run: Run,
    incident: Incident,
    kind: EntryKind,
    data: dict[str, str],
    now: datetime,
) -> None:
    equipment.record(
        session,
        incident,
        Entry(incident_id=incident.id, run_id=run.id, kind=kind, at=now, actor="bot", data=dict(data)),
    )
