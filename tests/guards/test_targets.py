"""guards/targets.py: target keys are read strictly."""

from __future__ import annotations

import pytest

from guards.targets import environment_of, target_keys
from guards.testing import frozen


@pytest.mark.parametrize(
    ("key", "environment"),
    [
        ("program:prod/web", "prod"),
        ("program:prod/group:web", "prod"),
        ("program:prod/", ""),
        ("program:/web", ""),
        (":prod/web", ""),
        ("web", ""),
        ("*", ""),
        ("", ""),
        ("program:prod/*", ""),
        ("program:prod/we b", ""),
        ("program:prod/web\n", ""),
    ],
)
def test_T34_the_environment_of_a_key(key: str, environment: str) -> None:
    assert environment_of(key) == environment


def test_T34_targets_must_be_a_tuple_of_strings() -> None:
    assert target_keys(frozen(targets=("b", "a", "b"))) == ("a", "b")
    for wrong in ("program:prod/web", ["a"], (1,), None):
        with pytest.raises(TypeError):
            target_keys(frozen(targets=wrong))
