"""Lint rules about reach: where a changing step may be used, how often, how long, and whether it is reached at all.

Called by runbooks/lint. Must not know the environments of one installation.
"""

from __future__ import annotations

from collections.abc import Iterator

from runbooks import expression
from runbooks.lint.finding import Finding, Repair
from runbooks.lint.rule import rule
from runbooks.lint.subject import Subject
from runbooks.model import Step
from runbooks.sense import LOWER_ENVIRONMENTS

LONGEST_DEADLINE = 900.0  # seconds; an act that takes longer belongs in increments with a verify after each (G7)
MOST_PER_HOUR = 60.0  # a limit that allows more than one act a minute bounds nothing (G6: one restart an hour)
MOST_TARGETS = 50  # trust rule 15: more than this at once is a fleet, and belongs into waves

_PROVED = """    verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}
    rollback: none
"""
_RESTART = """
steps:
  - id: restart
    action: supervisor.restart
    with: {target: "${target}"}
"""


@rule(
    "empty-scope",
    "error",
    why="A step that names no environment is never offered; empty never means all (case T34).",
    bad=_RESTART + _PROVED,
    good=_RESTART + _PROVED + "    safety: {risk: safe, scopes: [dev, staging]}\n",
)
def empty_scope(subject: Subject) -> Iterator[Finding]:
    """A step changes something and names no environment it is for."""
    for i, step in subject.changing:
        if step.safety is None or not step.safety.scopes:
            yield Finding(
                "empty-scope",
                "error",
                f"the step {step.id} changes something and names no environment it is for.",
                "add safety: {scopes: [dev, staging]}.",
                ("steps", i),
            )


@rule(
    "unbounded-deadline",
    "error",
    why="Everything is bounded (trust rule 20). An act that takes longer is cut off in the middle; in increments or waves each "
    "part is short and proved.",
    bad=_RESTART + _PROVED + "    deadline: 1h\n    safety: {risk: safe, scopes: [staging]}\n",
    good=_RESTART + _PROVED + "    deadline: 2m\n    safety: {risk: safe, scopes: [staging]}\n",
)
def unbounded_deadline(subject: Subject) -> Iterator[Finding]:
    """A step may take longer than 15 minutes."""
    for i, step in enumerate(subject.runbook.steps):
        if step.deadline > LONGEST_DEADLINE:
            yield Finding(
                "unbounded-deadline",
                "error",
                f"the step {step.id} may take {step.deadline:g} s, longer than {LONGEST_DEADLINE:g} s.",
                "shorten the deadline, or split the step.",
                ("steps", i, "deadline"),
            )


@rule(
    "unbounded-limits",
    "error",
    why="A remediation that does not help is tried again and again; a limit is what ends that (G6: one controlled restart an "
    "hour). In dev and staging policy's own limits are enough.",
    bad=_RESTART + _PROVED + "    safety: {risk: safe, scopes: [staging, prod]}\n",
    good=_RESTART
    + _PROVED
    + "    safety: {risk: safe, scopes: [staging, prod], limits: [{max: 1, per: service, window: 1h, env: prod}]}\n",
)
def unbounded_limits(subject: Subject) -> Iterator[Finding]:
    """A changing step has no limit above staging, one that allows more than an act a minute, or over 50 targets."""
    for i, step in subject.changing:
        safety = step.safety
        if safety is None:
            continue
        everywhere = any(not limit.env for limit in safety.limits)
        limited = {limit.env for limit in safety.limits}
        free = [] if everywhere else sorted(set(safety.scopes) - LOWER_ENVIRONMENTS - limited)
        if free:
            yield Finding(
                "unbounded-limits",
                "error",
                f"the step {step.id} may be repeated in {', '.join(free)} without end.",
                f"add limits: [{{max: 1, per: service, window: 1h, env: {free[0]}}}] to its safety.",
                ("steps", i, "safety"),
            )
        for j, limit in enumerate(safety.limits):
            if limit.max * 3600 / limit.window > MOST_PER_HOUR:
                yield Finding(
                    "unbounded-limits",
                    "error",
                    f"{limit.max} in {limit.window:g} s is more than one a minute, so it limits nothing.",
                    "allow fewer, in a longer window.",
                    ("steps", i, "safety", "limits", j),
                )
        if safety.blast_radius.max_targets > MOST_TARGETS:
            yield Finding(
                "unbounded-limits",
                "error",
                f"{safety.blast_radius.max_targets} targets in one plan are a whole fleet.",
                f"allow at most {MOST_TARGETS}, and act in waves.",
                ("steps", i, "safety", "blast_radius", "max_targets"),
            )


@rule(
    "continue-after-change",
    "error",
    why="`on_failure: continue` is for looks that may fail. A change that failed must be undone and told to people.",
    bad=_RESTART
    + _PROVED.replace("    rollback: none\n", "")
    + "    rollback_note: none\n    on_failure: continue\n    safety: {risk: safe, scopes: [staging]}\n",
    good="""
    steps:
      - id: look
        action: supervisor.tail_log
        with: {target: "${target}", lines: 50}
        on_failure: continue
    """,
)
def continue_after_change(subject: Subject) -> Iterator[Finding]:
    """A changing step says `on_failure: continue`."""
    for i, step in subject.changing:
        if step.on_failure == "continue":
            yield Finding(
                "continue-after-change",
                "error",
                f"the step {step.id} changes something, and its failure would be passed over.",
                "remove on_failure.",
                ("steps", i, "on_failure"),
            )


@rule(
    "unreachable-step",
    "error",
    why="A step that is never reached looks like safety and is none: people approve a runbook for what it says it does.",
    bad=_RESTART + _PROVED + '    when: "1 > 2"\n    safety: {risk: safe, scopes: [staging]}\n',
    good=_RESTART + _PROVED + '    when: "facts.health.status != 200"\n    safety: {risk: safe, scopes: [staging]}\n',
)
def unreachable_step(subject: Subject) -> Iterator[Finding]:
    """A condition is never true, or an earlier step always stops before this one."""
    for text, path in subject.constants:
        if path[-1] != "expect" and not expression.holds(text, {}):
            what = (
                "the runbook never applies"
                if path[0] == "match"
                else f"the step {_step(subject, path[1]).id} never runs"
            )
            yield Finding(
                "unreachable-step", "error", f"{text} is never true, so {what}.", "correct or remove it.", path
            )
    changing = {i for i, _ in subject.changing}
    ends: list[Step] = []  # changing steps before this one that nothing passes over
    for i, step in enumerate(subject.runbook.steps):
        stop = _stopped_by(step, ends) if ends else None
        if stop is not None:
            yield Finding(
                "unreachable-step",
                "error",
                f"the step {step.id} is never reached: {stop}.",
                "reorder the steps, correct their scopes, or remove it.",
                ("steps", i),
            )
        if i in changing and not step.when and not step.precheck:
            ends.append(step)


def _stopped_by(step: Step, before: list[Step]) -> str | None:
    """Why no environment leads to this step, as runbooks/next_step.py walks; None when one does."""
    for other in before:
        if other.safety is not None and other.safety.risk == "forbidden":
            return f"{other.id} before it is forbidden"
    if step.safety is None:
        return None
    for scope in step.safety.scopes:
        if all(other.safety is None or scope in other.safety.scopes for other in before):
            return None
    first = next(o for o in before if o.safety is not None and not set(step.safety.scopes) <= set(o.safety.scopes))
    return f"{first.id} before it is only for {', '.join(first.safety.scopes) if first.safety else 'nowhere'}"


@rule(
    "always-true",
    "warning",
    why="A condition that is always true protects nothing and reads as if it did.",
    bad=_RESTART + _PROVED + '    precheck: "true"\n    safety: {risk: safe, scopes: [staging]}\n',
    good=_RESTART
    + _PROVED
    + '    precheck: "facts.health.status != 200"\n    safety: {risk: safe, scopes: [staging]}\n',
    mends="removes the line of a step's `when` or `precheck`; the step runs exactly as before.",
)
def always_true(subject: Subject) -> Iterator[Finding]:
    """A `when` or `precheck` that is always true."""
    for text, path in subject.constants:
        if path[-1] != "expect" and expression.holds(text, {}):
            yield Finding(
                "always-true",
                "warning",
                f"{text} is always true.",
                "remove it, or write what must be so.",
                path,
                repair=Repair(text) if path[0] == "steps" else None,
            )


def _step(subject: Subject, index: str | int) -> Step:
    return subject.runbook.steps[int(index)]
