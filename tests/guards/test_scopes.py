"""guards/scopes.py."""

from __future__ import annotations

import pytest

import guards
from guards.scopes import Scopes
from guards.testing import frozen


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"scopes": ("prod", "dev")}, None),
        ({"scopes": ("prod",)}, "out_of_scope"),
        ({"scopes": ("*",)}, "out_of_scope"),
        ({"scopes": ()}, "out_of_scope"),
        ({"scopes": "dev"}, "out_of_scope"),
        ({"scopes": None}, "guard_error"),
        ({"environment": ""}, "missing_context"),
    ],
)
def test_T34_the_environment_must_be_named(changes: dict[str, object], code: str | None) -> None:
    decision = guards.decide([Scopes()], frozen(**changes))
    assert [d.code for d in decision.denials] == ([code] if code else [])


@pytest.mark.parametrize(("scopes", "told"), [(("prod", "qa"), "prod, qa"), ((), "none")])
def test_the_refusal_says_what_it_is_meant_for(scopes: tuple[str, ...], told: str) -> None:
    (denial,) = guards.decide([Scopes()], frozen(scopes=scopes)).denials
    assert denial.reason == f"This step is not meant for dev (its scopes: {told})."
