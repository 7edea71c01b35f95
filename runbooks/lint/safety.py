"""Lint rules about reach: where a changing step may be used, and for how long it may take.

Called by runbooks/lint. Must not know the environments of one installation.
"""

from __future__ import annotations

from collections.abc import Iterator

from runbooks.lint.finding import Finding, Operations
from runbooks.lint.proof import changes
from runbooks.model import Runbook

LONGEST_DEADLINE = 900.0  # seconds; an act that takes longer belongs in increments with a verify after each (G7)


def empty_scope(runbook: Runbook, operations: Operations) -> Iterator[Finding]:
    """A changing step names its environments; without them it is never offered, and empty never means all (T34)."""
    for i, step in enumerate(runbook.steps):
        if changes(step, operations) and (step.safety is None or not step.safety.scopes):
            yield Finding(
                "empty-scope",
                "error",
                f"the step {step.id} changes something and names no environment it is for.",
                "add safety: {scopes: [dev, staging]}.",
                ("steps", i),
            )


def unbounded_deadline(runbook: Runbook, operations: Operations) -> Iterator[Finding]:
    """Everything is bounded (trust rule 20): the act, and the time in which it must be proved."""
    del operations
    for i, step in enumerate(runbook.steps):
        if step.deadline > LONGEST_DEADLINE:
            yield Finding(
                "unbounded-deadline",
                "error",
                f"the step {step.id} may take {step.deadline:g} s, longer than {LONGEST_DEADLINE:g} s.",
                "shorten the deadline, or split the step.",
                ("steps", i, "deadline"),
            )


def unreviewed(runbook: Runbook, operations: Operations) -> Iterator[Finding]:
    """Somebody owns every runbook that reaches production (mission R8)."""
    del operations
    scopes = {scope for step in runbook.steps if step.safety for scope in step.safety.scopes}
    if not runbook.owner and scopes & {"prod", "production"}:
        yield Finding(
            "without-owner",
            "warning",
            "nobody owns this runbook, and it is for production.",
            "add owner: team.",
            ("id",),
        )
