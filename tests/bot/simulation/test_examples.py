"""The example installation: complete for every operation there is, and free of anything that exists."""

from __future__ import annotations

import pytest

from bot.roster import OPERATIONS
from bot.simulation import examples
from runbooks.load import load_runbook

HOST = """id: rotate
title: Rotate
params: {target: {type: target, kind: command_host}}
steps:
  - {id: run, action: command.run, with: {target: "${target}", argv: ["logrotate", "-f"]}, safety: {scopes: [dev]}}
"""


@pytest.mark.parametrize("kind", sorted({operation.target_kind for operation in OPERATIONS.values()}))
def test_every_kind_of_target_has_an_example(kind: str) -> None:
    assert kind in examples.TARGETS, "add it to bot/simulation/examples.py: runbook tests need it"
    assert examples.service(()).target(kind) is not None


def test_a_program_that_a_runbook_names_may_run_on_the_example_host() -> None:
    entry = examples.service((load_runbook(HOST, "x.yaml"),)).target("command_host")
    assert entry is not None
    assert entry.settings["allowed_programs"]["logrotate"] == "/usr/bin/logrotate"


def test_settings_that_a_case_gives_take_the_place_of_the_example() -> None:
    own = {"queue": {"url": "x"}, "redis_database": {"url": "redis://other.example", "database": 1}}
    service = examples.service((), environment="dev", facts=["disk"], targets=own)
    assert {t.kind: dict(t.settings) for t in service.targets if t.kind in own} == own
    assert {name: setting.kind for name, setting in service.facts.items()} == {
        "health": "http",
        "state": "supervisor",
        "disk": "disk",
    }


def test_the_policy_lets_nobody_change_prod_alone() -> None:
    policy = examples.policy()
    assert policy.word("prod", "safe", 1) == "approve"
    assert policy.word("staging", "safe", 1) == "confirm"
    assert policy.word("dev", "safe", 1) == "auto"
    groups = examples.people().groups
    assert set(policy.approvers("prod", 1).any_of) <= set(groups)
