"""The linter: each rule turns red on its own mistake, and the sound runbook stays silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from runbooks.lint import lint
from runbooks.load import load_runbook, place_of
from runbooks.model import Runbook


@dataclass(frozen=True)
class Known:
    target_kind: str
    read_only: bool


OPERATIONS = {
    "supervisor.tail_log": Known("supervisor_program", True),
    "supervisor.restart": Known("supervisor_program", False),
    "supervisor.stop": Known("supervisor_program", False),
    "redis.flush_database": Known("redis_database", False),
}
FACTS = {"health", "state", "disk"}
VERIFY = '    verify: {fact: health, expect: "status == 200", within: 30s, samples: 3 of 4, every: 1s}\n'
SAFETY = (
    "    safety: {risk: safe, scopes: [dev, staging, prod], limits: [{max: 1, per: service, window: 1h, env: prod}]}\n"
)

CASES = [
    ((VERIFY, ""), "mutating-without-verify", "error", ("steps", 1)),
    (("    rollback: none\n", ""), "mutating-without-rollback", "error", ("steps", 1)),
    (("supervisor.restart", "supervisor.explode"), "unknown-operation", "error", ("steps", 1, "action")),
    (
        ("rollback: none", 'rollback: [{action: nothing.here, with: {target: "${target}"}}]'),
        "unknown-operation",
        "error",
        ("steps", 1, "rollback", 0, "action"),
    ),
    (("fact: health", "fact: helth"), "unknown-fact", "error", ("steps", 1, "verify", "fact")),
    (('when: "facts.health', 'when: "facts.nope'), "unknown-fact", "error", ("match", "when")),
    (('precheck: "facts.health', 'precheck: "facts.nope'), "unknown-fact", "error", ("steps", 1, "precheck")),
    ((SAFETY, ""), "empty-scope", "error", ("steps", 1)),
    (
        ("    rollback: none\n", "    rollback: none\n    deadline: 1h\n"),
        "unbounded-deadline",
        "error",
        ("steps", 1, "deadline"),
    ),
    (('expect: "status == 200"', 'expect: "true"'), "vacuous-proof", "error", ("steps", 1, "verify", "expect")),
    (
        ("    rollback: none\n", '    rollback: none\n    expect: [{pattern: "a*"}]\n'),
        "vacuous-proof",
        "error",
        ("steps", 1, "expect", 0, "pattern"),
    ),
    (("kind: supervisor_program", "kind: redis_database"), "wrong-target", "error", ("steps", 0, "with", "target")),
    (('lines: "${lines}"', "lines: 50"), "unused-parameter", "warning", ("params", "lines")),
    (("owner: sre\n", ""), "without-owner", "warning", ("id",)),
]


def test_a_sound_runbook_has_no_findings(make: Callable[..., Runbook]) -> None:
    assert lint(make(), OPERATIONS, FACTS) == ()


@pytest.mark.parametrize(
    ("change", "rule", "severity", "path"), CASES, ids=[f"{c[1]}-{i}" for i, c in enumerate(CASES)]
)
def test_R3_each_rule_finds_its_mistake(
    make: Callable[..., Runbook], change: tuple[str, str], rule: str, severity: str, path: tuple[str | int, ...]
) -> None:
    found = lint(make(*change), OPERATIONS, FACTS)
    assert (rule, severity, path) in [(f.rule, f.severity, f.path) for f in found]
    assert all(f.message and f.fix for f in found)


@pytest.mark.parametrize(
    "stated", ["irreversible: true", 'rollback: [{action: supervisor.stop, with: {target: "${target}"}}]']
)
def test_R3_saying_how_it_is_undone_is_enough(make: Callable[..., Runbook], stated: str) -> None:
    assert lint(make("rollback: none", stated), OPERATIONS, FACTS) == ()


def test_R2_the_short_form_has_weak_proof_and_warns(short_text: str) -> None:
    found = lint(load_runbook(short_text, "x.yaml"), OPERATIONS, FACTS)
    assert [(f.rule, f.severity) for f in found] == [
        ("mutating-without-verify", "warning"),
        ("mutating-without-rollback", "warning"),
    ]
    assert place_of(short_text, found[0].path) == (1, 1)


def test_R3_a_short_form_that_expects_nothing_is_an_error(short_text: str) -> None:
    bare = "\n".join(line for line in short_text.splitlines() if not line.startswith("expect"))
    found = lint(load_runbook(bare, "x.yaml"), OPERATIONS, FACTS)
    assert (found[0].rule, found[0].severity) == ("mutating-without-verify", "error")
