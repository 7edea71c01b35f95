"""guards/forbidden.py."""

from __future__ import annotations

import pytest

import guards
from guards.testing import answer_yes, frozen


def test_T42_nothing_makes_it_possible() -> None:
    ran: list[int] = []
    fn = guards.forbidden(reason="Deletes data.")(guards.require_confirmation()(lambda: ran.append(1)))
    admin = guards.Actor("root", roles=frozenset({"admin", "operator"}))
    with guards.use(frozen(actor=admin, ask=answer_yes)), pytest.raises(guards.Denied) as refusal:
        fn()
    assert refusal.value.code == "forbidden"
    assert ran == []
    assert guards.decide([guards.Forbidden(reason="x")], guards.Context()).outcome == "deny"


def test_it_says_why() -> None:
    with pytest.raises(ValueError, match="why"):
        guards.forbidden(reason=" ")
