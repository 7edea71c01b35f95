"""The linter: each rule turns red on its own mistake, and the sound runbook stays silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from runbooks.digest import digest
from runbooks.ladder import Ladder
from runbooks.lint import RULES, Known, Rule, lint, lint_one, look_at
from runbooks.lint.check import Located, check
from runbooks.lint.example import REST, whole
from runbooks.load import load_runbook
from runbooks.model import Runbook
from runbooks.promotion import new_record
from tests.runbooks.conftest import LONG
from tests.runbooks.lint.conftest import FACTS, OPERATIONS

TESTS = "tests: [{name: acts, incident: {alert_name: ServiceDown}, expect: {step: act}}]\n"
VERIFY = '    verify: {fact: health, expect: "status == 200", within: 30s, samples: 3 of 4, every: 1s}\n'
SAFETY = (
    "    safety: {risk: safe, scopes: [dev, staging, prod], limits: [{max: 1, per: service, window: 1h, env: prod}]}\n"
)
ROLLBACK = "    rollback: none\n"
LOOK = '    with: {target: "${target}", lines: "${lines}"}\n'
ACT = ("steps", 1)


@pytest.fixture
def sound(make: Callable[..., Runbook]) -> Callable[..., Runbook]:
    """sound(old, new, ...): the long runbook with a test, and with parts of its text replaced."""
    return lambda *changes: make(*changes, text=LONG + TESTS)


def found_in(runbook: Runbook, known: Known) -> list[tuple[str, str, tuple[str | int, ...]]]:
    return [(f.rule, f.severity, f.path) for f in lint_one(look_at(runbook, known))]


# (old, new), rule, severity, path
CASES = [
    ((VERIFY, ""), "mutating-without-verify", "error", ACT),
    ((ROLLBACK, ""), "mutating-without-rollback", "error", ACT),
    (("supervisor.restart", "supervisor.explode"), "unknown-operation", "error", (*ACT, "action")),
    (
        ("rollback: none", 'rollback: [{action: nothing.here, with: {target: "${target}"}}]'),
        "unknown-operation",
        "error",
        (*ACT, "rollback", 0, "action"),
    ),
    (("fact: health", "fact: helth"), "unknown-fact", "error", (*ACT, "verify", "fact")),
    (('when: "facts.health', 'when: "facts.nope'), "unknown-fact", "error", ("match", "when")),
    (('precheck: "facts.health', 'precheck: "facts.nope'), "unknown-fact", "error", (*ACT, "precheck")),
    ((SAFETY, ""), "empty-scope", "error", ACT),
    ((ROLLBACK, ROLLBACK + "    deadline: 1h\n"), "unbounded-deadline", "error", (*ACT, "deadline")),
    (('expect: "status == 200"', 'expect: "true"'), "vacuous-proof", "error", (*ACT, "verify", "expect")),
    (
        (ROLLBACK, ROLLBACK + '    expect: [{pattern: "a*"}]\n'),
        "vacuous-proof",
        "error",
        (*ACT, "expect", 0, "pattern"),
    ),
    (
        (ROLLBACK, ROLLBACK + '    expect: [{pattern: ".+"}]\n'),
        "vacuous-proof",
        "error",
        (*ACT, "expect", 0, "pattern"),
    ),
    (("kind: supervisor_program", "kind: redis_database"), "wrong-target", "error", ("steps", 0, "with", "target")),
    (('lines: "${lines}"', "lines: 50"), "unused-parameter", "warning", ("params", "lines")),
    (("owner: sre\n", ""), "without-owner", "warning", ("id",)),
    (("owner: sre\n", 'owner: " "\n'), "without-owner", "warning", ("owner",)),
    ((LOOK, LOOK.replace("lines:", "line:")), "wrong-parameter", "error", ("steps", 0, "with", "line")),
    (("min: 1, max: 200", "min: 1, max: 201"), "wrong-parameter", "error", ("steps", 0, "with", "lines")),
    (("min: 1, max: 200", "min: 0, max: 200"), "wrong-parameter", "error", ("steps", 0, "with", "lines")),
    (
        ("type: integer, min: 1, max: 200, default: 50", "type: enum, values: ['50']"),
        "wrong-parameter",
        "error",
        ("steps", 0, "with", "lines"),
    ),
    ((LOOK, '    with: {target: "${target}"}\n'), "wrong-parameter", "error", ("steps", 0, "with")),
    (
        ("rollback: none", 'rollback: [{action: supervisor.restart, with: {target: "${target}", force: true}}]'),
        "wrong-parameter",
        "error",
        (*ACT, "rollback", 0, "with", "force"),
    ),
    ((ROLLBACK, ROLLBACK + "    waves: [1, rest]\n"), "waves-without-members", "error", (*ACT, "waves")),
    (("supervisor.restart", "supervisor.rolling_restart"), "waves-without-members", "error", ACT),
    ((TESTS, ""), "missing-tests", "warning", ("id",)),
    ((", limits: [{max: 1, per: service, window: 1h, env: prod}]", ""), "unbounded-limits", "error", (*ACT, "safety")),
    (("max: 1, per", "max: 90, per"), "unbounded-limits", "error", (*ACT, "safety", "limits", 0)),
    (
        ("env: prod}]}", "env: prod}], blast_radius: {max_targets: 51}}"),
        "unbounded-limits",
        "error",
        (*ACT, "safety", "blast_radius", "max_targets"),
    ),
    ((VERIFY, VERIFY + "    on_failure: continue\n"), "continue-after-change", "error", (*ACT, "on_failure")),
    (
        ('    precheck: "facts.health.status != 200"', '    precheck: "1 > 2"'),
        "unreachable-step",
        "error",
        (*ACT, "precheck"),
    ),
    (('  when: "facts.health.status != 200"', '  when: "false"'), "unreachable-step", "error", ("match", "when")),
    (
        ('    precheck: "facts.health.status != 200"', '    precheck: "2 > 1"'),
        "always-true",
        "warning",
        (*ACT, "precheck"),
    ),
    (('target: "${target}", lines', "target: all, lines"), "empty-target", "error", ("steps", 0, "with", "target")),
    (('target: "${target}", lines', "target: [], lines"), "empty-target", "error", ("steps", 0, "with", "target")),
    (('target: "${target}", lines', 'target: "", lines'), "empty-target", "error", ("steps", 0, "with", "target")),
    (('lines: "${lines}"', 'lines: "${lines}", hosts: [a, "*"]'), "empty-target", "error", ("steps", 0, "with", "hosts", 1)),
    (('alerts: ["ServiceDown"]', 'alerts: ["A", "B", "A"]'), "repeated-entry", "warning", ("match", "alerts", 2)),
    (('  alerts: ["S', '  signatures: ["(?s)."]\n  alerts: ["S'), "matches-everything", "error", ("match", "signatures", 0)),
    (('  alerts: ["S', '  signatures: ["(a+)+x"]\n  alerts: ["S'), "slow-pattern", "warning", ("match", "signatures", 0)),
    (('  alerts: ["S', '  signatures: [".*OOM"]\n  alerts: ["S'), "padded-pattern", "warning", ("match", "signatures", 0)),
    (("risk: safe", "risk: read"), "loosened-guard", "error", (*ACT, "safety", "risk")),
    (("title: Demo", "waits_for: [redis]\ntitle: Demo"), "unneeded-waits-for", "warning", ("waits_for", 0)),
    (("title: Demo", "title: Demo hunter2"), "secret-in-text", "error", ()),
    (("title: Demo", "title: Demo # hunter2"), "secret-in-text", "error", ()),
    (("title: Demo", "title: Demo  "), "untidy-text", "warning", ()),
]  # fmt: skip


def test_a_sound_runbook_has_no_findings(sound: Callable[..., Runbook], known: Known) -> None:
    runbook = sound()
    assert lint(runbook, OPERATIONS, FACTS) == ()
    assert [found for found in found_in(runbook, known) if found[0] != "scope-above-promotion"] == []


@pytest.mark.parametrize(
    ("change", "rule", "severity", "path"), CASES, ids=[f"{c[1]}-{i}" for i, c in enumerate(CASES)]
)
def test_R3_each_rule_finds_its_mistake(
    known: Known, change: tuple[str, str], rule: str, severity: str, path: tuple[str | int, ...]
) -> None:
    text = LONG + TESTS
    assert change[0] in text
    text = text.replace(*change)
    found = lint_one(look_at(load_runbook(text, "demo.yaml"), known, text))
    assert (rule, severity, path) in [(f.rule, f.severity, f.path) for f in found]
    assert all(f.message and f.fix for f in found)


@pytest.mark.parametrize(
    "stated", ["irreversible: true", 'rollback: [{action: supervisor.stop, with: {target: "${target}"}}]']
)
def test_R3_saying_how_it_is_undone_is_enough(sound: Callable[..., Runbook], stated: str) -> None:
    assert lint(sound("rollback: none", stated), OPERATIONS, FACTS) == ()


def test_R2_the_short_form_has_weak_proof_and_warns(short_text: str, known: Known) -> None:
    report = check([(Path("x.yaml"), short_text)], known)
    assert [(f.rule, f.severity, f.line, f.column) for f in report.findings] == [
        ("mutating-without-rollback", "warning", 2, 1),
        ("mutating-without-verify", "warning", 2, 1),
    ]
    assert (report.errors, report.warnings, report.runbooks) == (0, 2, 1)


def test_R3_a_short_form_that_expects_nothing_is_an_error(short_text: str) -> None:
    bare = "\n".join(line for line in short_text.splitlines() if not line.startswith("expect"))
    found = lint(load_runbook(bare, "x.yaml"), OPERATIONS, FACTS)
    assert (found[0].rule, found[0].severity) == ("mutating-without-verify", "error")


# -- every rule has its page, and its examples are what they say -------------------------------------------------------
def test_every_rule_has_a_name_of_its_own_and_a_whole_page() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.what.endswith("."), rule.id
        assert rule.why.endswith("."), rule.id
        assert rule.bad != rule.good
        assert rule.id == "load" or (rule.check is None) != (rule.check_many is None)


def of_example(part: str, known: Known) -> tuple[Located, ...]:
    return check([(Path(f"{i}.yaml"), text) for i, text in enumerate(whole(part))], known).findings


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_bad_example_of_a_rule_is_found_and_the_good_one_is_not(rule: Rule, reviewed_long_ago: Known) -> None:
    bad = of_example(rule.bad, reviewed_long_ago)
    assert rule.severity in {f.severity for f in bad if f.rule == rule.id}
    assert [f for f in of_example(rule.good, reviewed_long_ago) if f.rule in (rule.id, "load")] == []


def test_the_frame_of_the_examples_is_sound(known: Known) -> None:
    assert of_example("id: example", known) == ()
    assert whole("id: other\n") == ("".join(text for name, text in REST.items() if name != "id") + "id: other\n",)


# -- what is said, and where ------------------------------------------------------------------------------------------
def test_a_typing_error_gets_a_suggestion(sound: Callable[..., Runbook]) -> None:
    operation = lint(sound("supervisor.tail_log", "supervisor.tail-logs"), OPERATIONS, FACTS)[0]
    assert operation.fix.startswith("did you mean supervisor.tail_log?")
    (fact,) = lint(sound("fact: health", "fact: heatlh"), OPERATIONS, FACTS)
    assert fact.fix.startswith("did you mean health?")


def test_an_operation_of_an_adapter_that_is_waited_for_is_known_to_wait(known: Known) -> None:
    text = """
waits_for: [kubernetes]
params:
  target: {type: target, kind: deployment}
steps:
  - id: look
    action: kubernetes.describe
    with: {target: "${target}"}
    safety: {risk: read, scopes: [prod]}
  - id: undo
    action: kubernetes.rollout_undo
    with: {target: "${target}"}
    verify: {fact: rollout, expect: "ready == wanted", within: 60s}
    rollback: none
    safety: {risk: safe, scopes: [staging]}
tests: []
"""
    assert [f.rule for f in of_example(text, known)] == ["missing-tests"]
    unproved = text.replace('    verify: {fact: rollout, expect: "ready == wanted", within: 60s}\n', "")
    assert [f.rule for f in of_example(unproved, known)] == ["missing-tests", "mutating-without-verify"]
    typed = text.replace("fact: rollout", "fact: helth")
    assert [(f.rule, f.severity) for f in of_example(typed, known)][1:] == [("unknown-fact", "warning")]
    here = replace(known, adapters=("kubernetes",))
    assert "unneeded-waits-for" in [f.rule for f in of_example(text, here)]
    other = text.replace("waits_for: [kubernetes]", "waits_for: [kube]")
    assert [f.rule for f in of_example(other, known)].count("unknown-operation") == 2


STEP = """\
  - id: {name}
    action: supervisor.restart
    with: {{target: "${{target}}"}}
{more}    verify: {{fact: health, expect: "status == 200", within: 30s}}
    rollback: none
    safety: {{risk: {risk}, scopes: [{scopes}], limits: [{{max: 1, per: service, window: 1h}}]}}
"""
WHEN = '    when: "facts.health.status != 200"\n'


@pytest.mark.parametrize(
    ("first", "second", "reached"),
    [
        ({"scopes": "dev"}, {"scopes": "prod"}, False),
        ({"scopes": "dev", "more": WHEN}, {"scopes": "prod"}, True),
        ({"scopes": "dev, prod"}, {"scopes": "prod"}, True),
        ({"scopes": "dev"}, {"scopes": "dev, prod"}, True),
        ({"scopes": "dev", "risk": "forbidden"}, {"scopes": "dev"}, False),
    ],
)
def test_a_step_behind_one_that_always_stops_is_unreachable(
    known: Known, first: dict[str, str], second: dict[str, str], reached: bool
) -> None:
    usual = {"more": "", "risk": "safe"}
    steps = STEP.format(name="one", **(usual | first)) + STEP.format(name="two", **(usual | second))
    found = [f for f in of_example("steps:\n" + steps + "tests: []\n", known) if f.rule == "unreachable-step"]
    assert bool(found) is not reached
    lines = whole("steps:\n" + steps)[0].splitlines()
    assert all("- id: two" in lines[f.line - 1] and "two" in f.message for f in found)


def test_a_record_of_this_very_digest_ends_the_warning(sound: Callable[..., Runbook], known: Known) -> None:
    runbook = sound()
    url, when = "https://example.org/review/1", datetime_of(known)
    current = new_record("demo", digest(runbook), "prod", url, 3, "ana", when)
    older = new_record("demo", "0" * 64, "prod", url, 3, "ana", when)
    assert found_in(runbook, replace(known, promotions=(current,))) == []
    (finding,) = lint_one(look_at(runbook, replace(known, promotions=(older,))))
    assert (finding.rule, finding.path) == ("scope-above-promotion", (*ACT, "safety", "scopes"))
    assert "another digest" in finding.message
    strict = replace(known, promotions=(current,), ladder=Ladder(lowest="dev"))
    (finding,) = lint_one(look_at(runbook, strict))
    assert "no promotion record for staging;" in finding.message


def datetime_of(known: Known) -> datetime:
    assert known.today is not None
    return datetime.combine(known.today, time(), UTC)


@pytest.mark.parametrize(
    ("last", "late"), [(date(2026, 9, 1), 0), (date(2026, 8, 31), 1), (date(2025, 11, 30), 275), (date(2027, 1, 1), 0)]
)
def test_R8_a_review_is_overdue_after_its_interval(
    sound: Callable[..., Runbook], known: Known, last: date, late: int
) -> None:
    found = lint_one(look_at(sound(), replace(known, promotions=None, reviewed={"demo.yaml": last})))
    assert [f.rule for f in found] == (["overdue-review"] if late else [])
    assert all(f"{late} days late" in f.message for f in found)


def test_a_secret_is_told_on_its_own_line(known: Known) -> None:
    text = "id: example\n  # the password is hunter2\n"
    (found,) = [f for f in of_example(text, known) if f.rule == "secret-in-text"]
    lines = whole(text)[0].splitlines()
    assert "hunter2" in lines[found.line - 1]
    assert found.column == 3
    assert "hunter2" not in found.message + found.fix
