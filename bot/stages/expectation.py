"""Expectation: the facts an act was planned from and those it leaves behind, as conditions and as facts for planning.

Called by bot/stages/plan.py (increments, pre-checks, proofs) and bot/stages/precheck.py (is it still the same plan?). Two
questions are kept apart: would the same request from the same state give the same plan (`assumed`), and is the world in
that state (the pre-check that `precheck_of` adds). Pure; must not observe anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bot.plan import Act, Plan
from runbooks.model import Verify

Facts = Mapping[str, Mapping[str, Any]]


def precheck_of(written: str, act: Act) -> str:
    """The runbook's own pre-check, and that the facts the act was planned from still are so: `facts.pool.running == 6`.

    Only numbers, words and truth values are compared here; a list is the adapter's to compare when it re-reads the target.
    """
    found = [f"facts.{name}.{one}" for name, value in act.planned_from.items() for one in _equations(value)]
    return _all(written, found)


def proof_of(verify: Verify, act: Act) -> str:
    """The runbook's own condition, and that the fact it looks at has become what the act was to make of it."""
    return _all(verify.expect, _equations(act.leaves.get(verify.fact, {})))


def after(facts: Facts, act: Act) -> dict[str, Mapping[str, Any]]:
    """The facts as they will be when the act has worked; what the next increment is planned from."""
    return _over(facts, act.leaves)


def assumed(plan: Plan, facts: Facts) -> dict[str, Mapping[str, Any]]:
    """The facts that the plan was made from, where it says so, over the fresh ones.

    In the middle of a run the world has moved on because the plan moved it. Whoever makes the plan again must begin where
    it began; whether the world is where this step expects it is asked by the step's pre-check and by the adapter.
    """
    first: dict[str, dict[str, Any]] = {}
    for step in plan.steps:
        for name, value in step.act.planned_from.items():
            first.setdefault(name, value)
    return _over(facts, first)


def _over(facts: Facts, known: Facts) -> dict[str, Mapping[str, Any]]:
    return {**facts, **{name: {**facts.get(name, {}), **value} for name, value in known.items()}}


def _equations(value: Mapping[str, Any]) -> list[str]:
    return [f"{key} == {json.dumps(one)}" for key, one in value.items() if type(one) in (int, str, bool)]


def _all(written: str, found: list[str]) -> str:
    own = [f"({written})" if found else written] if written else []
    return " && ".join([*own, *found])
