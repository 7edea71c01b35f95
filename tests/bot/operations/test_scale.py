"""Scaling a pool: exactly which processes, from what the fact says runs; and every reason for no plan (G5, G7, T34)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

import guards
from bot.operations.base import PlanRequest
from bot.operations.scale import OPERATIONS, PoolSettings, process_names
from bot.plan import Act
from bot.services import Service, TargetEntry
from guards.testing import frozen

GROUP = "payments-workers"
SETTINGS: dict[str, Any] = {
    "url": "unix:///run/s.sock",
    "group": GROUP,
    "pattern": GROUP + ":worker_{number:02d}",
    "most": 12,
    "unit_cost": 0.4,
    "password_env": "SUPERVISOR_PASSWORD",
}
BY_NAME = {operation.name: operation for operation in OPERATIONS}


def workers(*numbers: int) -> list[str]:
    return [f"{GROUP}:worker_{number:02d}" for number in numbers]


def running(*numbers: int) -> dict[str, Any]:
    return {"running": len(numbers), "total": 12, "healthy": len(numbers), "names": workers(*numbers)}


SIX = running(*range(6))


def request(name: str, parameters: Mapping[str, Any], pool: Any = SIX, **changes: Any) -> PlanRequest:
    operation = BY_NAME[name]
    entry = TargetEntry(kind=operation.target_kind, name=GROUP, settings=SETTINGS | changes)
    service = Service(name="payments", environment="prod", owner="team", tier=1, targets=(entry,))
    return PlanRequest(
        service=service,
        target=service.resolve(entry),
        entry=entry,
        parameters=operation.parameters.model_validate(dict(parameters)),
        facts={"pool": pool} if pool is not None else {},
        deadline_seconds=60,
    )


def scale(wanted: Any, pool: Any = SIX, **changes: Any) -> Act:
    return guards.unguarded(BY_NAME["supervisor.scale"].plan)(
        request("supervisor.scale", {"wanted": wanted}, pool, **changes)
    )


def back(undone: Act | None, **changes: Any) -> Act:
    made = request("supervisor.scale_back", {}, None, **changes)
    return guards.unguarded(BY_NAME["supervisor.scale_back"].plan)(replace(made, undoes=undone))


CASES: list[tuple[str, int, tuple[int, ...], str, tuple[int, ...], tuple[int, ...], float]] = [
    ("X5 growing", 9, tuple(range(6)), "start", (6, 7, 8), tuple(range(9)), 1.2),
    ("to the last", 12, tuple(range(9)), "start", (9, 10, 11), tuple(range(12)), 1.2),
    ("shrinking, last first", 4, tuple(range(6)), "stop", (5, 4), tuple(range(4)), 0.0),
    ("down to one", 1, (0, 1, 2), "stop", (2, 1), (0,), 0.0),
    ("a hole is filled first", 6, (0, 2, 3, 7), "start", (1, 4), (0, 1, 2, 3, 4, 7), 0.8),
    ("a hole is left alone when shrinking", 2, (1, 4, 7), "stop", (7,), (1, 4), 0.0),
]


@pytest.mark.parametrize(
    ("wanted", "now", "verb", "chosen", "after", "cost"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_G7_the_act_names_every_process_in_order(
    wanted: int, now: tuple[int, ...], verb: str, chosen: tuple[int, ...], after: tuple[int, ...], cost: float
) -> None:
    act = scale(wanted, running(*now))
    assert (act.request["verb"], act.request["names"]) == (verb, workers(*chosen))
    assert act.request["running"] == workers(*now)
    assert act.shown == f"supervisorctl {verb} {' '.join(workers(*chosen))} ({len(now)} to {wanted})"
    assert act.resize is not None
    assert (act.resize.current, act.resize.wanted, act.cost) == (len(now), wanted, cost)
    assert act.planned_from == {"pool": {"running": len(now), "names": workers(*now)}}
    assert act.leaves == {"pool": {"running": wanted, "names": workers(*after)}}
    assert act.idempotent, "a named process that runs already is not started twice"
    assert json.loads(act.model_dump_json()) == act.model_dump(mode="json")


@pytest.mark.parametrize(
    ("wanted", "now", "verb", "chosen", "after", "cost"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_V2_the_undo_touches_exactly_what_the_act_touched(
    wanted: int, now: tuple[int, ...], verb: str, chosen: tuple[int, ...], after: tuple[int, ...], cost: float
) -> None:
    act = scale(wanted, running(*now))
    undo = back(act)
    assert undo.request["verb"] == {"start": "stop", "stop": "start"}[verb]
    assert undo.request["names"] == workers(*reversed(chosen))
    assert undo.resize is not None
    assert (undo.resize.current, undo.resize.wanted) == (len(after), len(now))
    assert undo.leaves == act.planned_from
    assert undo.planned_from == act.leaves
    assert (undo.cost > 0) is (verb == "stop")
    assert cost == act.cost


NO_PLAN: dict[str, tuple[Any, Any, str]] = {
    "no fact": (9, None, "is not known"),
    "an empty fact": (9, {}, "is not known"),
    "a fact without names": (9, {"running": 6}, "does not say which"),
    "names that are no list": (9, {"running": 1, "names": workers(0)[0]}, "does not say which"),
    "a count that is not the names'": (9, {"running": 5, "names": workers(*range(6))}, "does not say which"),
    "a name twice": (9, {"running": 2, "names": workers(0, 0)}, "does not say which"),
    "T36 processes of another pool": (9, {"running": 1, "names": ["other:worker_00"]}, "not in this pool"),
    "a number beyond the pool": (9, {"running": 1, "names": workers(12)}, "not in this pool"),
    "more than there are": (13, SIX, "12 processes in all"),
    "nothing to change": (6, SIX, "nothing would change"),
    "nothing runs": (6, running(), "outage"),
}


@pytest.mark.parametrize(("wanted", "pool", "words"), NO_PLAN.values(), ids=NO_PLAN)
def test_G5_no_plan_is_a_plain_sentence(wanted: Any, pool: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        scale(wanted, pool)


@pytest.mark.parametrize("wanted", [0, -1, 101, True, "9", 9.0, None, [9]])
def test_T34_hostile_sizes_are_refused(wanted: Any) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        scale(wanted)


BAD_SETTINGS: list[dict[str, Any]] = [
    {"group": "all"},
    {"group": ""},
    {"group": "*"},
    {"group": "other"},
    {"pattern": "payments-workers:*"},
    {"pattern": "payments-workers:worker"},
    {"pattern": "payments-workers:"},
    {"pattern": "{number}"},
    {"pattern": "payments-workers:{number.__class__}"},
    {"pattern": "payments-workers:{number:>9999}"},
    {"pattern": "payments-workers:{number:02d}{number:02d}"},
    {"pattern": "payments-workers:a b{number}"},
    {"most": 0},
    {"most": 101},
    {"most": True},
    {"unit_cost": -1},
    {"first": -1},
    {"url": "file:///etc"},
    {"url": "http://u:p@h"},
    {"password": "geheim"},
    {"password_env": "$(id)"},
]


@pytest.mark.parametrize("changes", BAD_SETTINGS, ids=repr)
def test_T34_wrong_catalogue_entries_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        scale(9, **changes)


PATTERNS = [
    ("p:w{number}", 0, ["p:w0", "p:w1", "p:w2"]),
    ("p:w{number:03d}x", 9, ["p:w009x", "p:w010x", "p:w011x"]),
    ("p:{number:02d}", 98, ["p:98", "p:99", "p:100"]),
]


@pytest.mark.parametrize(("pattern", "first", "names"), PATTERNS)
def test_names_are_made_as_supervisor_makes_them(pattern: str, first: int, names: list[str]) -> None:
    settings = PoolSettings(url="unix:///s", group="p", pattern=pattern, most=3, first=first)
    assert list(process_names(settings)) == names


def test_only_a_scale_of_the_same_pool_can_be_taken_back() -> None:
    act = scale(9)
    elsewhere = act.model_copy(update={"target": act.target.model_copy(update={"name": "other"})})
    for undone in (None, elsewhere, act.model_copy(update={"operation": "supervisor.restart"}), back(act)):
        with pytest.raises(ValueError, match="no scale of this pool"):
            back(undone)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_one_run_at_a_time(name: str) -> None:
    held = frozen(holders={"demo:dev/demo": "run_other"})
    assert [deny.code for deny in guards.explain(BY_NAME[name].plan, held).denials] == ["target_busy"]
    assert not BY_NAME[name].read_only
