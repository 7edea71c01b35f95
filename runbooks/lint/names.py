"""Lint rules about names: operations, target kinds, facts and parameters that exist and fit together.

Called by runbooks/lint. Must not know which names exist: they are passed in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from runbooks import expression
from runbooks.lint.finding import Finding, Operations, Path
from runbooks.model import Runbook
from runbooks.parameters import reference


def unknown_operation(runbook: Runbook, operations: Operations) -> Iterator[Finding]:
    """Steps and rollbacks name operations of the roster."""
    for action, _, path in _actions(runbook):
        if action not in operations:
            yield Finding(
                "unknown-operation",
                "error",
                f"there is no operation {action}.",
                f"use one of {', '.join(sorted(operations))}.",
                (*path, "action"),
            )


def wrong_target_kind(runbook: Runbook, operations: Operations) -> Iterator[Finding]:
    """The target parameter has the kind the operation accepts (case T36), and an operation gets a target at all."""
    for action, given, path in _actions(runbook):
        operation = operations.get(action)
        if operation is None:
            continue
        target = given.get("target")
        name = reference(target) if isinstance(target, str) else None
        parameter = runbook.params.get(name) if name else None
        if parameter is None or parameter.type != "target":
            yield Finding(
                "wrong-target",
                "error",
                f"{action} needs a target parameter.",
                f'declare target: {{type: target, kind: {operation.target_kind}}} and write target: "${{target}}".',
                (*path, "with"),
            )
        elif parameter.kind != operation.target_kind:
            yield Finding(
                "wrong-target",
                "error",
                f"{action} acts on {operation.target_kind}, and {name} is a {parameter.kind}.",
                f"use a target of kind {operation.target_kind}.",
                (*path, "with", "target"),
            )


def unknown_fact(runbook: Runbook, facts: Collection[str]) -> Iterator[Finding]:
    """Conditions and proofs ask for facts that exist."""
    asked: list[tuple[str, Path]] = [(runbook.match.when, ("match", "when"))]
    named: list[tuple[str, Path]] = []
    for i, step in enumerate(runbook.steps):
        asked += [(step.when, ("steps", i, "when")), (step.precheck, ("steps", i, "precheck"))]
        if step.verify is not None:
            named.append((step.verify.fact, ("steps", i, "verify", "fact")))
            asked.append((step.verify.expect, ("steps", i, "verify", "expect")))
    named += [(name, path) for text, path in asked for name in sorted(expression.facts_named(text))]
    for name, path in named:
        if name not in facts:
            yield Finding(
                "unknown-fact", "error", f"there is no fact {name}.", f"use one of {', '.join(sorted(facts))}.", path
            )


def unused_parameter(runbook: Runbook) -> Iterator[Finding]:
    """A parameter that no step uses is asked of people for nothing."""
    used = {name for _, given, _ in _actions(runbook) for name in _references(given)}
    for name in runbook.params:
        if name not in used:
            yield Finding(
                "unused-parameter", "warning", f"no step uses the parameter {name}.", "remove it.", ("params", name)
            )


def _actions(runbook: Runbook) -> Iterator[tuple[str, Mapping[str, Any], Path]]:
    for i, step in enumerate(runbook.steps):
        yield step.action, step.with_, ("steps", i)
        for j, undo in enumerate(step.rollback):
            yield undo.action, undo.with_, ("steps", i, "rollback", j)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _references(item)
    elif isinstance(value, str):
        name = reference(value)
        if name is not None:
            yield name
