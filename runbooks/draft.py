"""A first draft of a runbook: from a few answers to strict YAML that loads and lints (issue: from an idea to an action).

Called by `runbookctl new` and `runbookctl import`. Pure: operations are passed in, files are written by the caller. A draft
is careful by itself: lowest environments, approval, one target, and what nobody said is asked, never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbooks.lint import KnownOperation
from runbooks.model import Risk
from runbooks.pattern import identifier

PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_-]| (?! ))*[A-Za-z0-9]")
TYPED = ("true", "false", "null")
HEAD = "# What each key means: docs/runbook-format.md. Check with `runbookctl lint`, `runbookctl test`, `runbookctl simulate`."
UNDO = "nothing"
"""The answer of an author who says that there is no undo."""

# What shows that an act on a target of this kind worked, when the author names nothing better: (fact, condition).
PROOFS: Mapping[str, tuple[str, str]] = {
    "supervisor_program": ("health", "status == 200"),
    "supervisor_pool": ("pool", "healthy == running"),
    "disk_area": ("disk", "used_percent < 80"),
}
OTHER_PROOF = ("health", "status == 200")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the author said.

    action: name of an operation. given: its parameters, JSON values. symptoms, alerts: what the runbook is for. scopes:
    environments, never empty. proof: (fact, CEL condition), empty strings for what is usual for the target. undo: name of
    an operation, `nothing` when there is none. irreversible: what is lost cannot be brought back. before: (operation,
    parameters) of reading steps that come first.
    """

    id: str
    title: str
    action: str
    owner: str
    symptoms: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ("dev", "staging")
    risk: Risk = "caution"
    given: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    when: str = ""
    proof: tuple[str, str] = ("", "")
    within: str = "60s"
    undo: str = UNDO
    irreversible: bool = False
    description: str = ""


def text_of(wish: Wish, operations: Mapping[str, KnownOperation]) -> str:
    """The runbook as YAML. Raises ValueError for an operation that is not in `operations`, with those there are."""
    steps = [*wish.before, (wish.action, wish.given)]
    for name in (*(name for name, _ in steps), *((wish.undo,) if wish.undo != UNDO else ())):
        if name not in operations:
            raise ValueError(f"there is no operation {name}; use one of {', '.join(sorted(operations))}.")
    lines = [
        HEAD,
        f"id: {_said(wish.id)}",
        f"title: {_said(wish.title)}",
        f"owner: {_said(wish.owner)}",
        "review_every: 90d",
    ]
    if wish.description:
        lines.append(f"description: {_said(wish.description)}")
    lines += _match(wish)
    kinds = list(dict.fromkeys(operations[name].target_kind for name, _ in steps))
    names = {kind: "target" if kind == operations[wish.action].target_kind else kind for kind in kinds}
    lines.append("params:")
    lines += [f"  {names[kind]}: {{type: target, kind: {kind}}}" for kind in kinds]
    lines.append("steps:")
    for name, given in wish.before:
        lines += _step(name, given, names[operations[name].target_kind], _last(name))
    lines += _step(wish.action, wish.given, "target", _last(wish.action))
    if not operations[wish.action].read_only:
        lines += _careful(wish, operations)
    lines.append("escalate: {after_failures: 1, severity: critical}")
    lines += _first_case(wish)
    return "\n".join(lines) + "\n"


def _match(wish: Wish) -> list[str]:
    lines = []
    if wish.symptoms:
        lines.append(f"  symptoms: {_list(wish.symptoms)}")
    if wish.alerts:
        lines.append(f"  alerts: {_list(wish.alerts)}")
    if wish.when:
        lines.append(f"  when: {_said(wish.when)}")
    return ["match:", *lines] if lines else []


def _step(action: str, given: Mapping[str, Any], target: str, step: str) -> list[str]:
    whole = {"target": f"${{{target}}}", **given}
    said = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in whole.items())
    return [f"  - id: {step}", f"    action: {action}", f"    with: {{{said}}}"]


def _careful(wish: Wish, operations: Mapping[str, KnownOperation]) -> list[str]:
    """Pre-check, proof, undo and safety of the one step that changes something."""
    kind = operations[wish.action].target_kind
    usual = PROOFS.get(kind, OTHER_PROOF)
    fact, expect = wish.proof[0] or usual[0], wish.proof[1] or usual[1]
    lines = [f"    precheck: {_said(wish.when)}"] if wish.when else []
    lines.append(
        f"    verify: {{fact: {_said(fact)}, expect: {_said(expect)}, within: {wish.within}, samples: 3 of 4, every: 2s}}"
    )
    if wish.irreversible:
        lines.append("    irreversible: true")
    elif wish.undo == UNDO:
        lines.append("    rollback: none")
    else:
        lines.append(f'    rollback: [{{action: {wish.undo}, with: {{target: "${{target}}"}}}}]')
    return [
        *lines,
        "    safety:",
        f"      risk: {wish.risk}",
        f"      scopes: [{', '.join(map(_said, wish.scopes))}]",
        "      requires_approval: true",
        "      limits: [{max: 2, per: target, window: 1h}]",
        "      blast_radius: {max_targets: 1}",
    ]


def _first_case(wish: Wish) -> list[str]:
    """A first case of its own: what it is for makes it the offered step. None where a condition needs facts."""
    if wish.when or not (wish.symptoms or wish.alerts):
        return []
    alert = f", alert_name: {_said(wish.alerts[0])}" if wish.alerts else ""
    title = wish.symptoms[0] if wish.symptoms else wish.title
    return [
        "tests:",
        "  - name: what it is for makes it the offered step",
        f"    incident: {{title: {_said(title)}, severity: critical{alert}}}",
        f"    environment: {_said(wish.scopes[0])}",
        f"    expect: {{step: {_last(wish.action)}}}",
    ]


def _last(action: str) -> str:
    return identifier(action.rpartition(".")[2])


def _said(text: str) -> str:
    """A text as strict YAML: plain when it is plain words, else quoted; JSON's quoting is YAML's double quoting."""
    return text if PLAIN.fullmatch(text) and text not in TYPED else json.dumps(text, ensure_ascii=False)


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(json.dumps(text, ensure_ascii=False) for text in texts)}]"
