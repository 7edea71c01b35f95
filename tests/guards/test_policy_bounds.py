"""guards/policy_bounds.py: how often, how much and how far."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from guards import policy_bounds as bounds
from guards.policy_values import PolicyError


def limits(value: object) -> object:
    return bounds.read_limits(value, ("dev", "prod"))


def blast_radius(value: object) -> dict[str, dict[str, object]]:
    return bounds.read_blast_radius(value, ("dev", "prod"))


def test_what_is_written_in_one_form() -> None:
    assert limits([{"max": 1, "per": "global", "window": "1m", "service": "web"}]) == [
        {"max": 1, "per": "global", "window": 60.0, "env": "", "action": "", "service": "web"}
    ]
    assert bounds.read_breakers(
        {
            "remediation": {"max": 3, "window": "10m", "cooldown": "30m"},
            "global": {"failures": 5, "window": "10m", "cooldown": "30m"},
            "incident": {"failures": 2},
        }
    ) == {
        "remediation": {"max": 3, "window": 600.0, "cooldown": 1800.0},
        "global": {"max": 5, "window": 600.0, "cooldown": 1800.0},
        "incident": {"max": 2},
    }
    assert bounds.read_breakers({}) == {}
    assert bounds.read_scale({}) == {"ask_above_percent": 50.0, "max_factor": 3.0}
    assert bounds.read_scale({"max_factor": 2, "ask_above_percent": 10}) == {
        "ask_above_percent": 10.0,
        "max_factor": 2.0,
    }
    assert bounds.read_error_budget({"max_burned_percent": 20}) == {"max_burned_percent": 20.0}
    cost = {"per_act": None, "per_day": 5.0, "ask_above": None, "currency": "EUR"}
    assert bounds.read_cost({"per_day": 5, "currency": "EUR"}) == cost


def test_one_target_where_nothing_is_written() -> None:
    one = {"max_targets": 1, "max_percent": None, "min_healthy": None, "one_domain": False}
    assert blast_radius({}) == {"dev": one, "prod": one}
    many = {"max_targets": 5, "max_percent": 12.5, "min_healthy": 0, "one_domain": True}
    assert blast_radius({"prod": many}) == {"dev": one, "prod": many}


MISTAKES: list[tuple[Callable[[object], object], object, str]] = [
    (limits, [{"max": 1, "per": "service"}], "limits[0]"),
    (limits, [{"max": 1, "per": "service", "window": "1h", "service": 5}], "limits[0].service"),
    (bounds.read_breakers, {"all": {}}, "breakers"),
    (bounds.read_breakers, {"remediation": {"failures": 1, "window": "1m", "cooldown": "1m"}}, "breakers.remediation"),
    (bounds.read_breakers, {"remediation": {"max": 1, "window": "1m"}}, "breakers.remediation"),
    (bounds.read_breakers, {"remediation": {"max": 0, "window": "1m", "cooldown": "1m"}}, "breakers.remediation.max"),
    (bounds.read_breakers, {"global": {"failures": 1, "window": 0, "cooldown": 1}}, "breakers.global.window"),
    (bounds.read_breakers, {"global": {"failures": 1, "window": 1, "cooldown": 0}}, "breakers.global.cooldown"),
    (bounds.read_breakers, {"incident": {"failures": 0}}, "breakers.incident.failures"),
    (bounds.read_breakers, {"incident": {"failures": 1, "window": 5}}, "breakers.incident"),
    (blast_radius, {"qa": {"max_targets": 1}}, "blast_radius.qa"),
    (blast_radius, {"dev": {}}, "blast_radius.dev"),
    (blast_radius, {"dev": {"max_targets": 0}}, "blast_radius.dev.max_targets"),
    (blast_radius, {"dev": {"max_targets": "all"}}, "blast_radius.dev.max_targets"),
    (blast_radius, {"dev": {"max_targets": 1, "max_percent": 101}}, "blast_radius.dev.max_percent"),
    (blast_radius, {"dev": {"max_targets": 1, "min_healthy": -1}}, "blast_radius.dev.min_healthy"),
    (blast_radius, {"dev": {"max_targets": 1, "min_healthy": 1.5}}, "blast_radius.dev.min_healthy"),
    (blast_radius, {"dev": {"max_targets": 1, "one_domain": "no"}}, "blast_radius.dev.one_domain"),
    (bounds.read_scale, {"max_factor": 0.5}, "scale.max_factor"),
    (bounds.read_scale, {"ask_above_percent": -1}, "scale.ask_above_percent"),
    (bounds.read_scale, {"factor": 2}, "scale"),
    (bounds.read_error_budget, {}, "error_budget"),
    (bounds.read_error_budget, {"max_burned_percent": 101}, "error_budget.max_burned_percent"),
    (bounds.read_cost, {"per_act": 1}, "cost"),
    (bounds.read_cost, {"currency": "euro"}, "cost.currency"),
    (bounds.read_cost, {"currency": None}, "cost.currency"),
    (bounds.read_cost, {"currency": "EUR", "per_act": -1}, "cost.per_act"),
    (bounds.read_cost, {"currency": "EUR", "per_day": None}, "cost.per_day"),
]


@pytest.mark.parametrize(("read", "value", "place"), MISTAKES)
def test_T43_every_mistake_is_named_with_its_fix(read: Callable[[object], object], value: object, place: str) -> None:
    with pytest.raises(PolicyError) as error:
        read(value)
    assert error.value.place == place
    assert error.value.fix


def limit(most: object) -> object:
    return limits([{"max": most, "per": "service", "window": "1h"}])


def targets(most: object) -> object:
    return blast_radius({"dev": {"max_targets": most}})


def percent(most: object) -> object:
    return blast_radius({"dev": {"max_targets": 1, "max_percent": most}})


def healthy(least: object) -> object:
    return blast_radius({"dev": {"max_targets": 1, "min_healthy": least}})


@pytest.mark.parametrize(
    ("read", "most", "more"),
    [
        (limit, 10_000, 10_001),
        (targets, 10_000, 10_001),
        (healthy, 10_000, 10_001),
        (percent, 100, 100.5),
        (lambda value: bounds.read_breakers({"incident": {"failures": value}}), 10_000, 10_001),
        (lambda value: bounds.read_scale({"ask_above_percent": value}), 1_000, 1_000.5),
        (lambda value: bounds.read_scale({"max_factor": value}), 100, 100.5),
        (lambda value: bounds.read_scale({"max_factor": value}), 1, 0.99),
        (lambda value: bounds.read_error_budget({"max_burned_percent": value}), 100, 100.5),
        (lambda value: bounds.read_cost({"currency": "EUR", "per_act": value}), 10**12, 10**12 + 0.5),
    ],
    ids=range(10),
)
def test_the_bounds_are_those_of_the_page(read: Callable[[object], object], most: object, more: object) -> None:
    assert read(most)
    with pytest.raises(PolicyError):
        read(more)
