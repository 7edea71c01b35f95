"""One runbook as the rules look at it: its actions in one list, which steps change something, what it waits for.

Made once per runbook by runbooks/lint, so that twenty rules do not each walk through it. Must not judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runbooks.expression import is_constant
from runbooks.lint.finding import Path
from runbooks.lint.known import Known, KnownOperation
from runbooks.model import Runbook, Step


@dataclass(frozen=True, slots=True)
class Action:
    """An action of a step or of its rollback. operation: None when there is none of that name. given: its `with`."""

    name: str
    operation: KnownOperation | None
    given: Mapping[str, Any]
    path: Path


@dataclass(frozen=True, slots=True)
class Subject:
    """runbook, known and the text of the file ("" when it is not at hand). changing: (index, step) of changing steps.

    conditions: (text, path) of every condition that is written; constants: those that look at nothing. scopes: every environment that a step names.
    """

    runbook: Runbook
    known: Known
    text: str
    actions: tuple[Action, ...]
    changing: tuple[tuple[int, Step], ...]
    conditions: tuple[tuple[str, Path], ...]
    constants: tuple[tuple[str, Path], ...]
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outline:
    """What the rules over all runbooks look at. A whole Subject is a hundred objects, and thousands of them are kept.

    conditions: `when` and labels, equal for two runbooks that apply alike. changing: whether a step changes something.
    """

    id: str
    source: str
    text: str
    alerts: tuple[str, ...]
    signatures: tuple[str, ...]
    conditions: tuple[str, tuple[tuple[str, str], ...]]
    scopes: frozenset[str]
    changing: bool
    waits: bool


def outline(subject: Subject) -> Outline:
    """The few values of one runbook that the others are compared with."""
    runbook, match = subject.runbook, subject.runbook.match
    return Outline(
        id=runbook.id,
        source=runbook.source,
        text=subject.text,
        alerts=match.alerts,
        signatures=match.signatures,
        conditions=(" ".join(match.when.split()), tuple(sorted(match.labels.items()))),
        scopes=subject.scopes,
        changing=bool(subject.changing),
        waits=bool(runbook.waits_for),
    )


def look_at(runbook: Runbook, known: Known, text: str = "") -> Subject:
    """The runbook, looked through once."""
    actions: list[Action] = []
    changing: list[tuple[int, Step]] = []
    conditions: list[tuple[str, Path]] = []
    scopes: set[str] = set()
    operations = known.operations
    if runbook.match.when:
        conditions.append((runbook.match.when, ("match", "when")))
    for i, step in enumerate(runbook.steps):
        operation = operations.get(step.action)
        actions.append(Action(step.action, operation, step.with_, ("steps", i)))
        for j, undo in enumerate(step.rollback):
            actions.append(Action(undo.action, operations.get(undo.action), undo.with_, ("steps", i, "rollback", j)))
        if not _only_reads(runbook, step, operation):
            changing.append((i, step))
        if step.when:
            conditions.append((step.when, ("steps", i, "when")))
        if step.precheck:
            conditions.append((step.precheck, ("steps", i, "precheck")))
        if step.verify is not None:
            conditions.append((step.verify.expect, ("steps", i, "verify", "expect")))
        if step.safety is not None:
            scopes.update(step.safety.scopes)
    return Subject(
        runbook=runbook,
        known=known,
        text=text,
        actions=tuple(actions),
        changing=tuple(changing),
        conditions=tuple(conditions),
        constants=tuple(each for each in conditions if is_constant(each[0])),
        scopes=frozenset(scopes),
    )


def waits(runbook: Runbook, operation: str) -> bool:
    """Whether the runbook says that it waits for the adapter of this operation: `kubernetes` for `kubernetes.scale`."""
    return any(operation == name or operation.startswith((f"{name}.", f"{name}_")) for name in runbook.waits_for)


def values(given: Any, path: Path) -> Iterator[tuple[Any, Path]]:
    """Every single value of a `with`, with its path. An empty list or mapping is a value too."""
    if isinstance(given, Mapping) and given:
        for key, item in given.items():
            yield from values(item, (*path, key))
    elif isinstance(given, list | tuple) and given:
        for i, item in enumerate(given):
            yield from values(item, (*path, i))
    else:
        yield given, path


def _only_reads(runbook: Runbook, step: Step, operation: KnownOperation | None) -> bool:
    """An unknown operation counts as changing, unless it is waited for and its step says that the risk is `read`."""
    if operation is not None:
        return operation.read_only
    return step.safety is not None and step.safety.risk == "read" and waits(runbook, step.action)
