"""guards/decision.py: values only."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

import guards


@pytest.mark.parametrize(
    "value",
    [
        guards.Allow(),
        guards.Deny("a", "b", "c"),
        guards.Approvers(1),
        guards.Ask("confirmation", "Sure?", 1.0),
        guards.Finding("rule", guards.Allow()),
        guards.Decision("allow", (), (), ()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_cannot_be_changed(value: object) -> None:
    name = type(value).__dataclass_fields__.copy().popitem()[0]  # type: ignore[attr-defined]  # reason: a dataclass
    with pytest.raises((FrozenInstanceError, AttributeError)):
        setattr(value, name, "changed")
    assert value == value  # noqa: PLR0124 - reason: equality of values is what guards compare by
