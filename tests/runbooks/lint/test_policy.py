"""What a runbook claims beside what policy gives: everything beyond is told, nothing stricter is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guards.policy import Policy
from runbooks.lint import Known
from runbooks.lint.check import check
from runbooks.lint.example import whole
from runbooks.strict import load_strict

POLICY = load_strict("""\
version: 1
lowest_environment: dev
matrix:
  dev: {read: auto, safe: auto, caution: confirm}
  staging: {read: auto, safe: confirm, caution: approve}
  prod: {read: auto, safe: approve}
autonomy:
  dev: {safe: auto}
  staging: {safe: approve}
approvals:
  staging: {count: 1, any_of: [leads], timeout: 30m}
  prod: {count: 1, any_of: [leads], timeout: 15m}
requesters: {roles: [responder]}
operators: {roles: [operator]}
limits:
  - {max: 1, per: service, window: 1h, env: prod, action: supervisor.restart}
  - {max: 6, per: target, window: 1h}
  - {max: 1, per: action, window: 1d, service: payments}
blast_radius:
  dev: {max_targets: 5}
  staging: {max_targets: 2}
""")

STEP = """\
steps:
  - id: restart
    action: supervisor.restart
    with: {target: "${target}"}
    verify: {fact: health, expect: "status == 200", within: 60s}
    rollback: none
    safety: {SAFETY}
"""
PROD = "limits: [{max: 1, per: service, window: 1h, env: prod}]"


@pytest.fixture
def compared(known: Known) -> Known:
    return replace(known, policy=Policy.from_mapping(POLICY), promotions=None)


def said(safety: str, known: Known, **changes: Any) -> list[tuple[str, int, str]]:
    (text,) = whole(STEP.replace("{SAFETY}", "{" + safety + "}").replace("tests", "tests", 1))
    for old, new in changes.items():
        text = text.replace(old, new)
    found = check([(Path("x.yaml"), text)], known).findings
    assert not [f for f in found if f.rule == "load"], found
    return [(f.severity, f.line, f.message) for f in found if f.rule == "loosened-guard"]


@pytest.mark.parametrize(
    "safety",
    [
        "risk: safe, scopes: [dev, staging]",
        f"risk: safe, scopes: [dev, staging, prod], {PROD}",
        "risk: safe, scopes: [dev], autonomy: auto",
        "risk: safe, scopes: [dev, staging], autonomy: approve",
        f"risk: safe, scopes: [prod], autonomy: suggest, {PROD}",
        f"risk: safe, scopes: [prod], autonomy: shadow, {PROD}",
        "risk: safe, scopes: [staging], blast_radius: {max_targets: 2}",
        "risk: safe, scopes: [staging], limits: [{max: 6, per: target, window: 1h}]",
        "risk: safe, scopes: [staging], limits: [{max: 12, per: target, window: 2h}]",
        "risk: safe, scopes: [staging], limits: [{max: 12, per: target, window: 90m}]",
        "risk: safe, scopes: [staging], limits: [{max: 50, per: action, window: 1d}]",
    ],
)
def test_what_policy_gives_may_be_said(safety: str, compared: Known) -> None:
    assert said(safety, compared) == []


@pytest.mark.parametrize(
    ("safety", "severity", "words"),
    [
        ("risk: safe, scopes: [qa]", "warning", "policy knows no environment qa"),
        (
            "risk: caution, scopes: [staging, prod], " + PROD,
            "warning",
            "policy forbids what has the risk caution in prod",
        ),
        ("risk: caution, scopes: [prod], " + PROD, "error", "policy forbids what has the risk caution in prod"),
        ("risk: forbidden, scopes: [dev]", "error", "policy forbids"),
        ("risk: safe, scopes: [staging], autonomy: auto", "error", "approve in staging"),
        ("risk: safe, scopes: [dev, staging], autonomy: auto", "warning", "approve in staging"),
        ("risk: caution, scopes: [dev], autonomy: approve", "error", "suggest in dev"),
        ("risk: safe, scopes: [staging], blast_radius: {max_targets: 3}", "error", "2 in staging"),
        ("risk: safe, scopes: [dev, staging], blast_radius: {max_targets: 3}", "warning", "2 in staging"),
        ("risk: safe, scopes: [prod], blast_radius: {max_targets: 2}, " + PROD, "error", "1 in prod"),
        ("risk: safe, scopes: [staging], limits: [{max: 7, per: target, window: 1h}]", "error", "at most 6 in staging"),
        ("risk: safe, scopes: [staging], limits: [{max: 13, per: target, window: 2h}]", "error", "12 in staging"),
        ("risk: safe, scopes: [staging], limits: [{max: 7, per: target, window: 1m}]", "error", "6 in staging"),
        ("risk: safe, scopes: [prod], limits: [{max: 2, per: service, window: 1h}]", "error", "1 in prod"),
        ("risk: safe, scopes: [dev, prod], limits: [{max: 2, per: service, window: 1h}]", "warning", "1 in prod"),
        ("risk: read, scopes: [dev]", "error", "calls its risk read"),
    ],
)
def test_what_is_beyond_policy_is_told(safety: str, severity: str, words: str, compared: Known) -> None:
    found = said(safety, compared)
    assert [(s, words in message) for s, _, message in found if "limits nothing" not in message][:1] == [
        (severity, True)
    ], found


def test_a_step_that_only_reads_claims_nothing(compared: Known) -> None:
    part = STEP.replace("{SAFETY}", "{risk: safe, scopes: [qa], autonomy: auto}").replace(".restart", ".tail_log")
    (text,) = whole(part)
    assert [f for f in check([(Path("x.yaml"), text)], compared).findings if f.rule == "loosened-guard"] == []


def test_without_a_policy_only_the_risk_is_looked_at(known: Known) -> None:
    assert said("risk: safe, scopes: [qa], autonomy: auto, blast_radius: {max_targets: 40}", known) == []
