"""Match: rank runbooks for an incident and pick the next safe step. Pure and explained.

Called by bot/triage.py and bot/requests.py. Decides nothing about permission: that is bot/stages/gate.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from bot.incident import Incident
from bot.stages.base import Equipment
from bot.stages.plan import digest_of
from bot.store import attempts, entries, runs
from bot.store.runs import Run
from bot.transcript import EntryKind, Outcome
from guards.decision import Deny
from runbooks.match import Ranked, Situation, match
from runbooks.model import Runbook
from runbooks.next_step import NOTHING_SAID, NextStep, NoStep, PastStep, next_step

SHADOW = "shadow"
OUTCOME_WORDS = {
    Outcome.SUCCEEDED.value: "succeeded",
    Outcome.FAILED.value: "failed",
    Outcome.ROLLED_BACK.value: "failed",
    Outcome.UNKNOWN.value: "unknown",
}


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of this incident. begun: ids of its plan's steps whose act was begun."""

    run: Run
    begun: frozenset[str]


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


def past_runs(session: Session, incident_id: str) -> list[PastRun]:
    """Runs since the incident was last reopened: a fix that held then may be tried again, once more (X1)."""
    reopened = [e.at for e in entries.for_incident(session, incident_id) if e.kind is EntryKind.REOPENED]
    since = max(reopened) if reopened else None
    found = [run for run in runs.for_incident(session, incident_id) if since is None or run.created_at >= since]
    return [PastRun(run, attempts.begun(session, run.id)) for run in found]


def past_steps(past: Sequence[PastRun]) -> tuple[PastStep, ...]:
    """The steps of ended runs that count for what comes next; a refused or expired run tried nothing.

    The increments of one step are one step. Of a run that failed only what was begun: a look that failed ends the run
    before the change after it. Where nobody knows what happened, every step of the run counts.
    """
    found: list[PastStep] = []
    for one in sorted(past, key=lambda each: each.run.created_at):
        run = one.run
        word = OUTCOME_WORDS.get(run.outcome or "")
        if run.state == "closed" and word:
            tried = (step for step in run.plan.steps if word != "failed" or step.id in one.begun)
            names = dict.fromkeys(step.runbook_step for step in tried)
            found += [PastStep(runbook=run.plan.runbook, step=name, outcome=word) for name in names]
    return tuple(found)


def choose(
    equipment: Equipment,
    incident: Incident,
    facts: Mapping[str, Mapping[str, Any]],
    past: Sequence[PastRun],
    demoted: Mapping[str, str] = NOTHING_SAID,
) -> tuple[NextStep | NoStep, tuple[Ranked, ...]]:
    """The next step (or why there is none) and the ranking it came from.

    demoted: see `bot.stages.promoted.demoted`; what is not said here the guards say when it is asked for.
    """
    index = equipment.index()  # taken once: the catalogue may be replaced at any moment
    ranked = match(index.runbooks, situation(incident), facts, index)
    said = promotions(equipment, incident.environment, ranked)
    said |= {name: why for name, why in demoted.items() if said.get(name) == ""}
    chosen = _next(equipment, incident, ranked, facts, past, said)
    if isinstance(chosen, NoStep):
        chosen = replace(chosen, looks=(*chosen.looks, *to_read(equipment, incident)))
    return chosen, ranked


def to_read(equipment: Equipment, incident: Incident) -> tuple[str, ...]:
    """Imported pages that speak of this trouble, for the people who take over (mission N4, R9)."""
    found = equipment.library.shelf.read_also((incident.title, incident.alert_name, *incident.details.values()))
    return tuple(f"Read the {reading.entry.kind} {reading.entry.title} ({reading.entry.id}.md)" for reading in found)


def step_of(
    equipment: Equipment,
    incident: Incident,
    runbook: Runbook,
    facts: Mapping[str, Mapping[str, Any]],
    past: Sequence[PastRun],
    reason: str,
) -> NextStep | NoStep:
    """The next step of one runbook that a person named, whatever matches best.

    What was not promoted is not left out here: the guards refuse it, and their decision can be explained.
    """
    ranked = (Ranked(runbook, 1.0, (reason,)),)
    granted = {name: why for name, why in promotions(equipment, incident.environment, ranked).items() if not why}
    return _next(equipment, incident, ranked, facts, past, granted)


def _next(
    equipment: Equipment,
    incident: Incident,
    ranked: tuple[Ranked, ...],
    facts: Mapping[str, Mapping[str, Any]],
    past: Sequence[PastRun],
    said: Mapping[str, str],
) -> NextStep | NoStep:
    read_only = frozenset(name for name, operation in equipment.operations.items() if operation.read_only)
    return next_step(
        ranked,
        past_steps(past),
        facts,
        incident.environment,
        read_only=read_only,
        incident=incident.model_dump(mode="json"),
        promotions=said,
    )


def promotions(equipment: Equipment, environment: str, ranked: Sequence[Ranked]) -> dict[str, str]:
    """What the promotion records say of these runbooks here, for `next_step`: empty allows, a sentence bars.

    Nothing is said where no record is needed, and where the bot only watches: what was not promoted yet is watched first.
    """
    if not environment or not equipment.promotions.ladder.needs_record(environment):
        return {}
    equipment.promotions.refresh()
    found: dict[str, str] = {}
    for one in ranked:
        runbook = one.runbook
        if one.blocked or _watched(equipment, environment, runbook):
            continue
        answer = equipment.promotions.promoted(runbook.id, digest_of(runbook), environment)
        if answer is not None:
            found[runbook.id] = answer.reason.rstrip(".") if isinstance(answer, Deny) else ""
    return found


def version_in(equipment: Equipment) -> Callable[[str], str]:
    """Finds the digest of a runbook as it is now, by its id; empty for one that is gone."""

    def digest(name: str) -> str:
        runbook = equipment.library.get(name)
        return digest_of(runbook) if runbook is not None else ""

    return digest


def _watched(equipment: Equipment, environment: str, runbook: Runbook) -> bool:
    """Whether changes of this runbook are only watched here (`shadow`, mission G11), so that nothing of it is run."""
    if any(step.safety is not None and step.safety.autonomy == SHADOW for step in runbook.steps):
        return True
    return any(place == environment and word == SHADOW for place, _, word in equipment.policy.autonomy)
