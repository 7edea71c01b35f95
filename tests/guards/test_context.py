"""guards/context.py: the context in force."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

import guards
from guards.testing import NOON, frozen


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


VALUES: list[tuple[object, dict[str, object]]] = [
    (guards.PastAct("a", "s", "dev", "t", "ann", NOON, "failed"), {"incident": "", "cost": 0.0, "standing": ""}),
    (guards.Calendar(), {"periods": (), "problems": ()}),
    (guards.Inventory(4, 3), {"total": 4, "healthy": 3, "domains": {}}),
    (guards.Change(4, 6), {"current": 4, "wanted": 6, "unit": "instances"}),
    (guards.OpenBreaker("global", NOON), {"key": "global", "opened_at": NOON, "trial_run": ""}),
    (guards.BreakGlass("storm", "ann", NOON), {"reason": "storm", "by": "ann", "until": NOON}),
    (guards.Period("freeze", "x", ("dev",), (), NOON, NOON), {"environments": ("dev",), "services": ()}),
]


@pytest.mark.parametrize(("value", "parts"), VALUES, ids=lambda value: type(value).__name__)
def test_what_a_context_holds_is_a_frozen_value(value: object, parts: dict[str, object]) -> None:
    for name, part in parts.items():
        assert getattr(value, name) == part
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, part)


@pytest.mark.parametrize("name", ["calendar", "inventory", "change", "cost", "budget_burned", "break_glass"])
def test_what_is_not_known_is_none(name: str) -> None:
    assert getattr(guards.Context(), name) is None
    assert guards.Context().breakers == ()


def test_frozen_is_complete_and_follows_the_environment() -> None:
    context = frozen(environment="prod")
    assert (context.targets, context.scopes) == (("demo:prod/demo",), ("prod",))
    assert context.ask is None
