"""guards/targets.py: target keys are read strictly."""

from __future__ import annotations

import pytest

from guards.targets import environment_of, target_keys, touched_at_once, touched_in_all
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


def test_G5_members_of_a_group_take_the_place_of_the_target() -> None:
    plain = frozen(targets=("b", "a"))
    assert (touched_at_once(plain), touched_in_all(plain)) == (("a", "b"), ("a", "b"))
    wave = frozen(targets=("g",), members=("g/2", "g/1"), members_in_all=("g/3", "g/1"))
    assert touched_at_once(wave) == ("g/1", "g/2")
    assert touched_in_all(wave) == ("g/1", "g/2", "g/3"), "this wave is always part of the whole"
    for wrong in ("g/1", ["g/1"], (1,), None):
        for field in ("members", "members_in_all"):
            with pytest.raises(TypeError, match=field):
                touched_in_all(frozen(targets=("g",), **{field: wrong}))
