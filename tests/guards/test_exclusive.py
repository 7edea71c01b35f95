"""guards/exclusive.py."""

from __future__ import annotations

import pytest

import guards
from guards.testing import frozen

KEY = "demo:dev/demo"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"holders": {KEY: "run_test"}}, None),
        ({"holders": {"demo:dev/other": "run_other"}}, None),
        ({"holders": {KEY: "run_other"}}, "target_busy"),
        ({"holders": {"demo:dev/b": "run_other"}, "targets": (KEY, "demo:dev/b")}, "target_busy"),
        ({"holders": {KEY: "run_test"}, "run": ""}, "target_busy"),
        ({"holders": {KEY: ""}, "run": ""}, "target_busy"),
        ({"targets": ()}, "missing_context"),
        ({"targets": KEY, "holders": {KEY: "run_other"}}, "guard_error"),
    ],
)
def test_T54_one_run_at_a_time_on_a_target(changes: dict[str, object], code: str | None) -> None:
    decision = guards.explain(guards.exclusive()(lambda: 1), frozen(**changes))
    assert [d.code for d in decision.denials] == ([code] if code else [])


def test_the_refusal_names_the_other_run() -> None:
    decision = guards.decide([guards.Exclusive()], frozen(holders={KEY: "run_other"}))
    assert "run_other" in decision.denials[0].reason
    assert decision.trace[0].inputs["busy"] == {KEY: "run_other"}


def test_only_targets_can_be_exclusive() -> None:
    with pytest.raises(ValueError, match="exclusive"):
        guards.exclusive(per="service")


@pytest.mark.parametrize("other", ["a service", "targets", "zone", ""])
def test_T34_nothing_else_is_exclusive(other: str) -> None:
    with pytest.raises(ValueError, match="exclusive"):
        guards.Exclusive(per=other)
    assert guards.Exclusive(per="".join(list("target"))) == guards.Exclusive()
