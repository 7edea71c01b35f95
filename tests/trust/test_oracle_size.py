from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from guards.context import Change, Context, Inventory, PastAct
from trust import oracle_size
from trust.words import LITTLE, NOW

A, B = "service:prod/a", "service:prod/b"
HERE = Context(environment="prod", risk="safe", targets=(A,), now=NOW)


def test_numbers_are_taken_as_they_are_written() -> None:
    assert oracle_size.exact(0.07) == Fraction(7, 100)
    assert oracle_size.exact(3) == 3


@pytest.mark.parametrize(
    "rule,targets,inventory,said",
    [
        ({"max_targets": 1}, (A,), None, None),
        ({"max_targets": 1}, (A, A), None, None),
        ({"max_targets": 1}, (A, B), None, "blast_radius"),
        ({"max_targets": 2, "max_percent": 50}, (A, B), Inventory(4, 4), None),
        ({"max_targets": 2, "max_percent": 50}, (A, B), Inventory(3, 3), "blast_radius"),
        ({"max_targets": 1, "max_percent": 50}, (A,), None, "missing_context"),
        ({"max_targets": 1, "min_healthy": 2}, (A,), Inventory(3, 3), None),
        ({"max_targets": 1, "min_healthy": 2}, (A,), Inventory(3, 2), "blast_radius"),
        ({"max_targets": 2, "one_domain": True}, (A, B), Inventory(9, 9, {A: "x", B: "x"}), None),
        ({"max_targets": 2, "one_domain": True}, (A, B), Inventory(9, 9, {A: "x", B: "y"}), "blast_radius"),
        ({"max_targets": 2, "one_domain": True}, (A, B), Inventory(9, 9, {A: "x"}), "blast_radius"),
        (None, (A, B), None, "blast_radius"),
        ({"max_targets": 1}, (), None, "missing_context"),
    ],
)
def test_blast_radius(rule: Any, targets: tuple[str, ...], inventory: Inventory | None, said: str | None) -> None:
    policy = {"blast_radius": {"prod": rule}} if rule else {}
    assert oracle_size.blast_radius(policy, replace(HERE, targets=targets, inventory=inventory)) == said


@pytest.mark.parametrize(
    "rule,members,in_all,inventory,said",
    [
        ({"max_targets": 2}, (A,), (A, B), None, None),
        ({"max_targets": 1}, (A,), (A, B), None, "blast_radius"),
        ({"max_targets": 1}, (A, B), (), None, "blast_radius"),
        ({"max_targets": 2, "max_percent": 25}, (A,), (A, B), Inventory(4, 4), None),
        ({"max_targets": 2, "max_percent": 25}, (A, B), (A, B), Inventory(4, 4), "blast_radius"),
    ],
)
def test_waves(
    rule: Any, members: tuple[str, ...], in_all: tuple[str, ...], inventory: Inventory | None, said: str | None
) -> None:
    made = replace(HERE, targets=("pool:prod/p",), members=members, members_in_all=in_all, inventory=inventory)
    assert oracle_size.blast_radius({"blast_radius": {"prod": rule}}, made) == said


@pytest.mark.parametrize(
    "current,wanted,said",
    [
        (6, 9, None),
        (6, 10, "forbidden"),
        (6, 3, None),
        (6, 2, "forbidden"),
        (6, 18, "forbidden"),
        (6, 19, "change_too_large"),
        (6, 0, "bad_change"),
        (0.5, 1, "bad_change"),
        (6, float("nan"), "guard_error"),
        (float("inf"), 6, "guard_error"),
    ],
)
def test_max_change_without_approvers(current: float, wanted: float, said: str | None) -> None:
    assert oracle_size.max_change({}, replace(HERE, change=Change(current, wanted))) == said


@pytest.mark.parametrize(
    "burned,said",
    [
        (0.2, None),
        (0.21, "error_budget"),
        (None, "missing_context"),
        (float("nan"), "guard_error"),
        (-1, "guard_error"),
    ],
)
def test_error_budget(burned: float | None, said: str | None) -> None:
    policy = {"error_budget": {"max_burned_percent": 20}}
    assert oracle_size.error_budget(policy, replace(HERE, budget_burned=burned)) == said
    assert oracle_size.error_budget({}, replace(HERE, budget_burned=burned)) is None


@pytest.mark.parametrize(
    "cost,age,said",
    [
        (10.0, timedelta(days=1), "forbidden"),
        (10.5, timedelta(days=1), "cost_cap"),
        (5.0, timedelta(days=1), None),
        (5.0, timedelta(days=1) - LITTLE, "cost_cap"),
        (None, timedelta(days=1), "missing_context"),
    ],
)
def test_cost_cap_without_approvers(cost: float | None, age: timedelta, said: str | None) -> None:
    policy = {"cost": {"per_act": 10, "per_day": 20, "ask_above": 5, "currency": "EUR"}}
    act = PastAct("a", "b", "prod", A, "bot", NOW - age, "succeeded", cost=16.0)
    assert oracle_size.cost_cap(policy, replace(HERE, cost=cost, history=(act,))) == said
