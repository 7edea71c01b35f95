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
