"""Cases are played through the bot's own matcher, next step, plan and guards; what differs is said in one sentence."""

from __future__ import annotations

import pytest

from bot.simulation import CaseResult, examples, play, play_cases
from bot.simulation.cases import as_json, counted
from guards import Policy
from runbooks.load import BUILTIN, load_catalog, load_runbook
from runbooks.model import Runbook

RESTART = """id: restart
title: Restart
match: {alerts: [ServiceDown], when: "facts.health.status != 200"}
params: {target: {type: target, kind: supervisor_program}}
steps:
  - id: look
    action: supervisor.tail_log
    with: {target: "${target}", lines: 5}
  - id: restart
    action: supervisor.restart
    with: {target: "${target}"}
    verify: {fact: health, expect: "status == 200", within: 30s}
    rollback: none
    safety: {risk: safe, scopes: [dev, staging], limits: [{max: 1, per: service, window: 1h}]}
tests:
"""
DOWN = "incident: {alert_name: ServiceDown}, facts: {health: {status: 500}}"
SHIPPED = load_catalog([BUILTIN]).runbooks


def runbook(case: str, text: str = RESTART) -> Runbook:
    return load_runbook(f"{text}  - {{name: it, {case}}}\n", "restart.yaml")


def played(case: str, text: str = RESTART) -> CaseResult:
    (result,) = play_cases(runbook(case, text))
    return result


@pytest.mark.parametrize(
    "case",
    [
        f"{DOWN}, expect: {{step: restart, asks: [confirmation]}}",
        f"{DOWN}, environment: dev, expect: {{asks: []}}",
        f"{DOWN}, expect: {{plan: ['supervisorctl tail payments (last 5 lines)', supervisorctl restart payments]}}",
        f"{DOWN}, environment: prod, expect: {{refused: wrong_environment}}",
        f"{DOWN}, environment: prod, expect: {{no_step: is for dev}}",
        f"{DOWN}, environment: elsewhere, expect: {{refused: wrong_environment}}",
        f"{DOWN}, ran_minutes_ago: [59], expect: {{step: restart, refused: rate_limited}}",
        f"{DOWN}, ran_minutes_ago: [61], expect: {{step: restart, asks: [confirmation]}}",
        f"{DOWN}, past: [{{step: restart, outcome: failed}}], expect: {{no_step: a person must take over}}",
        f"{DOWN}, past: [{{step: restart, outcome: unknown}}], expect: {{no_step: is unknown}}",
        f"{DOWN}, params: {{target: other}}, expect: {{refused: no_target}}",
        f"{DOWN}, targets: {{supervisor_program: {{url: x, program: all}}}}, expect: {{refused: cannot_plan}}",
        "incident: {alert_name: ServiceDown}, facts: {health: {status: 200}}, expect: {no_step: does not hold}",
        "incident: {alert_name: ServiceDown}, expect: {no_step: is not proven}",
        "facts: {health: {status: 200}}, expect: {step: restart}",
    ],
)
def test_what_comes_out_as_expected_passes(case: str) -> None:
    result = played(case)
    assert (result.state, result.wrong) == ("passed", ())
    assert result.ok


@pytest.mark.parametrize(
    ("case", "says"),
    [
        (f"{DOWN}, expect: {{step: look}}", "step: expected look, but restart is offered"),
        (f"{DOWN}, expect: {{no_step: x}}", "no_step: expected none because of 'x', but restart is offered"),
        (f"{DOWN}, expect: {{asks: [approval]}}", "asks: expected approval, but people are asked for confirmation"),
        (f"{DOWN}, expect: {{asks: []}}", "asks: expected nobody to be asked, but people are asked for confirmation"),
        (f"{DOWN}, environment: dev, expect: {{asks: [approval]}}", "it may run, and nobody is asked"),
        (f"{DOWN}, expect: {{refused: frozen}}", "refused: expected frozen, but people are asked for confirmation"),
        (f"{DOWN}, environment: prod, expect: {{asks: []}}", "it is refused (wrong_environment)"),
        (f"{DOWN}, environment: prod, expect: {{plan: [x]}}", "plan: there is none: it is refused"),
        (f"{DOWN}, expect: {{plan: [one]}}", "plan: expected one, but it is supervisorctl tail payments"),
        ("incident: {title: unrelated}, expect: {step: restart}", "nothing is offered: No runbook matches"),
    ],
)
def test_what_comes_out_otherwise_is_said(case: str, says: str) -> None:
    result = played(case)
    assert result.state == "failed"
    assert says in "; ".join(result.wrong)


WAITING = """id: drain
title: Drain a node
waits_for: [kubernetes]
match: {alerts: [NodeBad], when: "facts.node.ready == false"}
params: {target: {type: target, kind: kubernetes_node}}
steps:
  - {id: look, action: kubernetes.describe, with: {target: "${target}"}}
  - id: drain
    action: kubernetes.drain
    with: {target: "${target}"}
    rollback: none
    safety: {risk: caution, scopes: [staging]}
tests:
"""
BAD = "incident: {alert_name: NodeBad}, facts: {node: {ready: false}}"


def test_conditions_are_judged_although_the_adapter_is_not_there() -> None:
    assert played(f"{BAD}, expect: {{step: drain}}", WAITING).state == "passed"
    assert played("incident: {alert_name: NodeBad}, expect: {step: drain}", WAITING).state == "failed"


def test_a_plan_that_cannot_be_made_yet_is_neither_passed_nor_failed() -> None:
    result = played(f"{BAD}, expect: {{step: drain, asks: [approval]}}", WAITING)
    assert (result.state, result.wrong) == ("waits", ())
    assert played(f"{BAD}, expect: {{step: look, asks: [approval]}}", WAITING).state == "failed"


def test_an_environment_that_no_service_can_have_fails_the_case() -> None:
    made = runbook(f"{DOWN}, expect: {{step: restart}}")
    case = made.tests[0].model_copy(update={"environment": ".."})
    (result,) = play_cases(made.model_copy(update={"tests": (case,)}))
    assert result.wrong[0].startswith("no service can be made of it: environment: ")


def test_a_kind_of_target_that_no_service_can_have_fails_the_case() -> None:
    result = played(f"{DOWN}, targets: {{'a b': {{}}}}, expect: {{step: restart}}")
    assert result.wrong[0].startswith("no service can be made of it: name: ")


def test_another_policy_may_be_tried() -> None:
    matrix = {**examples.POLICY["matrix"], "staging": {"read": "auto", "safe": "forbid", "caution": "forbid"}}
    policy = Policy.from_mapping({**examples.POLICY, "matrix": matrix})
    (result,) = play_cases(runbook(f"{DOWN}, expect: {{asks: [confirmation]}}"), policy)
    assert result.state == "failed"
    assert "refused" in result.wrong[0]


def test_a_runbook_without_cases_gives_no_results() -> None:
    text = RESTART.removesuffix("tests:\n")
    assert play_cases(load_runbook(text, "x.yaml")) == []


@pytest.mark.parametrize("name", sorted(SHIPPED))
async def test_the_shipped_runbooks_carry_cases_and_all_pass(name: str) -> None:
    results = await play([SHIPPED[name]])
    assert results, "a shipped runbook carries its tests"
    assert [(r.name, r.wrong) for r in results if r.state == "failed"] == []
    assert counted(results)["passed"] + counted(results)["waits"] == len(results)


def test_a_result_as_json_has_what_came_out() -> None:
    told = as_json(played(f"{DOWN}, expect: {{step: look}}"))
    assert (told["state"], told["step"], told["asks"], told["refused"]) == ("failed", "restart", ["confirmation"], [])
    assert (told["file"], told["number"], told["name"]) == ("restart.yaml", 0, "it")
