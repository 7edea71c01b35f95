"""Lint rules about waves: only an operation that acts on members of a group has them, and such an operation needs them.

Called by runbooks/lint. Must not know which members there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from runbooks.lint.finding import Finding
from runbooks.lint.rule import rule
from runbooks.lint.subject import Subject
from runbooks.model import MEMBERS

_HEAD = """
params:
  target: {type: target, kind: supervisor_pool}
steps:
  - id: roll
    action: supervisor.rolling_restart
    with: {target: "${target}"}
"""
_REST = """    verify: {fact: pool, expect: "healthy == running", within: 60s, samples: 3 of 4}
    rollback: none
    safety: {risk: safe, scopes: [staging]}
"""


@rule(
    "waves-without-members",
    "error",
    why="Waves go through the members of a group, so that a bad one is found before the rest is touched (E4). Without them "
    "nothing says whom to act on, and nothing never means all (case T34): it could not even be planned.",
    bad=_HEAD + _REST,
    good=_HEAD + "    waves: [1, 25%, rest]\n" + _REST,
)
def waves_without_members(subject: Subject) -> Iterator[Finding]:
    """A step has waves and its action acts on no members, or it acts on members and has no waves."""
    for i, step in enumerate(subject.runbook.steps):
        operation = subject.known.operations.get(step.action)
        if operation is None:
            continue
        if step.waves and operation.members is None:
            yield Finding(
                "waves-without-members",
                "error",
                f"{step.action} acts on its target as a whole, so it has no waves.",
                "remove waves, or use supervisor.rolling_restart or the like.",
                ("steps", i, "waves"),
            )
        elif operation.members is not None and not step.waves and MEMBERS not in step.with_:
            yield Finding(
                "waves-without-members",
                "error",
                f"{step.action} acts on members of a group, and nothing says in which waves.",
                "add waves: [1, 25%, rest].",
                ("steps", i),
            )
