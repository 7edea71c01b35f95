"""The one next safe step, or why there is none: from the ranking, what was tried, and fresh facts (mission N2-N4).

Called by bot/stages/match.py and `runbookctl simulate`. Pure: it offers, the gate decides. Must not offer what already
failed, what is no longer needed, or what is not meant for this environment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbooks.expression import ExpressionError, condition_variables, holds
from runbooks.match import THRESHOLD, Ranked
from runbooks.model import Runbook, Step
from runbooks.shape import NO_ROLLBACK

DONE = frozenset({"succeeded", "skipped", "not_needed"})
FAILED = frozenset({"failed", "rolled back", "rolled_back"})
OPEN = frozenset({"running", "waiting"})
UNKNOWN = "unknown"
MAX_LOOKS = 5


@dataclass(frozen=True, slots=True)
class PastStep:
    """One step tried on this incident, oldest first. outcome: a design word; refused or expired tried nothing.

    Pass only what belongs to the present trouble: after a reopening, steps from before it would hide what is needed
    again.
    """

    runbook: str
    step: str
    outcome: str


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to offer. steps: leading read-only looks, then at most one changing step. success, undo: in words."""

    runbook: Runbook
    steps: tuple[Step, ...]
    why: str
    score: float
    success: str
    undo: str


@dataclass(frozen=True, slots=True)
class NoStep:
    """Nothing to offer. looks: where a person may look next. escalate: page now, with this severity."""

    why: str
    looks: tuple[str, ...] = ()
    escalate: bool = False
    severity: str = ""


@dataclass(frozen=True, slots=True)
class _Sight:
    """What every decision below looks at."""

    past: Mapping[tuple[str, str], str]
    variables: Mapping[str, Any]
    environment: str
    read_only: Collection[str]


def next_step(
    ranked: Sequence[Ranked],
    past: Sequence[PastStep],
    facts: Mapping[str, Mapping[str, Any]],
    environment: str,
    *,
    read_only: Collection[str],
    incident: Mapping[str, Any] | None = None,
    threshold: float = THRESHOLD,
) -> NextStep | NoStep:
    """The step to offer for an incident.

    ranked: from `match`. facts: name -> value, fresh. environment: from the catalogue, empty when unknown (then nothing
    is offered). read_only: names of the operations that change nothing. incident: what conditions see as
    `incident.<field>`.
    """
    looks = _looks(ranked, threshold)
    if not environment:
        return NoStep("The environment of this incident is not known, so nothing may be run.", looks)
    sight = _Sight(
        past={(p.runbook, p.step): p.outcome for p in past},
        variables=condition_variables(_incident(incident, environment), facts),
        environment=environment,
        read_only=read_only,
    )
    stop = _stopped(ranked, past, sight, looks)
    if stop is not None:
        return stop
    reasons: list[str] = []
    for one in ranked:
        if one.blocked or one.score < threshold:
            continue
        steps, why = _steps(one.runbook, sight)
        if steps:
            return NextStep(
                runbook=one.runbook,
                steps=steps,
                why=_why(one, why, reasons),
                score=one.score,
                success=success(steps[-1], read_only),
                undo=undo(steps[-1], read_only),
            )
        reasons.append(f"{one.runbook.title}: {why}")
    if reasons:
        return NoStep("; ".join(reasons) + ".", looks)
    return NoStep("No runbook matches well enough to be offered.", looks)


def success(step: Step, read_only: Collection[str]) -> str:
    """What proves that the step worked, in words."""
    parts: list[str] = []
    if step.verify is not None:
        v = step.verify
        parts.append(f"{v.fact}: {v.expect}, {v.required} of {v.of} samples within {v.within:g} s")
    needed = [p.pattern for p in step.expect if not p.allow_failure]
    if needed:
        parts.append("the output contains " + " and ".join(needed))
    if parts:
        return "; ".join(parts)
    return "nothing changes, so there is nothing to prove" if step.action in read_only else "nothing proves it"


def undo(step: Step, read_only: Collection[str]) -> str:
    """How the step is undone, in words."""
    if step.rollback:
        return "by " + ", then ".join(action.action for action in step.rollback)
    if step.action in read_only:
        return "nothing changes, so there is nothing to undo"
    if step.irreversible:
        return "it cannot be undone" + (f": {step.rollback_note}" if step.rollback_note else "")
    if step.rollback_note and step.rollback_note != NO_ROLLBACK:
        return f"there is no undo: {step.rollback_note}"
    return "there is no undo"


def _incident(incident: Mapping[str, Any] | None, environment: str) -> dict[str, Any]:
    made = {"environment": environment, **(incident or {})}
    if "alert_name" in made:
        made.setdefault("alert", made["alert_name"])
    return made


def _stopped(
    ranked: Sequence[Ranked], past: Sequence[PastStep], sight: _Sight, looks: tuple[str, ...]
) -> NoStep | None:
    """What forbids any offer: a step still open, one whose effect nobody knows, or enough failures to call a person."""
    known = {one.runbook.id: one.runbook for one in ranked}
    for (name, step), outcome in sight.past.items():
        if outcome in OPEN:
            return NoStep(f"The step {step} of {name} is still {outcome}.", looks)
        if outcome == UNKNOWN:
            return NoStep(f"Whether the step {step} of {name} happened is unknown; a person must say so first.", looks)
    for name in sorted({p.runbook for p in past}):
        runbook = known.get(name)
        changing = {s.id for s in runbook.steps if s.action not in sight.read_only} if runbook else None
        failed = sum(
            p.outcome in FAILED for p in past if p.runbook == name and (changing is None or p.step in changing)
        )
        if failed >= (runbook.escalate.after_failures if runbook else 1):
            title = runbook.title if runbook else name
            return NoStep(
                f"{title} failed {failed} time{'s' if failed > 1 else ''} on this incident; a person must take over.",
                looks,
                escalate=True,
                severity=runbook.escalate.severity if runbook else "critical",
            )
    return None


def _steps(runbook: Runbook, sight: _Sight) -> tuple[tuple[Step, ...], str]:
    """The steps of this runbook to offer, and why these; or none and why not."""
    looks: list[Step] = []
    passed: list[str] = []
    for step in runbook.steps:
        outcome = sight.past.get((runbook.id, step.id), "")
        changing = step.action not in sight.read_only
        if outcome in DONE or (outcome in FAILED and not changing):
            continue
        if outcome in FAILED:
            return (), f"the step {step.id} already failed on this incident"
        needed, reason = _needed(step, sight)
        if needed is None:
            return (), reason
        if not needed:
            passed.append(reason)
            if changing:
                looks.clear()  # looking before an act that is not needed helps nobody
            continue
        if step.safety is not None and sight.environment not in step.safety.scopes:
            if not changing:
                continue
            return (), f"the step {step.id} is for {', '.join(step.safety.scopes)}, not for {sight.environment}"
        if not changing:
            looks.append(step)
            continue
        if step.safety is None:
            return (), f"the step {step.id} names no environment it is for"
        if step.safety.risk == "forbidden":
            return (), f"the step {step.id} is forbidden"
        return (*looks, step), "; ".join(passed)
    if looks:
        return tuple(looks), "; ".join(passed)
    return (), "; ".join(["nothing left to do", *passed])


def _needed(step: Step, sight: _Sight) -> tuple[bool | None, str]:
    """True: needed. False: skip it, with the reason. None: nobody can tell, so this runbook is not offered."""
    for kind, condition in (("when", step.when), ("precheck", step.precheck)):
        if not condition:
            continue
        try:
            if not holds(condition, sight.variables):
                return False, f"the step {step.id} is not needed: {kind} {condition} does not hold"
        except ExpressionError as error:
            return None, f"the step {step.id} cannot be judged: {kind} {condition}: {error}"
    return True, ""


def _why(one: Ranked, passed: str, before: Sequence[str]) -> str:
    parts = ["; ".join(_short(reason) for reason in one.reasons)]
    if passed:
        parts.append(passed)
    if before:
        parts.append("passed over " + "; ".join(before))
    text = ". ".join(part[:1].upper() + part[1:] for part in parts if part)
    return f"{text}. Confidence {one.score:.0%}."


def _short(reason: str) -> str:
    """A condition is said in full by `explain`; in the offer its names would only tire the reader."""
    return "the runbook's condition holds" if reason.endswith(" holds") else reason


def _looks(ranked: Sequence[Ranked], threshold: float) -> tuple[str, ...]:
    """Where to look next: what nearly matched, and what stood in the way (mission N4)."""
    found: list[str] = []
    for one in ranked:
        if one.blocked:
            found.append(f"{one.runbook.title}: {one.blocked}")
        elif one.score < threshold:
            found.append(f"{one.runbook.title}: perhaps, confidence {one.score:.0%}")
    return tuple(found[:MAX_LOOKS])
