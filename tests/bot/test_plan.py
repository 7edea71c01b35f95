"""The plan's digest: every leaf counts, equal plans agree, and the canonical form is fixed for all time (B6, T09, T13)."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.plan import Act, Check, OutputPattern, Plan, PlanStep, Resize, Target

ROOT = Path(__file__).resolve().parents[2]
AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def act(name: str = "payments", operation: str = "supervisor.restart") -> Act:
    return Act(
        adapter="supervisor",
        operation=operation,
        target=Target(kind="supervisor_program", environment="prod", name=name),
        request={"argv": ["restart", name], "deep": {"list": [1, 2.5, True, None, "ü"]}},
        shown=f"supervisorctl restart {name}",
        deadline_seconds=30.0,
        idempotent=False,
        cancel_safe=True,
        resize=Resize(current=6, wanted=9),
        cost=1.5,
        planned_from={"pool": {"running": 6, "names": ["a", "b"]}},
        leaves={"pool": {"running": 9}},
        members=("g:a", "g:b"),
    )


def sample() -> Plan:
    """One value in every field."""
    step = PlanStep(
        id="restart",
        title="Restart it",
        act=act(),
        read_only=False,
        risk="safe",
        precheck="facts.health.status != 200",
        expect=(OutputPattern(pattern="OK", allow_failure=True), OutputPattern(pattern="sure")),
        check=Check(fact="health", expect="status == 200", within_seconds=30.0, every_seconds=1.5, required=3, of=4),
        rollback=(act("payments", "supervisor.stop"), act("worker", "supervisor.start")),
        rollback_note="none",
        irreversible=True,
        part_of="whole",
        on_failure="continue",
    )
    return Plan(
        incident_id="inc_1",
        runbook="restart-service",
        runbook_title="Restart",
        runbook_digest="a" * 64,
        policy_digest="b" * 64,
        service="payments",
        environment="prod",
        tier=1,
        requester="ana",
        steps=(step, step.model_copy(update={"id": "again"})),
        parameters={"target": "payments", "lines": 50, "force": False},
        why="because",
        break_glass="fire",
        created_at=AT,
        expires_at=AT + timedelta(minutes=15),
    )


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path


def other(value: Any) -> Any:
    """Another valid value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if value is None:
        return "something"
    try:
        return (datetime.fromisoformat(value) + timedelta(microseconds=1)).isoformat()
    except ValueError:
        return value + "x"


DATA = sample().model_dump(mode="json")
LEAVES = list(leaves(DATA))


def mutated(path: tuple[str | int, ...], change: Any) -> dict[str, Any]:
    data = copy.deepcopy(DATA)
    inner: Any = data
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = change(inner[path[-1]])
    return data


def test_the_sample_fills_every_field_of_every_part() -> None:
    """Else a new field could be left out of the digest and nobody would notice."""
    assert set(DATA) == set(Plan.model_fields)
    step = DATA["steps"][0]
    assert set(step) == set(PlanStep.model_fields)
    assert set(step["act"]) == set(Act.model_fields)
    assert set(step["check"]) == set(Check.model_fields)
    assert set(step["expect"][0]) == set(OutputPattern.model_fields)
    assert set(step["act"]["target"]) == set(Target.model_fields)
    assert set(step["act"]["resize"]) == set(Resize.model_fields)
    assert step["rollback"]
    assert DATA["parameters"]


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(str(part) for part in path))
def test_T09_every_leaf_is_in_the_digest(path: tuple[str | int, ...]) -> None:
    changed = Plan.model_validate(mutated(path, other))
    assert changed.digest != sample().digest
    assert changed.short_digest != sample().short_digest


def without(path: tuple[str | int, ...]) -> dict[str, Any]:
    data = copy.deepcopy(DATA)
    inner: Any = data
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return data


SHAPES: dict[str, Any] = {
    "one step less": without(("steps", 1)),
    "one undo less": without(("steps", 0, "rollback", 1)),
    "one pattern less": without(("steps", 0, "expect", 0)),
    "one parameter less": without(("parameters", "force")),
    "one argument less": without(("steps", 0, "act", "request", "argv", 1)),
    "no proof": mutated(("steps", 0, "check"), lambda _old: None),
    "steps in another order": mutated(("steps",), lambda old: old[::-1]),
    "undos in another order": mutated(("steps", 0, "rollback"), lambda old: old[::-1]),
    "arguments in another order": mutated(("steps", 0, "act", "request", "argv"), lambda old: old[::-1]),
    "a parameter more": mutated(("parameters",), lambda old: {**old, "new": 1}),
    "a number as text": mutated(("parameters", "lines"), str),
    "truth as a number": mutated(("parameters", "force"), int),
}


@pytest.mark.parametrize("data", SHAPES.values(), ids=SHAPES)
def test_T09_T10_another_shape_is_another_digest(data: dict[str, Any]) -> None:
    assert Plan.model_validate(data).digest != sample().digest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(first=JSON, second=JSON)
def test_T09_digests_are_equal_exactly_when_the_requests_are(first: Any, second: Any) -> None:
    plans = [
        sample().model_copy(update={"parameters": {"value": copy.deepcopy(value)}}) for value in (first, first, second)
    ]
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert plans[0].digest == plans[1].digest
    assert (plans[0].digest == plans[2].digest) is same


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(inner) for inner in value] if isinstance(value, list) else value


def test_equal_plans_have_equal_digests_whatever_the_order_of_their_keys() -> None:
    assert Plan.model_validate(shuffled(DATA)).digest == sample().digest
    assert Plan.model_validate_json(sample().model_dump_json()).digest == sample().digest


def test_equal_plans_have_equal_digests_in_another_process() -> None:
    script = "import sys; from bot.plan import Plan; print(Plan.model_validate_json(sys.stdin.read()).digest)"
    told = subprocess.run(
        [sys.executable, "-c", script],
        input=sample().model_dump_json(),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=60,
        env={"PYTHONHASHSEED": "12345", "PYTHONPATH": str(ROOT)},
    )
    assert told.stdout.strip() == sample().digest


SMALL = (
    b'{"break_glass":"","created_at":"2026-11-21T03:00:00Z","environment":"prod",'
    b'"expires_at":"2026-11-21T03:15:00Z","incident_id":"",'
    b'"parameters":{"a":"\xc3\xbc","b":1.5},"policy_digest":"p","requester":"ana","runbook":"r","runbook_digest":"d",'
    b'"runbook_title":"t","service":"s","steps":[{"act":{"adapter":"command","cancel_safe":false,"cost":0,"deadline_seconds":30,'
    b'"idempotent":false,"operation":"o","request":{"argv":["ls","-l"]},"resize":null,"shown":"ls -l","target":{"environment":"prod",'
    b'"kind":"host","name":"h"}},"check":null,"expect":[],"id":"one","irreversible":false,"precheck":"","read_only":true,'
    b'"risk":"read","rollback":[],"rollback_note":"","title":"One"}],"tier":1,"why":""}'
)


def small() -> Plan:
    listed = Act(
        adapter="command",
        operation="o",
        target=Target(kind="host", environment="prod", name="h"),
        request={"argv": ["ls", "-l"]},
        shown="ls -l",
        deadline_seconds=30.0,
    )
    return Plan(
        incident_id="", runbook="r", runbook_title="t", runbook_digest="d", policy_digest="p", service="s",
        environment="prod", tier=1, requester="ana",
        steps=(PlanStep(id="one", title="One", act=listed, read_only=True, risk="read"),),
        parameters={"b": 1.5, "a": "ü"}, created_at=AT, expires_at=AT + timedelta(minutes=15),
    )  # fmt: skip


def test_T13_the_canonical_form_is_fixed() -> None:
    """A golden vector: whoever changes it voids every approval that is waiting, and every digest that was shown."""
    assert small().canonical() == SMALL
    assert small().digest == hashlib.sha256(SMALL).hexdigest()
    assert small().short_digest == small().digest[:12] == "b663eb7f2d8a"


def resizing(*sizes: int, name: str = "pool") -> tuple[PlanStep, ...]:
    """Steps from each size to the next, on one target; each costs as much as it adds."""
    listed = small().steps[0]
    target = Target(kind="pool", environment="prod", name=name)
    return tuple(
        listed.model_copy(
            update={
                "id": f"{name}-{number}",
                "act": listed.act.model_copy(
                    update={
                        "target": target,
                        "resize": Resize(current=old, wanted=new, unit="workers"),
                        "cost": float(max(0, new - old)),
                    }
                ),
            }
        )
        for number, (old, new) in enumerate(itertools.pairwise(sizes), 1)
    )


WHOLE = [((6, 9, 12), 6, 12, 6.0), ((12, 6, 3), 12, 3, 0.0), ((6, 9), 6, 9, 3.0), ((6, 20, 7), 6, 20, 14.0)]


@pytest.mark.parametrize(("sizes", "current", "wanted", "cost"), WHOLE)
def test_G7_the_whole_change_is_what_all_its_increments_make_together(
    sizes: tuple[int, ...], current: int, wanted: int, cost: float
) -> None:
    others = (small().steps[0], *resizing(1, 2, name="other"))
    plan = small().model_copy(update={"steps": (*others, *resizing(*sizes))})
    for step in plan.steps[2:]:
        assert plan.change_of(step) == Resize(current=current, wanted=wanted, unit="workers")
        assert plan.cost_of(step) == cost
    assert plan.change_of(others[1]) == Resize(current=1, wanted=2, unit="workers")
    assert (plan.change_of(others[0]), plan.cost_of(others[0])) == (None, 0.0)
    assert plan.cost == cost + 1.0


def test_an_increment_knows_the_step_of_the_runbook_it_is_a_part_of() -> None:
    assert small().steps[0].runbook_step == "one"
    assert sample().steps[0].runbook_step == "whole"


def test_targets_are_all_that_is_touched_each_once() -> None:
    assert [target.name for target in sample().targets] == ["payments", "worker"]
    assert sample().targets[0].key == "supervisor_program:prod/payments"


@pytest.mark.parametrize(
    ("risks", "strongest"),
    [
        (["read"], "read"),
        (["read", "safe"], "safe"),
        (["caution", "safe"], "caution"),
        (["safe", "forbidden"], "forbidden"),
    ],
)
def test_the_risk_of_a_plan_is_its_strongest(risks: list[str], strongest: str) -> None:
    steps = tuple(small().steps[0].model_copy(update={"risk": risk}) for risk in risks)
    assert small().model_copy(update={"steps": steps}).risk == strongest


def test_the_action_of_a_plan_is_what_changes_something() -> None:
    assert small().action == "o"
    look, change = small().steps[0], sample().steps[0]
    assert small().model_copy(update={"steps": (look, change)}).action == "supervisor.restart"


BAD: dict[str, tuple[Any, dict[str, Any]]] = {
    "T34 no kind": (Target, {"kind": "", "environment": "prod", "name": "a"}),
    "T34 no environment": (Target, {"kind": "k", "environment": "", "name": "a"}),
    "T34 no name": (Target, {"kind": "k", "environment": "prod", "name": ""}),
    "no steps": (Plan, {**DATA, "steps": []}),
    "an unknown field": (Plan, {**DATA, "surprise": 1}),
    "no deadline": (Act, {**DATA["steps"][0]["act"], "deadline_seconds": 0}),
    "a deadline of a day": (Act, {**DATA["steps"][0]["act"], "deadline_seconds": 86400}),
    "T58 no samples": (Check, {**DATA["steps"][0]["check"], "required": 0}),
    "T58 no window": (Check, {**DATA["steps"][0]["check"], "within_seconds": 0}),
}


@pytest.mark.parametrize(("model", "values"), BAD.values(), ids=BAD)
def test_what_is_no_plan(model: Any, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(values)
