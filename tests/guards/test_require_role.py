"""guards/require_role.py."""

from __future__ import annotations

import pytest

import guards
from guards.testing import frozen

OPERATOR = guards.Actor("ann", "Ann", frozenset({"operator", "viewer"}))
BOT = guards.Actor("bot", is_bot=True, roles=frozenset({"operator"}))


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        (OPERATOR, None),
        (guards.Actor("bob", roles=frozenset({"viewer"})), "wrong_role"),
        (guards.Actor("bob"), "wrong_role"),
        (BOT, "wrong_role"),
        (guards.Actor("", roles=frozenset({"operator"})), "missing_context"),
        (None, "missing_context"),
        (guards.Actor("bob", roles="operator"), "guard_error"),  # type: ignore[arg-type]  # reason: wrong on purpose
    ],
)
def test_only_people_with_the_role(actor: guards.Actor | None, code: str | None) -> None:
    decision = guards.explain(guards.require_role(["operator", "admin"])(lambda: 1), frozen(actor=actor))
    assert [d.code for d in decision.denials] == ([code] if code else [])


def test_the_bot_passes_only_where_the_policy_lets_it() -> None:
    assert guards.decide([guards.RequireRole(roles=("admin",), bot_allowed=True)], frozen(actor=BOT)).outcome == "allow"
    wrong = guards.RequireRole(roles=("admin",), bot_allowed=1)  # type: ignore[arg-type]  # reason: wrong on purpose
    assert guards.decide([wrong], frozen(actor=BOT)).outcome == "deny"


@pytest.mark.parametrize("wrong", [[], ["*"]])
def test_T34_empty_and_wildcard_are_errors_at_decoration(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match="require_role"):
        guards.require_role(wrong)


@pytest.mark.parametrize(("actor", "told"), [(guards.Actor("u1", "Bob"), "Bob"), (guards.Actor("u1"), "u1")])
def test_the_refusal_says_who_and_what_is_needed(actor: guards.Actor, told: str) -> None:
    (denial,) = guards.decide([guards.RequireRole(roles=("admin", "sre"))], frozen(actor=actor)).denials
    assert denial.reason == f"{told} has none of the roles admin, sre."


def test_nobody_is_no_bot_in_the_trace() -> None:
    assert guards.RequireRole(roles=("admin",)).inputs(frozen(actor=None)) == {
        "actor": "",
        "is_bot": False,
        "has": (),
        "needs": ("admin",),
    }
