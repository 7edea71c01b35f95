"""The linter: what a loaded runbook should still say before it is merged (mission R3). One function per rule.

Called by `runbookctl lint`, `doctor`, `new` and `promote`, and by tests over the shipped catalogue. What exists is passed in
as `Known`. Must not read files or decide about exit codes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from runbooks.lint import argv, care, catalogue, names, parameters, patterns, policy, proof, safety, waves
from runbooks.lint.finding import Finding, Path, Repair, Severity
from runbooks.lint.known import Known, KnownOperation, Operations
from runbooks.lint.rule import Rule
from runbooks.lint.subject import Outline, Subject, look_at, outline
from runbooks.model import Runbook

__all__ = [
    "RULES",
    "Finding",
    "Known",
    "KnownOperation",
    "Operations",
    "Outline",
    "Path",
    "Repair",
    "Rule",
    "Severity",
    "Subject",
    "lint",
    "lint_all",
    "lint_one",
    "look_at",
    "outline",
]

LOAD = Rule(
    "load",
    "error",
    what="The file is not a runbook: its YAML is not strict, a key is unknown, or a value means nothing.",
    why="A file that does not load is never used, not even a part of it, and while one is there the bot keeps the last good "
    "catalogue (cases T34, T38). Every mistake has its line and a fix.",
    bad="titel: An example\n",
    good="title: An example\n",
)

RULES: tuple[Rule, ...] = (
    LOAD,
    names.unknown_operation,
    names.unneeded_waits_for,
    names.wrong_target,
    names.empty_target,
    names.unknown_fact,
    names.unused_parameter,
    parameters.wrong_parameter,
    proof.mutating_without_verify,
    proof.mutating_without_rollback,
    proof.vacuous_proof,
    proof.missing_tests,
    safety.empty_scope,
    safety.unbounded_deadline,
    safety.unbounded_limits,
    safety.continue_after_change,
    waves.waves_without_members,
    safety.unreachable_step,
    safety.always_true,
    argv.shell_metacharacters,
    patterns.matches_everything,
    patterns.slow_pattern,
    patterns.padded_pattern,
    policy.loosened_guard,
    care.scope_above_promotion,
    care.without_owner,
    care.overdue_review,
    care.secret_in_text,
    care.repeated_entry,
    care.untidy_text,
    catalogue.duplicate_id,
    catalogue.overlapping_match,
)
_CHECKS = tuple(rule.check for rule in RULES if rule.check is not None)
_CHECKS_OF_ALL = tuple(rule.check_many for rule in RULES if rule.check_many is not None)


def lint(runbook: Runbook, known_operations: Operations, known_facts: Collection[str]) -> tuple[Finding, ...]:
    """Every finding about one runbook, errors first, with no more known than operations and facts."""
    return lint_one(look_at(runbook, Known(known_operations, known_facts)))


def lint_one(subject: Subject) -> tuple[Finding, ...]:
    """Every finding about one runbook, errors first, each kind in the order of the rules."""
    found: list[Finding] = []
    for check in _CHECKS:
        found += check(subject)
    if len(found) > 1:
        found.sort(key=lambda finding: finding.severity != "error")
    return tuple(found)


def lint_all(outlines: Sequence[Outline]) -> Iterator[tuple[int, Finding]]:
    """What can only be seen of all runbooks together: (number of the runbook, finding)."""
    for check in _CHECKS_OF_ALL:
        yield from check(outlines)
