"""Two plans and what a person reads about their difference (T09)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.plan import Act, Check, OutputPattern, Plan, PlanStep, Resize, Target
from bot.stages.difference import LONGEST, SHOWN, difference, since_asked

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def step(name: str = "restart", **changes: Any) -> PlanStep:
    act = Act(
        adapter="supervisor",
        operation="supervisor.restart",
        target=Target(kind="supervisor_program", environment="prod", name="payments"),
        request={"program": "payments"},
        shown="supervisorctl restart payments",
        deadline_seconds=60,
    )
    check = Check(fact="health", expect="status == 200", within_seconds=60, every_seconds=2, required=3, of=4)
    made = PlanStep(id=name, title="Restart", act=act, read_only=False, risk="safe", check=check)
    return made.model_copy(update=changes)


def plan(*steps: PlanStep, **changes: Any) -> Plan:
    made = Plan(
        incident_id="inc_1",
        runbook="restart",
        runbook_title="Restart",
        runbook_digest="a" * 64,
        policy_digest="b" * 64,
        service="payments",
        environment="prod",
        tier=1,
        requester="ana",
        steps=steps or (step(),),
        created_at=NOON,
        expires_at=NOON + timedelta(minutes=15),
    )
    return made.model_copy(update=changes)


def other_act(**changes: Any) -> PlanStep:
    return step(act=step().act.model_copy(update=changes))


CASES: list[tuple[Plan, str]] = [
    (
        plan(other_act(shown="supervisorctl restart all")),
        "step restart, the exact act: supervisorctl restart payments → supervisorctl restart all",
    ),
    (plan(other_act(request={"program": "billing"})), "step restart, the request (program): payments → billing"),
    (plan(other_act(request={})), "step restart, the request (program): payments → nothing"),
    (plan(other_act(deadline_seconds=90)), "step restart, the deadline in seconds: 60 → 90"),
    (plan(step(risk="caution")), "step restart, the risk: safe → caution"),
    (
        plan(step(check=None)),
        "step restart, the proof of success: health: status == 200, 3 of 4 looks within 60 s → nothing",
    ),
    (plan(step(irreversible=True)), "step restart, irreversible: no → yes"),
    (plan(step(expect=(OutputPattern(pattern="OK"),))), "step restart, the expected output: nothing → OK"),
    (plan(step(rollback=(step().act,))), "step restart, the undo: nothing → supervisorctl restart payments"),
    (
        plan(other_act(resize=Resize(current=6, wanted=9))),
        "step restart, the size: nothing → current 6, wanted 9, unit instances",
    ),
    (plan(step(), step("look")), "step look is new: supervisorctl restart payments"),
    (plan(step("look")), "step restart is gone"),
    (plan(policy_digest="c" * 64), "the policy: bbbbbbbbbbbb → cccccccccccc"),
    (plan(runbook_digest="c" * 64), "the runbook's text: aaaaaaaaaaaa → cccccccccccc"),
    (plan(parameters={"size": 12}), "parameter (size): nothing → 12"),
    (plan(requester="ben"), "who asks: ana → ben"),
    (plan(created_at=NOON + timedelta(seconds=1)), "when it was made: "),
    (plan(service="billing"), "service: payments → billing"),
]


@pytest.mark.parametrize(("now", "line"), CASES)
def test_T09_the_difference_is_named(now: Plan, line: str) -> None:
    lines = difference(plan(), now)
    assert any(found.startswith(line) for found in lines), lines


def test_the_most_telling_comes_first() -> None:
    changed = other_act(shown="supervisorctl restart all", request={"program": "all"}, deadline_seconds=90)
    assert difference(plan(), plan(changed, policy_digest="c" * 64, parameters={"size": 12})) == (
        "step restart, the exact act: supervisorctl restart payments → supervisorctl restart all",
        "step restart, the request (program): payments → all",
        "step restart, the deadline in seconds: 60 → 90",
        "parameter (size): nothing → 12",
        "the policy: bbbbbbbbbbbb → cccccccccccc",
    )


def test_P3_who_asks_again_and_when_is_no_difference_of_the_plan() -> None:
    later = NOON + timedelta(minutes=20)
    again = {
        "requester": "ben",
        "why": "again",
        "created_at": later,
        "expires_at": later,
        "break_glass": "the shop is down",
    }
    assert since_asked(plan(), plan(**again)) == ()
    assert since_asked(plan(), plan(other_act(shown="supervisorctl restart all"), **again)) == (
        "step restart, the exact act: supervisorctl restart payments → supervisorctl restart all",
    )


def test_equal_plans_have_no_difference() -> None:
    assert difference(plan(), plan()) == ()


def test_another_order_is_a_difference() -> None:
    assert difference(plan(step("a"), step("b")), plan(step("b"), step("a"))) == (
        "the order of the steps: a, b → b, a",
    )


def test_many_differences_are_cut_and_counted() -> None:
    many = {f"p{number}": number for number in range(20)}
    lines = difference(plan(), plan(parameters=many))
    assert len(lines) == SHOWN + 1
    assert lines[-1] == "and 12 more"


def test_a_long_value_is_cut() -> None:
    (line,) = difference(plan(), plan(why="x" * 500))
    assert len(line) < LONGEST + 60
    assert line.endswith("…")
