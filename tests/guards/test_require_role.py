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
