"""The linter: what a loaded runbook should still say before it is merged (mission R3). One function per rule.

Called by `runbookctl lint` and by tests over the shipped catalogue. Which operations and facts exist is passed in. Must
not read files or decide about exit codes.
"""

from __future__ import annotations

from collections.abc import Collection

from runbooks.lint.finding import Finding, KnownOperation, Operations
from runbooks.lint.names import unknown_fact, unknown_operation, unused_parameter, wrong_target_kind
from runbooks.lint.proof import mutating_without_rollback, mutating_without_verify, vacuous_proof
from runbooks.lint.safety import empty_scope, unbounded_deadline, unreviewed
from runbooks.model import Runbook

__all__ = ["Finding", "KnownOperation", "Operations", "lint"]

RULES = (
    unknown_operation,
    wrong_target_kind,
    mutating_without_verify,
    mutating_without_rollback,
    vacuous_proof,
    empty_scope,
    unbounded_deadline,
    unreviewed,
)


def lint(runbook: Runbook, known_operations: Operations, known_facts: Collection[str]) -> tuple[Finding, ...]:
    """Every finding, errors first, in the order of the rules.

    known_operations: name -> operation (target_kind, read_only). known_facts: names that services can observe.
    """
    found = [finding for rule in RULES for finding in rule(runbook, known_operations)]
    found += unknown_fact(runbook, known_facts)
    found += unused_parameter(runbook)
    return tuple(sorted(found, key=lambda finding: finding.severity != "error"))
