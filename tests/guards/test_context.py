"""guards/context.py: the context in force."""

from __future__ import annotations

from dataclasses import fields

import pytest

import guards
from guards.testing import frozen


def test_there_is_no_context_until_one_is_used() -> None:
    assert guards.current() is None
    with guards.use(environment="dev") as outer:
        assert guards.current() is outer
        assert outer.now is not None
        with guards.use(outer, environment="staging") as inner:
            assert guards.current() is inner
            assert (inner.environment, inner.now) == ("staging", outer.now)
        assert guards.current() is outer
    assert guards.current() is None


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(TypeError):
        guards.use(enviroment="dev").__enter__()
    assert guards.current() is None


def test_nothing_that_widens_has_a_default() -> None:
    empty = guards.Context()
    assert not any(getattr(empty, field.name) for field in fields(empty))


def test_frozen_is_complete_and_follows_the_environment() -> None:
    context = frozen(environment="prod")
    assert (context.targets, context.scopes) == (("demo:prod/demo",), ("prod",))
    assert context.ask is None
