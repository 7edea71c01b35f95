"""Lint rules about proof and undo: a changing step says how success shows and how it is undone (mission R3).

Called by runbooks/lint. Must not know which operations exist: they are passed in.
"""

from __future__ import annotations

from collections.abc import Iterator

from runbooks import expression, pattern
from runbooks.lint.finding import Finding, Operations
from runbooks.model import Runbook, Step


def changes(step: Step, operations: Operations) -> bool:
    """Whether the step changes something. An unknown operation counts as changing."""
    operation = operations.get(step.action)
    return operation is None or not operation.read_only


def mutating_without_verify(runbook: Runbook, operations: Operations) -> Iterator[Finding]:
    """A changing step needs `verify`; the `expect` of the short form is a weak proof and a warning."""
    for i, step in enumerate(runbook.steps):
        if not changes(step, operations) or step.verify is not None:
            continue
        weak = runbook.short_form and any(not expected.allow_failure for expected in step.expect)
        yield Finding(
            "mutating-without-verify",
            "warning" if weak else "error",
            f"the step {step.id} changes something and "
            + ("only its own output speaks for success." if weak else "nothing proves that it worked."),
            'add verify: {fact: health, expect: "status == 200", within: 60s, samples: 3 of 4}.',
            ("steps", i),
        )


def mutating_without_rollback(runbook: Runbook, operations: Operations) -> Iterator[Finding]:
    """A changing step needs a rollback, or has to say `rollback: none` or `irreversible: true` out loud.

    The short form of mission R2 says neither; below production that is a warning (the loader refuses it above).
    """
    for i, step in enumerate(runbook.steps):
        stated = bool(step.rollback or step.rollback_note or step.irreversible)
        if not changes(step, operations) or stated:
            continue
        yield Finding(
            "mutating-without-rollback",
            "warning" if runbook.short_form else "error",
            f"the step {step.id} does not say how it is undone.",
            "add `rollback: [...]`, `rollback: none`, or `irreversible: true`.",
            ("steps", i),
        )


def vacuous_proof(runbook: Runbook, operations: Operations) -> Iterator[Finding]:
    """A proof that holds whatever happens proves nothing: a constant condition, or a pattern that empty output fits."""
    del operations
    for i, step in enumerate(runbook.steps):
        if step.verify is not None and expression.is_constant(step.verify.expect):
            yield Finding(
                "vacuous-proof",
                "error",
                f"{step.verify.expect} does not depend on the fact {step.verify.fact}.",
                "compare a field of the fact.",
                ("steps", i, "verify", "expect"),
            )
        for j, expected in enumerate(step.expect):
            if pattern.matches_anything(expected.pattern):
                yield Finding(
                    "vacuous-proof",
                    "error",
                    f"the pattern {expected.pattern} fits even empty output.",
                    "write what must be there.",
                    ("steps", i, "expect", j, "pattern"),
                )
