"""The one next safe step, or why there is none: from the ranking, what was tried, and fresh facts (mission N2-N4).

Called by bot/stages/match.py, which `runbookctl simulate` goes through, and bot/simulation/cases.py. Pure: it offers,
the gate decides. Must not offer what already failed, what is no longer needed, what waits for an adapter, or what is
not meant for this environment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from runbooks.evidence import observed
from runbooks.expression import ExpressionError, condition_variables, holds
from runbooks.match import THRESHOLD, Ranked, waiting_for
from runbooks.model import Runbook, Step
from runbooks.shape import NO_ROLLBACK

DONE = frozenset({"succeeded", "skipped", "not_needed"})
FAILED = frozenset({"failed", "rolled back", "rolled_back"})
OPEN = frozenset({"running", "waiting"})
UNKNOWN = "unknown"
IDLE = "nothing left to do"
SEVERE = frozenset({"critical", "error"})
MAX_LOOKS = 5
NOTHING_SAID: Mapping[str, str] = MappingProxyType({})
MAX_EVIDENCE = 5


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
    """Nothing to offer. looks: where a person may look next. escalate: people must take over, with this severity.

    evidence: what was tried on this incident and what the facts say that conditions asked about.
    """

    why: str
    looks: tuple[str, ...] = ()
    escalate: bool = False
    severity: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sight:
    """What every decision below looks at."""

    past: Mapping[tuple[str, str], str]
    variables: Mapping[str, Any]
    environment: str
    read_only: Collection[str]
    promotions: Mapping[str, str]


def next_step(
    ranked: Sequence[Ranked],
    past: Sequence[PastStep],
    facts: Mapping[str, Mapping[str, Any]],
    environment: str,
    *,
    read_only: Collection[str],
    incident: Mapping[str, Any] | None = None,
    threshold: float = THRESHOLD,
    promotions: Mapping[str, str] = NOTHING_SAID,
) -> NextStep | NoStep:
    """The step to offer for an incident.

    ranked: from `match`. facts: name -> value, fresh. environment: from the catalogue, empty when unknown (then nothing
    is offered). read_only: names of the operations that change nothing. incident: what conditions see as
    `incident.<field>`. promotions: runbook id -> why its changes may not be used here, empty when a promotion record puts
    this environment into its scopes (runbooks/promotion.py); of whom nothing is said, the scopes alone count.
    """
    variables = condition_variables(_incident(incident, environment), facts)
    sight = _Sight(_tried(past), variables, environment, read_only, promotions)
    severity = str((incident or {}).get("severity", ""))
    nothing = NoStep(
        "No runbook matches well enough to be offered.",
        looks=_looks(ranked, threshold),
        escalate=severity in SEVERE,
        severity=severity if severity in SEVERE else "",
        evidence=_evidence(ranked, past, variables),
    )
    if not environment:
        return replace(nothing, why="The environment of this incident is not known, so nothing may be run.")
    stop = _stopped(ranked, past, sight, nothing)
    if stop is not None:
        return stop
    reasons: list[str] = []
    idle = True
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
        idle = idle and why.startswith(IDLE)
    if not reasons:
        return nothing
    if idle:  # what fits has nothing left to do: the facts are well, or it was all done
        nothing = replace(nothing, escalate=False, severity="")
    return replace(nothing, why="; ".join(reasons) + ".")


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


def _tried(past: Sequence[PastStep]) -> dict[tuple[str, str], str]:
    """What each step came to. One that was refused or expired tried nothing, and takes nothing back that was tried."""
    counted = DONE | FAILED | OPEN | {UNKNOWN}
    return {(p.runbook, p.step): p.outcome for p in past if p.outcome in counted}


def _stopped(ranked: Sequence[Ranked], past: Sequence[PastStep], sight: _Sight, nothing: NoStep) -> NoStep | None:
    """What forbids any offer: a step still open, one whose effect nobody knows, or enough failures to call a person."""
    known = {one.runbook.id: one.runbook for one in ranked}
    for (name, step), outcome in sight.past.items():
        if outcome in OPEN:
            why = f"The step {step} of {name} is still {outcome}."
            return replace(nothing, why=why, escalate=False, severity="")
        if outcome == UNKNOWN:
            why = f"Whether the step {step} of {name} happened is unknown; a person must say so first."
            return replace(nothing, why=why, escalate=False, severity="")  # they are being asked already
    for name in sorted({p.runbook for p in past}):
        runbook = known.get(name)
        changing = {s.id for s in runbook.steps if s.action not in sight.read_only} if runbook else None
        failed = sum(
            p.outcome in FAILED for p in past if p.runbook == name and (changing is None or p.step in changing)
        )
        if failed >= (runbook.escalate.after_failures if runbook else 1):
            title = runbook.title if runbook else name
            times = f"{failed} time{'s' if failed > 1 else ''}"
            return replace(
                nothing,
                why=f"{title} failed {times} on this incident; a person must take over.",
                escalate=True,
                severity=runbook.escalate.severity if runbook else "critical",
            )
    return None


def _steps(runbook: Runbook, sight: _Sight) -> tuple[tuple[Step, ...], str]:
    """The steps of this runbook to offer, and why these; or none and why not."""
    if runbook.waits_for:
        return (), waiting_for(runbook)
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
        barred = sight.promotions.get(runbook.id)
        if step.safety is not None and sight.environment not in step.safety.scopes and barred != "":
            if not changing:
                continue
            return (), f"the step {step.id} is for {', '.join(step.safety.scopes)}, not for {sight.environment}"
        if not changing:
            looks.append(step)
            continue
        if step.safety is None:
            return (), f"the step {step.id} names no environment it is for"
        if barred:
            return (), barred
        if step.safety.risk == "forbidden":
            return (), f"the step {step.id} is forbidden"
        return (*looks, step), "; ".join(passed)
    if looks:
        return tuple(looks), "; ".join(passed)
    return (), "; ".join([IDLE, *passed])


def _needed(step: Step, sight: _Sight) -> tuple[bool | None, str]:
    """True: needed. False: skip it, with the reason. None: nobody can tell, so this runbook is not offered."""
    for kind, condition in (("when", step.when), ("precheck", step.precheck)):
        if not condition:
            continue
        try:
            if not holds(condition, sight.variables):
                # without the values: they are in the evidence, and an answer that changes with every reading of a gauge
                # would be written down again and again
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
    """Where to look next: what nearly matched, what stood in the way, and what its runbook says to look at (N4)."""
    found: list[str] = []
    for one in ranked:
        look = f". {one.runbook.diagnosis[0]}" if one.runbook.diagnosis else ""
        if one.blocked:
            found.append(f"{one.runbook.title}: {one.blocked}{look}")
        elif one.score < threshold:
            found.append(f"{one.runbook.title}: perhaps, confidence {one.score:.0%}{look}")
    return tuple(found[:MAX_LOOKS])


def _evidence(ranked: Sequence[Ranked], past: Sequence[PastStep], variables: Mapping[str, Any]) -> tuple[str, ...]:
    """What was tried, newest first, and the values of the facts that the matching runbooks ask about."""
    tried = dict.fromkeys(f"the step {p.step} of {p.runbook}: {p.outcome}" for p in reversed(past))
    asked: dict[str, None] = {}
    for one in ranked:
        for condition in (one.runbook.match.when, *(c for s in one.runbook.steps for c in (s.when, s.precheck))):
            seen = observed(condition, {"facts": variables["facts"]}) if condition else ""
            asked.update(dict.fromkeys(seen.split(", ") if seen else ()))
    return (*list(tried)[:MAX_EVIDENCE], *list(asked)[:MAX_EVIDENCE])
