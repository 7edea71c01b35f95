"""Lint rules about names: operations, target kinds, facts and parameters that exist and fit together.

Called by runbooks/lint. Must not know which names exist: they are passed in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from runbooks import expression
from runbooks.lint.finding import Finding, Path, Severity
from runbooks.lint.rule import rule
from runbooks.lint.subject import Subject, values, waits
from runbooks.parameters import reference
from runbooks.spelling import nearest

_DOTTED = re.compile(r"\bfacts\.([A-Za-z_][A-Za-z0-9_]*)")  # of a condition, 500 characters at most


def _suggestion(word: str, known: Collection[str]) -> str:
    near = nearest(word, known)
    listed = ", ".join(sorted(known))
    return f"did you mean {near}? There are {listed}." if near else f"use one of {listed}."


@rule(
    "unknown-operation",
    "error",
    why="A step whose operation does not exist is refused at the moment of need. An operation of an adapter that the "
    "runbook names in `waits_for` is known to wait: such a runbook loads, and is never offered.",
    bad="""
    steps:
      - id: look
        action: supervisor.tail_logs
        with: {target: "${target}"}
    """,
    good="""
    steps:
      - id: look
        action: supervisor.tail_log
        with: {target: "${target}", lines: 50}
    """,
)
def unknown_operation(subject: Subject) -> Iterator[Finding]:
    """A step or rollback names an operation that does not exist."""
    for action in subject.actions:
        if action.operation is None and not waits(subject.runbook, action.name):
            yield Finding(
                "unknown-operation",
                "error",
                f"there is no operation {action.name}.",
                _suggestion(action.name, subject.known.operations),
                (*action.path, "action"),
            )


@rule(
    "unneeded-waits-for",
    "warning",
    why="`waits_for` keeps a runbook from ever being offered. Once the adapter is there, it only hides a runbook that works.",
    bad="waits_for: [kubernetes]",
    good="""
    waits_for: [kubernetes]
    steps:
      - id: look
        action: kubernetes.describe
        with: {target: "${target}"}
        safety: {risk: read, scopes: [staging]}
    """,
)
def unneeded_waits_for(subject: Subject) -> Iterator[Finding]:
    """`waits_for` names an adapter that exists, or that no operation of the runbook needs."""
    for i, name in enumerate(subject.runbook.waits_for):
        needed = [
            action.name
            for action in subject.actions
            if action.operation is None and action.name.startswith((f"{name}.", f"{name}_"))
        ]
        if needed and name not in subject.known.adapters:
            continue
        why = "the adapter is here" if name in subject.known.adapters else "no operation of this runbook needs it"
        yield Finding(
            "unneeded-waits-for",
            "warning",
            f"it waits for {name}, but {why}.",
            "remove it from waits_for, so that the runbook can be offered.",
            ("waits_for", i),
        )


@rule(
    "wrong-target",
    "error",
    why="The right name of the wrong kind is how a site is taken for an app (case T36). The kind is compared here and "
    "again before the act.",
    bad="params:\n  target: {type: target, kind: redis_database}",
    good="params:\n  target: {type: target, kind: supervisor_program}",
)
def wrong_target(subject: Subject) -> Iterator[Finding]:
    """An operation gets no target parameter, or one of another kind than it acts on."""
    for action in subject.actions:
        if action.operation is None:
            continue
        target = action.given.get("target")
        if "target" in action.given and _names_nothing(target):
            continue  # empty-target says it
        name = reference(target) if isinstance(target, str) else None
        parameter = subject.runbook.params.get(name) if name else None
        kind = action.operation.target_kind
        if parameter is None or parameter.type != "target":
            yield Finding(
                "wrong-target",
                "error",
                f"{action.name} needs a target parameter.",
                f'declare target: {{type: target, kind: {kind}}} and write target: "${{target}}".',
                (*action.path, "with"),
            )
        elif parameter.kind != kind:
            yield Finding(
                "wrong-target",
                "error",
                f"{action.name} acts on {kind}, and {name} is a {parameter.kind}.",
                f"use a target of kind {kind}.",
                (*action.path, "with", "target"),
            )


TARGET_KEYS = frozenset(
    {
        "target",
        "targets",
        "selector",
        "host",
        "hosts",
        "instance",
        "instances",
        "namespace",
        "pod",
        "pods",
        "node",
        "nodes",
    }
    | {"members", "service", "services", "environment", "queue", "cluster", "database"}
)
_NOTHING = frozenset({"", "*", "all", "any", "null", "none", "undefined"})


def _names_nothing(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _NOTHING
    return value is None or value in ([], {}, ())


@rule(
    "empty-target",
    "error",
    why='"Nothing chosen" was read as "everything" in outages that are still talked about (case T34). Empty never means all.',
    bad="""
    steps:
      - id: look
        action: supervisor.tail_log
        with: {target: "*", lines: 50}
    """,
    good="""
    steps:
      - id: look
        action: supervisor.tail_log
        with: {target: "${target}", lines: 50}
    """,
)
def empty_target(subject: Subject) -> Iterator[Finding]:
    """A target, selector or the like is empty, null or a wildcard."""
    for action in subject.actions:
        for key, item in action.given.items():
            if key not in TARGET_KEYS:
                continue
            for value, path in values(item, (*action.path, "with", key)):
                if _names_nothing(value):
                    shown = ascii(value)[:40] if value is not None else "null"
                    yield Finding(
                        "empty-target",
                        "error",
                        f"{key} is {shown}, and empty never means all.",
                        'name exactly one thing, best as a parameter: "${target}".',
                        path,
                    )


@rule(
    "unknown-fact",
    "error",
    why="A condition over a fact that nobody observes can never be proven, so the step is never offered or never succeeds. "
    "In a runbook that waits for an adapter only a likely typing error is told, for its facts may come with the adapter.",
    bad='match: {alerts: ["ExampleDown"], when: "facts.helth.status != 200"}',
    good='match: {alerts: ["ExampleDown"], when: "facts.health.status != 200"}',
)
def unknown_fact(subject: Subject) -> Iterator[Finding]:
    """A condition or proof asks for a fact that does not exist."""
    facts = subject.known.facts
    named: list[tuple[str, Path]] = []
    for text, path in subject.conditions:
        named += [(name, path) for name in _facts_named(text)]
    for i, step in enumerate(subject.runbook.steps):
        if step.verify is not None:
            named.append((step.verify.fact, ("steps", i, "verify", "fact")))
    for name, path in named:
        if name in facts or (subject.runbook.waits_for and not nearest(name, facts)):
            continue
        severity: Severity = "warning" if subject.runbook.waits_for else "error"
        yield Finding("unknown-fact", severity, f"there is no fact {name}.", _suggestion(name, facts), path)


@lru_cache(maxsize=512)
def _facts_named(text: str) -> tuple[str, ...]:
    """As expression.facts_named, and ten times as fast for the usual spelling, which is nearly every condition."""
    count = text.count("facts")
    found = _DOTTED.findall(text) if count else []
    return tuple(sorted(set(found) if len(found) == count else expression.facts_named(text)))


@rule(
    "unused-parameter",
    "warning",
    why="People are asked for every parameter, and an answer that changes nothing makes them trust the form less.",
    bad="""
    params:
      target: {type: target, kind: supervisor_program}
      lines: {type: integer, min: 1, max: 200, default: 50}
    """,
    good="params:\n  target: {type: target, kind: supervisor_program}",
)
def unused_parameter(subject: Subject) -> Iterator[Finding]:
    """No step uses a declared parameter."""
    left = set(subject.runbook.params)
    for action in subject.actions:
        for value, _ in values(action.given, ()):
            name = reference(value) if isinstance(value, str) else None
            if name is not None:
                left.discard(name)
        if not left:
            return
    for name in subject.runbook.params:
        if name in left:
            yield Finding(
                "unused-parameter", "warning", f"no step uses the parameter {name}.", "remove it.", ("params", name)
            )
