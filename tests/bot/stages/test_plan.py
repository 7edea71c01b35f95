"""Plan: exact acts from a runbook, the catalogue and facts; and every reason why there is none (T10, T30, T34)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.plan import Plan
from bot.services import Catalogue, Service
from bot.stages.plan import PLAN_LIFETIME, digest_of, make_plan
from guards import Deny
from runbooks.digest import digest
from tests.fakes.equipment import SERVICES, START
from tests.fakes.scene import Scene

PROGRAM, SETTING = SERVICES["services"][0]["targets"]


def plan(
    scene: Scene,
    runbook: str = "restart-service",
    given: dict[str, Any] | None = None,
    targets: list[Any] | None = None,
    **more: Any,
) -> Plan | Deny:
    data = {**SERVICES["services"][0], **({} if targets is None else {"targets": targets})}
    service: Service = Catalogue.model_validate({"services": [data]}).services[0]
    found = scene.equipment.library.get(runbook)
    assert found is not None
    values: dict[str, Any] = {
        "incident": None,
        "service": service,
        "runbook": found,
        "steps": found.steps,
        "given": given or {},
        "facts": {},
        "requester": "ana",
        "why": "because",
        "created_at": START,
    }
    return make_plan(scene.equipment, **{**values, **more})


async def test_T09_another_version_of_a_runbook_has_its_own_digest(empty: Scene) -> None:
    first = empty.equipment.library.get("restart-service")
    assert first is not None
    changed = first.model_copy(update={"title": "Something else"})
    for runbook in (first, changed, first, first, changed):
        assert digest_of(runbook) == digest(runbook)
    assert digest_of(first) != digest_of(changed)


async def test_a_plan_holds_everything_that_will_happen(empty: Scene) -> None:
    made = plan(empty)
    assert isinstance(made, Plan)
    look, restart = made.steps
    assert (look.read_only, look.risk, look.check) == (True, "read", None)
    assert (restart.read_only, restart.risk, restart.act.shown) == (False, "safe", "supervisorctl restart payments")
    assert restart.act.target.key == "supervisor_program:prod/payments"
    assert restart.check is not None
    assert (restart.check.required, restart.check.of) == (3, 4)
    assert (restart.rollback, bool(restart.rollback_note)) == ((), True)
    assert (made.environment, made.tier, made.requester) == ("prod", 1, "ana")
    assert made.policy_digest == empty.equipment.policy.digest
    runbook = empty.equipment.library.get("restart-service")
    assert runbook is not None
    assert made.runbook_digest == digest(runbook)
    assert made.expires_at == START + PLAN_LIFETIME


async def test_T08_a_plan_lives_fifteen_minutes_unless_told(empty: Scene) -> None:
    made, short = plan(empty), plan(empty, expires_at=START + timedelta(minutes=1))
    assert isinstance(made, Plan)
    assert isinstance(short, Plan)
    assert made.expires_at - made.created_at == timedelta(minutes=15)
    assert short.expires_at == START + timedelta(minutes=1)


async def test_equal_inputs_make_equal_plans(empty: Scene) -> None:
    first, again = plan(empty), plan(empty)
    assert isinstance(first, Plan)
    assert isinstance(again, Plan)
    assert first.digest == again.digest


async def test_the_declared_undo_is_planned_before_anything_is_done(empty: Scene) -> None:
    made = plan(empty, "roll-back-setting")
    assert isinstance(made, Plan)
    assert [act.shown for act in made.steps[0].rollback] == ["restore mode in /tmp/x.json to its previous value"]


TWO = [PROGRAM, {**PROGRAM, "name": "payments-worker"}]
NO_PLAN: dict[str, tuple[dict[str, Any], str]] = {
    "T10 no target of the kind": ({"targets": []}, "no_target"),
    "T10 several targets": ({"targets": TWO}, "no_target"),
    "T10 a target that is not there": ({"given": {"target": "other"}}, "no_target"),
    "T36 the right name, another kind": ({"given": {"target": "payments-settings"}}, "no_target"),
    "T34 a wildcard": ({"given": {"target": "*"}}, "no_target"),
    "T34 all": ({"given": {"target": "all"}}, "no_target"),
    "T34 empty": ({"given": {"target": ""}}, "no_target"),
    "T34 a list": ({"given": {"target": ["payments"]}}, "no_target"),
    "T33 a leading dash": ({"given": {"target": "--all"}}, "no_target"),
    "an unknown parameter": ({"given": {"colour": "red"}}, "bad_parameter"),
    "T30 a value outside the list": (
        {"runbook": "roll-back-setting", "given": {"value": "; rm -rf /"}},
        "bad_parameter",
    ),
    "T34 truth for text": ({"runbook": "roll-back-setting", "given": {"value": True}}, "bad_parameter"),
    "a value the catalogue does not allow": (
        {"runbook": "roll-back-setting", "given": {"value": "primary"}},
        "cannot_plan",
    ),
    "a setting the catalogue does not allow": (
        {"runbook": "roll-back-setting", "given": {"key": "upstream"}},
        "cannot_plan",
    ),
    "a catalogue entry without its settings": ({"targets": [{**PROGRAM, "settings": {}}]}, "cannot_plan"),
    "T34 a program called all": (
        {"targets": [{**PROGRAM, "settings": {**PROGRAM["settings"], "program": "all"}}]},
        "cannot_plan",
    ),
    "T34 a whole group": (
        {"targets": [{**PROGRAM, "settings": {**PROGRAM["settings"], "program": "group:*"}}]},
        "cannot_plan",
    ),
}


@pytest.mark.parametrize(("changes", "code"), NO_PLAN.values(), ids=NO_PLAN)
async def test_no_plan_is_a_refusal_with_a_reason(empty: Scene, changes: dict[str, Any], code: str) -> None:
    made = plan(empty, **changes)
    assert isinstance(made, Deny)
    assert made.code == code
    assert made.reason
    assert made.remedy


async def test_T10_one_of_several_targets_can_be_named(empty: Scene) -> None:
    made = plan(empty, targets=TWO, given={"target": "payments-worker"})
    assert isinstance(made, Plan)
    assert [target.name for target in made.targets] == ["payments-worker"]


async def test_an_operation_that_is_not_there_is_refused(empty: Scene) -> None:
    empty.change(operations={})
    made = plan(empty)
    assert isinstance(made, Deny)
    assert made.code == "unknown_operation"


async def test_a_runbook_that_waits_for_an_adapter_is_never_planned(empty: Scene) -> None:
    found = empty.equipment.library.get("restart-service")
    assert found is not None
    made = plan(empty, runbook="restart-service", targets=[PROGRAM])
    assert isinstance(made, Plan)
    waiting = found.model_copy(update={"waits_for": ("kubernetes",)})
    refused = make_plan(
        empty.equipment,
        incident=None,
        service=Catalogue.model_validate(SERVICES).services[0],
        runbook=waiting,
        steps=waiting.steps,
        given={},
        facts={},
        requester="ana",
        why="because",
        created_at=START,
    )
    assert isinstance(refused, Deny)
    assert refused.code == "waits_for_adapter"
    assert "kubernetes" in refused.reason
