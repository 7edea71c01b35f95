"""Lint rules over all runbooks together: one id, one answer to one alert.

Called by runbooks/lint with every runbook of one call. Linear in the number of runbooks. Must not judge one alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from runbooks.lint.finding import Finding, Path
from runbooks.lint.rule import rule_of_all
from runbooks.lint.subject import Outline

MOST_ALIKE = 100  # runbooks that answer one alert and are compared with each other
MOST_PAIRS = 3  # overlaps that are told of one runbook; more say nothing new


@rule_of_all(
    "duplicate-id",
    "error",
    why="Approvals, promotions and history go by the id. Which of two files people reviewed is unknown, so neither is offered.",
    bad="id: example\n---\nid: example",
    good="id: example\n---\nid: another-example\nmatch: {alerts: [AnotherDown]}",
)
def duplicate_id(runbooks: Sequence[Outline]) -> Iterator[tuple[int, Finding]]:
    """Two files have the same id."""
    first: dict[str, str] = {}
    for number, runbook in enumerate(runbooks):
        name = runbook.id
        if name in first:
            yield (
                number,
                Finding("duplicate-id", "error", f"the id {name} is also in {first[name]}.", "rename one.", ("id",)),
            )
        else:
            first[name] = runbook.source


@rule_of_all(
    "overlapping-match",
    "warning",
    why="Exactly one next step is offered. When two runbooks answer the same alert under the same conditions, in the same "
    "environments, the order of their ids decides, and nobody chose that.",
    bad="id: first-example\n---\nid: second-example",
    good='id: first-example\n---\nid: second-example\nmatch: {alerts: ["ExampleDown"], when: "facts.disk.used_percent > 90"}',
)
def overlapping_match(runbooks: Sequence[Outline]) -> Iterator[tuple[int, Finding]]:
    """Two runbooks answer the same alert or signature with the same conditions, labels and scopes."""
    groups: dict[tuple[str, str, object], list[tuple[int, int]]] = defaultdict(list)
    for number, runbook in enumerate(runbooks):
        if runbook.waits:
            continue  # it is never offered
        for key, entries in (("alerts", runbook.alerts), ("signatures", runbook.signatures)):
            for i, entry in enumerate(entries):
                groups[key, entry, runbook.conditions].append((number, i))
    told: set[tuple[int, int]] = set()
    count: dict[int, int] = defaultdict(int)
    for (key, entry, _), found in groups.items():
        members = found[:MOST_ALIKE]
        for position, (number, i) in enumerate(members[1:], 1):
            other = next((o for o, _ in members[:position] if _meet(runbooks[o], runbooks[number])), None)
            if other is None or (other, number) in told or count[number] >= MOST_PAIRS:
                continue
            told.add((other, number))
            count[number] += 1
            yield number, _overlap(runbooks[other], key, entry, ("match", key, i))


def _meet(one: Outline, two: Outline) -> bool:
    """Whether some environment is in both; two runbooks that only read meet everywhere."""
    if one.id == two.id or one.changing != two.changing:
        return False
    return not one.scopes or not two.scopes or bool(one.scopes & two.scopes)


def _overlap(other: Outline, key: str, entry: str, path: Path) -> Finding:
    what = "the alert" if key == "alerts" else "the signature"
    return Finding(
        "overlapping-match",
        "warning",
        f"{other.id} ({other.source}) answers {what} {entry} under the same conditions and scopes.",
        "give one of them a `when` or labels that tell them apart.",
        path,
    )
