"""guards/blast_radius.py."""

from __future__ import annotations

import pytest

import guards
from guards.testing import frozen


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        (("a",), None),
        (("a", "b"), None),
        (("a", "b", "a"), None),
        (("a", "b", "c"), "blast_radius"),
        ((), "missing_target"),
        ("ab", "guard_error"),
    ],
)
def test_T10_T37_targets_are_counted_and_none_is_not_all(targets: tuple[str, ...], code: str | None) -> None:
    decision = guards.explain(guards.blast_radius(max_targets=2)(lambda: 1), frozen(targets=targets))
    assert [d.code for d in decision.denials] == ([code] if code else [])


def test_T34_the_limit_is_a_count() -> None:
    with pytest.raises(ValueError, match="blast_radius"):
        guards.blast_radius(max_targets=0)
    with pytest.raises(TypeError):
        guards.blast_radius(max_targets=True)
