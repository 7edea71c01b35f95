"""Restarting members of a pool: exactly those chosen, out of those that run; and every reason for no plan (E4, X6, T34)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import guards
from bot.operations.base import PlanRequest
from bot.operations.rolling import OPERATIONS, members
from bot.plan import Act
from bot.services import Service, TargetEntry
from guards.testing import frozen

GROUP = "payments-workers"
SETTINGS: dict[str, Any] = {
    "url": "unix:///run/s.sock",
    "group": GROUP,
    "pattern": GROUP + ":worker_{number:02d}",
    "most": 12,
    "password_env": "SUPERVISOR_PASSWORD",
}
BY_NAME = {operation.name: operation for operation in OPERATIONS}


def workers(*numbers: int) -> list[str]:
    return [f"{GROUP}:worker_{number:02d}" for number in numbers]


def running(*numbers: int) -> dict[str, Any]:
    return {"running": len(numbers), "total": 12, "healthy": len(numbers), "names": workers(*numbers)}


def entry(**changes: Any) -> TargetEntry:
    return TargetEntry(kind="supervisor_pool", name=GROUP, settings=SETTINGS | changes)


def plan(name: str, parameters: Mapping[str, Any], pool: Any, **changes: Any) -> Act:
    operation, found = BY_NAME[name], entry(**changes)
    service = Service(name="payments", environment="prod", owner="team", tier=1, targets=(found,))
    request = PlanRequest(
        service=service,
        target=service.resolve(found),
        entry=found,
        parameters=operation.parameters.model_validate(dict(parameters)),
        facts={"pool": pool} if pool is not None else {},
        deadline_seconds=60,
    )
    return guards.unguarded(operation.plan)(request)


def roll(chosen: Any, pool: Any = None, **changes: Any) -> Act:
    return plan("supervisor.rolling_restart", {"members": chosen}, pool or running(0, 1, 3), **changes)


def test_the_act_names_exactly_the_chosen_members() -> None:
    act = roll(workers(1, 3))
    assert act.members == tuple(workers(1, 3))
    assert act.member_keys == tuple(f"supervisor_pool:prod/{GROUP}/{name}" for name in workers(1, 3))
    assert (act.request["verb"], act.request["names"], act.request["running"]) == (
        "restart",
        workers(1, 3),
        workers(0, 1, 3),
    )
    assert act.shown == f"supervisorctl restart {' '.join(workers(1, 3))} (2 of 3 that run)"
    assert act.planned_from == act.leaves == {"pool": {"running": 3, "names": workers(0, 1, 3)}}
    assert not act.idempotent, "a second restart is a second restart"
    assert not act.cancel_safe


def test_the_logs_of_all_that_run_are_only_read() -> None:
    act = plan("supervisor.tail_logs", {"lines": 5}, running(0, 2))
    assert (act.request["verb"], act.request["names"], act.request["lines"]) == ("tail", workers(0, 2), 5)
    assert (act.members, act.idempotent, act.cancel_safe, act.leaves) == ((), True, True, {})
    assert BY_NAME["supervisor.tail_logs"].read_only
    assert not BY_NAME["supervisor.rolling_restart"].read_only


def test_a_look_at_many_does_not_fill_the_card_and_still_reads_them_all() -> None:
    act = plan("supervisor.tail_logs", {"lines": 5}, running(*range(12)))
    assert act.shown.endswith("worker_07 and 4 more that run (last 5 lines of each)")
    assert act.request["names"] == workers(*range(12))


def test_who_there_is_comes_from_the_fact_in_the_order_of_their_numbers() -> None:
    found = {"pool": {**running(10, 2), "names": workers(10, 2)}}
    assert members(entry(), found) == tuple(workers(2, 10))


NONE: list[tuple[Any, str]] = [
    ({}, "no fact pool"),
    ({"pool": {}}, "no fact pool"),
    ({"pool": running()}, "nothing of payments-workers runs"),
    ({"pool": {"running": 2}}, "does not say which"),
    ({"pool": {"running": 2, "names": workers(0)}}, "does not say which"),
    ({"pool": {"running": 1, "names": ["*"]}}, "not in this pool"),
    ({"pool": {"running": 1, "names": "all"}}, "does not say which"),
]


@pytest.mark.parametrize(("facts", "words"), NONE)
def test_T34_no_list_is_never_everybody(facts: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        members(entry(), facts)


@pytest.mark.parametrize(
    "chosen",
    [[], None, "all", ["*"], ["all"], [GROUP], [f"{GROUP}:*"], workers(5), workers(0, 0), [True], workers(0) * 101],
    ids=repr,
)
def test_T34_hostile_members_are_refused(chosen: Any) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        roll(chosen)


@pytest.mark.parametrize("lines", [0, -1, 51, True, "5", None, 1.5])
def test_T34_hostile_numbers_of_lines_are_refused(lines: Any) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        plan("supervisor.tail_logs", {"lines": lines}, running(0))


def test_members_are_never_filled_in_by_themselves() -> None:
    with pytest.raises(ValueError, match="members"):
        plan("supervisor.rolling_restart", {}, running(0, 1))
    with pytest.raises(ValueError, match="pattern"):
        roll(workers(0), pattern="payments-workers:*")


def test_one_run_at_a_time() -> None:
    held = frozen(holders={"demo:dev/demo": "run_other"})
    denied = guards.explain(BY_NAME["supervisor.rolling_restart"].plan, held).denials
    assert [deny.code for deny in denied] == ["target_busy"]
