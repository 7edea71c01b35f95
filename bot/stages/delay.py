"""Delay: what time may not pass over: a plan that nobody began in time, a run that lay still, an act that was cut off.

Called by bot/stages/execute.py before an act. A bot that was down for hours finds its runs where it left them, and people
have done something else meanwhile: what they agreed to was meant for then. Reads only; must not start or end anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from bot.incident import Incident, IncidentStatus
from bot.kill_switch import together
from bot.plan import PlanStep
from bot.stages.base import Equipment
from bot.stages.by_itself import asked_by
from bot.stages.gate import decide_step, snapshot
from bot.stages.known import known
from bot.stages.precheck import altered, replaced
from bot.stages.promoted import setback_of
from bot.store import approvals, attempts, kill_switch, runs
from bot.store.runs import Run
from guards.decision import Deny

STOPPED = "stopped"
OUTLIVED = "outlived"
QUIET = timedelta(minutes=15)  # as long as an approval stands in production (T08), beside what the plan itself takes
ENDED = Deny(STOPPED, "the run has ended", "Ask for the step again if it is still needed.")
OVER = Deny("incident_resolved", "The monitor says this incident is over.", "Nothing is needed.")
NOT_BEGUN = Deny(
    "expired", "Nobody began this plan before it expired.", "Ask for the step again if it is still needed."
)


def too_late(session: Session, run: Run, step: int, number: int, now: datetime, *, undo: bool) -> Deny | None:
    """Why an act comes too late; None when it does not.

    step: index into the plan. number: which try of it. The first act of a run must begin before the plan ends, also where
    nobody had to be asked; every later one, the undo too, soon after the last thing that happened in the run.
    """
    if runs.is_closed(session, run.id):  # another worker took this one for dead, and people were told (T53)
        return ENDED
    if step == 0 and number == 1 and not undo:
        return None if now < run.plan.expires_at else NOT_BEGUN
    return lay_still(session, run, now)


def lay_still(session: Session, run: Run, now: datetime) -> Deny | None:
    """Denies `outlived` when nothing happened in this run for longer than its acts and proofs take, and a quarter of an hour."""
    happened = [attempt.finished_at or attempt.started_at for attempt in attempts.for_run(session, run.id)]
    happened += [asked.decided_at for asked in approvals.for_run(session, run.id) if asked.decided_at is not None]
    steps = run.plan.steps
    acting = max(act.deadline_seconds for each in steps for act in (each.act, *each.rollback))
    proving = max([each.check.within_seconds for each in steps if each.check is not None], default=0.0)
    last = max(happened, default=run.created_at)
    if now - last <= QUIET + timedelta(seconds=acting + proving):
        return None
    since = f"{last:%Y-%m-%d %H:%M} UTC"
    return Deny(
        OUTLIVED, f"Nothing happened in this run since {since}.", "Look at the target, then let a person decide."
    )


async def again(equipment: Equipment, run: Run, incident: Incident, step: PlanStep, *, undo: bool) -> Deny | None:
    """Why an act that was cut off and could be repeated may not be: the incident is over, somebody stopped the run, it
    was long ago, a freeze began, a breaker opened (T06, T23, T55, T56, T57).
    """
    over = IncidentStatus.RESOLVED
    if not undo and (incident.status is over or await equipment.live_status(incident) is over):
        return OVER
    stops, requester = equipment.kill_switch.here(), asked_by(equipment.people, run.requester)
    world, now, plan = await known(equipment, incident), equipment.clock(), run.plan

    def ask(session: Session) -> Deny | None:
        if runs.is_closed(session, run.id):
            return ENDED
        stopper = "" if undo else runs.stop_requested_by(session, run.id)
        if stopper:
            return Deny(STOPPED, f"stopped by {stopper}", "Ask for the step again if it is still needed.")
        other = altered(run) or (None if undo else replaced(equipment, plan)) or lay_still(session, run, now)
        if other is not None:
            return other
        every = together(stops, kill_switch.engaged(session))
        context = snapshot(session, equipment, plan, step, requester, run.id, every, now, world, undo=undo)
        decision = decide_step(equipment, plan, step, context, setback=setback_of(session, equipment, plan), undo=undo)
        return decision.denials[0] if decision.denials else None

    return await equipment.store.read(ask)
