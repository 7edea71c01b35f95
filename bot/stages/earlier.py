"""Earlier: what a plan does otherwise than the one that it takes the place of (mission P3).

Called by bot/stages/asking.py before it opens the run; the card and the transcript show it. Reads only; must not judge
whether a difference matters.
"""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from bot.plan import Plan
from bot.stages.difference import since_asked
from bot.store import attempts, runs
from bot.store.runs import Run

SHORT = 12  # characters of a digest that people see, as Plan.short_digest


def asked_before(session: Session, plan: Plan) -> Run | None:
    """The newest run of this runbook for this incident, when it ended before anything was done; else None."""
    same = [run for run in runs.for_incident(session, plan.incident_id) if run.plan.runbook == plan.runbook]
    newest = max(same, key=lambda run: run.created_at, default=None)
    return newest if newest is not None and not attempts.changed_something(session, newest.id) else None


def compared(session: Session, plan: Plan) -> dict[str, Any]:
    """Data of a `requested` entry: instead_of, the short digest of the plan before, and changed, one line each; empty
    when there was none or it is the same.
    """
    before = asked_before(session, plan)
    lines = since_asked(before.plan, plan) if before is not None else ()
    return {"instead_of": before.digest[:SHORT], "changed": list(lines)} if before is not None and lines else {}
