"""Lint rule about policy: a runbook may tighten what policy.yaml says, never loosen it (docs/policy.md; design section 7).

Called by runbooks/lint; without a policy only what needs none is said. At run time the stricter of the two counts, so a
runbook that claims more only misleads whoever reads it. Must not decide about permission.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from guards.autonomy import LEVELS
from guards.policy import Policy
from runbooks.lint.example import RESTART
from runbooks.lint.finding import Finding, Path, Severity
from runbooks.lint.rule import rule
from runbooks.lint.subject import Subject
from runbooks.model import Limit, Safety


@rule(
    "loosened-guard",
    "error",
    why="Whoever reads a runbook believes what it says. Policy holds at run time whatever is written here, so a claim of more "
    "is a promise that will be broken at night. Give `--policy policy.yaml` to compare; without it only a change that calls "
    "itself `risk: read` is found. What policy gives in some of the scopes but not in all is a warning.",
    bad=RESTART + "{risk: read, scopes: [staging]}",
    good=RESTART + "{risk: safe, scopes: [staging]}",
)
def loosened_guard(subject: Subject) -> Iterator[Finding]:
    """A step claims more than policy gives: risk, scope, autonomy, limits or blast radius."""
    policy = subject.known.policy
    for i, step in subject.changing:
        if step.safety is None:
            continue
        here: Path = ("steps", i, "safety")
        if step.safety.risk == "read":
            yield Finding(
                "loosened-guard",
                "error",
                f"the step {step.id} changes something and calls its risk read, for which most rules do not apply.",
                "write risk: safe, caution or forbidden.",
                (*here, "risk"),
            )
        if policy is not None:
            yield from _scopes(step.id, step.safety, policy, here)
            yield from _autonomy(step.safety, policy, here)
            yield from _limits(step.action, step.safety, policy, here)
            yield from _radius(step.safety, policy, here)


def _scopes(step: str, safety: Safety, policy: Policy, here: Path) -> Iterator[Finding]:
    """An environment that policy does not know is never offered there, which is only odd; one that forbids it is a claim."""
    words = {(environment, risk): word for environment, risk, word in policy.cells}
    forbidden = [s for s in safety.scopes if words.get((s, safety.risk), "forbid") == "forbid"]
    for i, scope in enumerate(safety.scopes):
        path = (*here, "scopes", i)
        if scope not in policy.environments:
            listed = ", ".join(policy.environments)
            yield Finding(
                "loosened-guard", "warning", f"policy knows no environment {scope}.", f"use one of {listed}.", path
            )
        elif scope in forbidden:
            yield _claim(
                f"policy forbids what has the risk {safety.risk} in {scope}, so {step} can never run there.",
                "take the scope out, or have the policy reviewed.",
                forbidden,
                safety,
                path,
            )


def _autonomy(safety: Safety, policy: Policy, here: Path) -> Iterator[Finding]:
    given = {(environment, risk): word for environment, risk, word in policy.autonomy}
    ceilings = {scope: given.get((scope, safety.risk), "suggest") for scope in safety.scopes}
    claimed = safety.autonomy
    # What is not written is `suggest`, and then nothing is claimed.
    less = [scope for scope, most in ceilings.items() if LEVELS.index(most) < LEVELS.index(claimed)]
    if less and "autonomy" in safety.model_fields_set:
        told = ", ".join(f"{ceilings[scope]} in {scope}" for scope in less)
        yield _claim(
            f"it says autonomy: {claimed}, and policy gives {told} for the risk {safety.risk}.",
            f"write at most {max((ceilings[s] for s in ceilings), key=LEVELS.index)}, or have the policy reviewed.",
            less,
            safety,
            (*here, "autonomy"),
        )


def _limits(action: str, safety: Safety, policy: Policy, here: Path) -> Iterator[Finding]:
    """A limit is wider than policy's when it allows more in its window than policy can allow in that time."""
    for j, limit in enumerate(safety.limits):
        places = [limit.env] if limit.env else list(safety.scopes)
        allowed = {place: _most(action, limit, place, policy) for place in places}
        less = [place for place, most in allowed.items() if most < limit.max]
        if less:
            told = ", ".join(f"{allowed[place]:g} in {place}" for place in less)
            severity: Severity = "error" if len(less) == len(places) else "warning"
            yield Finding(
                "loosened-guard",
                severity,
                f"it allows {limit.max} per {limit.per} in {limit.window:g} s, and policy at most {told}.",
                "allow as few, or have the policy reviewed.",
                (*here, "limits", j),
            )


def _most(action: str, limit: Limit, environment: str, policy: Policy) -> float:
    """The most acts that policy's limits of this kind can allow in the window of the runbook's; infinite without one."""
    found = [
        own.max * math.ceil(limit.window / own.window)
        for own in policy.limits
        if own.per == limit.per and not own.service and own.env in ("", environment) and own.action in ("", action)
    ]
    return min(found, default=math.inf)


def _radius(safety: Safety, policy: Policy, here: Path) -> Iterator[Finding]:
    given = dict(policy.blast_radii)
    most = {scope: given[scope].max_targets if scope in given else 1 for scope in safety.scopes}
    wanted = safety.blast_radius.max_targets
    less = [scope for scope in most if most[scope] < wanted]
    if less:
        told = ", ".join(f"{most[scope]} in {scope}" for scope in less)
        yield _claim(
            f"it may touch {wanted} targets, and policy allows {told}.",
            "write as few, or have the policy reviewed.",
            less,
            safety,
            (*here, "blast_radius", "max_targets"),
        )


def _claim(message: str, fix: str, less: Sequence[str], safety: Safety, path: Path) -> Finding:
    scopes = safety.scopes
    return Finding("loosened-guard", "error" if len(less) == len(scopes) else "warning", message, fix, path)
