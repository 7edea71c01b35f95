"""Match: rank runbooks for an incident and pick the next safe step. Pure and explained.

Called by bot/triage.py and bot/requests.py. Decides nothing about permission: that is bot/stages/gate.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from bot.incident import Incident
from bot.stages.base import Equipment
from bot.store import entries, runs
from bot.store.runs import Run
from bot.transcript import EntryKind, Outcome
from runbooks.match import Ranked, Situation, match
from runbooks.model import Runbook
from runbooks.next_step import NextStep, NoStep, PastStep, next_step

OUTCOME_WORDS = {
    Outcome.SUCCEEDED.value: "succeeded",
    Outcome.FAILED.value: "failed",
    Outcome.ROLLED_BACK.value: "failed",
    Outcome.UNKNOWN.value: "unknown",
}


def situation(incident: Incident) -> Situation:
    """What the matcher may look at."""
    return Situation(
        title=incident.title,
        severity=incident.severity.value,
        service=incident.service,
        environment=incident.environment,
        alert=incident.alert_name,
        labels=incident.labels,
        details=incident.details,
    )


def past_runs(session: Session, incident_id: str) -> list[Run]:
    """Runs since the incident was last reopened: a fix that held then may be tried again, once more (X1)."""
    reopened = [e.at for e in entries.for_incident(session, incident_id) if e.kind is EntryKind.REOPENED]
    since = max(reopened) if reopened else None
    return [run for run in runs.for_incident(session, incident_id) if since is None or run.created_at >= since]


def past_steps(found_runs: Sequence[Run]) -> tuple[PastStep, ...]:
    """The steps of ended runs that count for what comes next; a refused or expired run tried nothing.

    The increments of one step are one step.
    """
    found: list[PastStep] = []
    for run in sorted(found_runs, key=lambda r: r.created_at):
        word = OUTCOME_WORDS.get(run.outcome or "")
        if run.state == "closed" and word:
            names = dict.fromkeys(step.runbook_step for step in run.plan.steps)
            found += [PastStep(runbook=run.plan.runbook, step=name, outcome=word) for name in names]
    return tuple(found)


def choose(
    equipment: Equipment, incident: Incident, facts: Mapping[str, Mapping[str, Any]], past: Sequence[Run]
) -> tuple[NextStep | NoStep, tuple[Ranked, ...]]:
    """The next step (or why there is none) and the ranking it came from."""
    ranked = match(equipment.library.runbooks, situation(incident), facts, equipment.index())
    return _next(equipment, incident, ranked, facts, past), ranked


def step_of(
    equipment: Equipment,
    incident: Incident,
    runbook: Runbook,
    facts: Mapping[str, Mapping[str, Any]],
    past: Sequence[Run],
    reason: str,
) -> NextStep | NoStep:
    """The next step of one runbook that a person named, whatever matches best."""
    return _next(equipment, incident, (Ranked(runbook, 1.0, (reason,)),), facts, past)


def _next(
    equipment: Equipment,
    incident: Incident,
    ranked: tuple[Ranked, ...],
    facts: Mapping[str, Mapping[str, Any]],
    past: Sequence[Run],
) -> NextStep | NoStep:
    read_only = frozenset(name for name, operation in equipment.operations.items() if operation.read_only)
    return next_step(
        ranked,
        past_steps(past),
        facts,
        incident.environment,
        read_only=read_only,
        incident=incident.model_dump(mode="json"),
    )
