"""guards/blast_radius.py."""

from __future__ import annotations

from typing import Any

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
        ((), "missing_context"),
        ("ab", "guard_error"),
    ],
)
def test_T10_T37_targets_are_counted_and_none_is_not_all(targets: tuple[str, ...], code: str | None) -> None:
    decision = guards.explain(guards.blast_radius(max_targets=2)(lambda: 1), frozen(targets=targets))
    assert [d.code for d in decision.denials] == ([code] if code else [])


def group(total: int = 10, healthy: int = 10, **domains: str) -> guards.Inventory:
    return guards.Inventory(total, healthy, domains)


FEW: dict[str, object] = {"max_targets": 5, "max_percent": 20}
HEALTHY: dict[str, object] = {"max_targets": 5, "min_healthy": 8}
ONE: dict[str, object] = {"max_targets": 5, "one_domain": True}


@pytest.mark.parametrize(
    ("options", "targets", "inventory", "code"),
    [
        (FEW, "ab", group(10), None),
        (FEW, "abc", group(10), "blast_radius"),
        (FEW, "ab", group(9), "blast_radius"),
        (FEW, "a", group(0), "blast_radius"),
        (FEW, "a", None, "missing_context"),
        (FEW, "abcdef", None, "blast_radius"),
        ({"max_targets": 1}, "a", None, None),
        ({"max_percent": 0}, "a", group(1000), "blast_radius"),
        (HEALTHY, "ab", group(), None),
        (HEALTHY, "abc", group(), "blast_radius"),
        (HEALTHY, "a", group(healthy=8), "blast_radius"),
        (HEALTHY, "a", None, "missing_context"),
        ({"min_healthy": 0}, "a", group(healthy=1), None),
        ({"min_healthy": 0}, "a", group(healthy=0), "blast_radius"),
        (ONE, "ab", group(a="x", b="x", c="y"), None),
        (ONE, "ab", group(a="x", b="y"), "blast_radius"),
        (ONE, "ab", group(a="x"), "blast_radius"),
        (ONE, "ab", group(a="x", b=""), "blast_radius"),
        (ONE, "a", None, "missing_context"),
        (FEW, "a", group(total=10.5), "guard_error"),  # type: ignore[arg-type]  # reason: wrong on purpose
        (HEALTHY, "a", group(healthy=True), "guard_error"),
        (HEALTHY, "a", group(total=float("nan")), "guard_error"),  # type: ignore[arg-type]  # reason: wrong on purpose
    ],
)
def test_T37_the_share_of_the_group(
    options: dict[str, object], targets: str, inventory: guards.Inventory | None, code: str | None
) -> None:
    fn = guards.blast_radius(**options)(lambda: 1)  # type: ignore[arg-type]  # reason: cases as data
    decision = guards.explain(fn, frozen(targets=tuple(targets), inventory=inventory))
    assert [d.code for d in decision.denials] == ([code] if code else [])
    assert guards.explain(fn, frozen(targets=tuple(targets), inventory=inventory, risk="read")).outcome == "allow"


def test_the_trace_says_what_the_group_is() -> None:
    guard = guards.BlastRadius(max_targets=2, max_percent=50, min_healthy=1, one_domain=True)
    assert guard.inputs(frozen(targets=("b", "a"), inventory=group(4, 3, a="x"))) == {
        "targets": ("a", "b"),
        "total": 4,
        "healthy": 3,
        "domains": ("x", ""),
        "max_targets": 2,
        "max_percent": 50,
        "min_healthy": 1,
        "one_domain": True,
    }
    assert guard.inputs(frozen())["domains"] == ()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_targets": 0}, ValueError),
        ({"max_targets": True}, TypeError),
        ({"max_percent": -1}, ValueError),
        ({"max_percent": float("nan")}, ValueError),
        ({"min_healthy": -1}, ValueError),
        ({"min_healthy": 1.5}, TypeError),
        ({"one_domain": "no"}, TypeError),
    ],
)
def test_T34_wrong_options_are_errors_at_decoration(options: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error, match="blast_radius"):
        guards.blast_radius(**options)  # type: ignore[arg-type]  # reason: wrong on purpose


WAVES: list[tuple[dict[str, object], str, str, guards.Inventory | None, str | None]] = [
    ({"max_targets": 3}, "a", "abc", None, None),
    ({"max_targets": 2}, "a", "abc", None, "blast_radius"),
    ({"max_targets": 2}, "abc", "", None, "blast_radius"),
    ({"max_targets": 6, "max_percent": 25}, "a", "abcdef", group(6), None),
    ({"max_targets": 6, "max_percent": 25}, "ab", "abcdef", group(6), "blast_radius"),
    ({"max_targets": 6, "min_healthy": 4}, "ab", "abcdef", group(6, 6), None),
    ({"max_targets": 6, "min_healthy": 4}, "abc", "abcdef", group(6, 6), "blast_radius"),
    ({"max_targets": 6, "one_domain": True}, "ab", "abcd", group(a="x", b="x", c="y", d="y"), None),
    ({"max_targets": 6, "one_domain": True}, "bc", "abcd", group(a="x", b="x", c="y", d="y"), "blast_radius"),
]


@pytest.mark.parametrize(("options", "now", "whole", "inventory", "code"), WAVES)
def test_T37_waves_are_judged_one_by_one_and_all_together(
    options: dict[str, object], now: str, whole: str, inventory: guards.Inventory | None, code: str | None
) -> None:
    fn = guards.blast_radius(**options)(lambda: 1)  # type: ignore[arg-type]  # reason: cases as data
    context = frozen(targets=("pool",), members=tuple(now), members_in_all=tuple(whole), inventory=inventory)
    assert [d.code for d in guards.explain(fn, context).denials] == ([code] if code else [])


def test_the_trace_says_what_a_wave_touches_and_what_all_of_them_do() -> None:
    context = frozen(targets=("pool",), members=("b",), members_in_all=("a", "b"), inventory=group(4, 3, b="x"))
    told = guards.BlastRadius(max_targets=2).inputs(context)
    assert (told["targets"], told["in_all"], told["domains"]) == (("b",), ("a", "b"), ("x",))


@pytest.mark.parametrize(
    ("options", "targets", "inventory", "reason"),
    [
        (
            {"max_targets": 5, "min_healthy": 8},
            "abc",
            group(healthy=10),
            "7 healthy members would be left, at least 8 must be.",
        ),
        ({"max_targets": 5, "max_percent": 20}, "abc", group(10), "3 of 10 members are more than 20 percent."),
        ({"max_percent": 33}, "a", group(3), "1 of 3 members are more than 33 percent."),
        (
            {"max_targets": 5, "one_domain": True},
            "abc",
            group(a="x", b="y", c="z"),
            "The targets lie in 3 failure domains.",
        ),
        ({"max_targets": 2}, "abc", None, "3 targets are more than the 2 that one run may touch."),
    ],
)
def test_the_refusal_says_how_much_it_would_have_been(
    options: dict[str, Any], targets: str, inventory: guards.Inventory | None, reason: str
) -> None:
    guard = guards.BlastRadius(**options)
    (denial,) = guards.decide([guard], frozen(targets=tuple(targets), inventory=inventory)).denials
    assert denial.reason == reason


class Pretending(type):
    def __eq__(cls, other: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return 1


class NoNumber(metaclass=Pretending):
    def __gt__(self, other: object) -> bool:
        return False

    def __sub__(self, other: object) -> int:
        return 100


def test_T37_a_size_that_only_pretends_to_be_a_number_is_refused() -> None:
    inventory = guards.Inventory(10, NoNumber())  # type: ignore[arg-type]  # reason: wrong on purpose
    decision = guards.decide([guards.BlastRadius(min_healthy=1)], frozen(inventory=inventory))
    assert [denial.code for denial in decision.denials] == ["guard_error"]
