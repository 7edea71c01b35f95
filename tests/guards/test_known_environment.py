"""guards/known_environment.py."""

from __future__ import annotations

import pytest

import guards
from guards.known_environment import KnownEnvironment
from guards.testing import frozen

GUARD = KnownEnvironment(environments=("prod", "dev"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"environment": "prod"}, None),
        ({"environment": "mars"}, "unknown_environment"),
        ({"environment": "*"}, "unknown_environment"),
        ({"environment": ""}, "missing_context"),
        ({"targets": ()}, "missing_context"),
        ({"targets": ("demo:prod/demo",)}, "target_environment"),
        ({"targets": ("demo:dev/demo", "demo:prod/demo")}, "target_environment"),
        ({"targets": ("*",)}, "target_environment"),
        ({"targets": ("demo:dev/*",)}, "target_environment"),
        ({"targets": ("demo",)}, "target_environment"),
        ({"targets": "demo:dev/demo"}, "guard_error"),
    ],
)
def test_T35_targets_lie_in_a_known_environment(changes: dict[str, object], code: str | None) -> None:
    decision = guards.decide([GUARD], frozen(**changes))
    assert [d.code for d in decision.denials] == ([code] if code else [])


def test_T43_a_policy_without_environments_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="known_environment"):
        KnownEnvironment(environments=())
