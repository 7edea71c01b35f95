"""A recorded context says the same again, whatever is in it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guards
from guards.context import BreakGlass, Calendar, Change, Context, Inventory, OpenBreaker, PastAct, Period, Stop
from guards.recording import KNOWN, LEFT_OUT, PLAIN, READERS, decision_data, from_data, plain, to_data, with_history
from guards.testing import NOON, answer_yes, frozen

FULL: dict[str, Any] = {
    "action": "demo.restart",
    "environment": "prod",
    "now": NOON,
    "actor": guards.Actor("ana", "Ana", frozenset({"responder", "admin"}), is_bot=True),
    "service": "demo",
    "tier": 1,
    "risk": "safe",
    "targets": ("demo:prod/a", "demo:prod/b"),
    "members": ("demo:prod/a/1",),
    "members_in_all": ("demo:prod/a/1", "demo:prod/a/2"),
    "run": "run_1",
    "scopes": ("prod",),
    "holders": {"demo:prod/a": "run_2"},
    "stops": (Stop("service", "demo", "storm", "ben"),),
    "runbook": "restart",
    "incident": "inc_1",
    "autonomy": "auto",
    "calendar": Calendar(
        (Period("freeze", "year end", ("prod",), ("demo",), NOON, NOON + timedelta(days=1)),), (("prod", "broken"),)
    ),
    "breakers": (OpenBreaker("global", NOON, "run_3"),),
    "inventory": Inventory(4, 3, {"demo:prod/a": "rack-1"}),
    "change": Change(6, 12),
    "cost": 3.5,
    "budget_burned": 0.0,
    "break_glass": BreakGlass("fire", "ana", NOON + timedelta(minutes=10)),
}


def test_every_field_of_a_context_is_recorded() -> None:
    assert {field.name for field in fields(Context)} == {*PLAIN, *READERS, *LEFT_OUT}
    assert set(FULL) == KNOWN


def test_what_is_read_back_is_what_was_recorded() -> None:
    for context in (Context(), Context(**FULL), frozen()):
        data = json.loads(json.dumps(to_data(context)))
        assert from_data(data) == replace(context, ask=None, history=())


@given(st.sets(st.sampled_from(sorted(FULL))))
def test_any_part_of_a_context_survives(names: set[str]) -> None:
    context = Context(**{name: FULL[name] for name in names})
    assert from_data(json.loads(json.dumps(to_data(context)))) == context


def test_the_asker_and_the_history_are_left_out() -> None:
    act = PastAct("demo.restart", "demo", "dev", "demo:dev/demo", "ana", NOON, "failed")
    context = frozen(ask=answer_yes, history=(act,))
    data = to_data(context)
    assert "ask" not in data
    assert "history" not in data
    assert with_history(from_data(data), (act,)) == replace(context, ask=None)


def test_a_field_of_a_newer_program_is_not_half_understood() -> None:
    with pytest.raises(ValueError, match="tenant"):
        from_data({"action": "x", "tenant": "y"})


def test_a_decision_is_recorded_with_every_finding() -> None:
    chain = (
        guards.AllowedEnvs(envs=("dev",)),
        guards.RequireConfirmation(message="Sure?", timeout=60),
        guards.RequireApproval(count=2, any_of=("leads",), all_of=("sre",)),
        guards.Forbidden(reason="Never."),
    )
    found = {one["rule"]: one for one in decision_data(guards.decide(chain, frozen()))}
    assert json.loads(json.dumps(found)) == found
    assert found["allowed_envs"]["verdict"] == "allow"
    assert {key: found["forbidden"][key] for key in ("verdict", "code", "reason")} == {
        "verdict": "deny",
        "code": "forbidden",
        "reason": "Never.",
    }
    assert (found["require_confirmation"]["kind"], found["require_confirmation"]["seconds"]) == ("confirmation", 60.0)
    assert (found["require_approval"]["count"], found["require_approval"]["all_of"]) == (2, ["sre"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, None),
        (1.5, 1.5),
        (("a", 2), ["a", 2]),
        ({"x": {"y", "x"}}, {"x": ["x", "y"]}),
        (NOON, str(NOON)),
        ({1: True}, {"1": True}),
    ],
)
def test_inputs_become_json_values(value: object, said: object) -> None:
    assert plain(value) == said
