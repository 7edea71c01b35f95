"""guards/policy_reading.py: every mistake in policy.yaml is named, nothing is guessed (case T43)."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from guards.policy import Policy, PolicyError
from guards.policy_reading import canonical, read_policy
from runbooks.strict import load_strict

GOOD: dict[str, Any] = {
    "version": 1,
    "lowest_environment": "dev",
    "matrix": {
        "dev": {"read": "auto", "safe": "auto", "caution": "confirm", "forbidden": "forbid"},
        "prod": {"read": "auto", "safe": "approve"},
    },
    "approvals": {"prod": {"count": 1, "any_of": ["oncall", "leads"], "timeout": "15m"}},
    "requesters": {"roles": ["responder", "operator"]},
    "operators": {"roles": ["operator"]},
    "limits": [{"max": 1, "per": "service", "window": "1h", "env": "prod", "action": "supervisor.restart"}],
    "confirmation_timeout": "120s",
}
REMOVE = object()
STANDING: dict[str, Any] = {
    "id": "a", "runbook": "restart-service", "action": "supervisor.restart", "service": "payments", "environment": "prod",
    "max": 24, "until": "2026-12-31T00:00:00Z", "by": ["cora", "dev"],
}  # fmt: skip
PERIOD: dict[str, Any] = {
    "name": "x", "environments": ["prod"], "start": "2026-12-20T00:00", "end": "2027-01-03T00:00", "timezone": "UTC",
}  # fmt: skip
CALENDAR: dict[str, Any] = {
    "name": "company", "file": "freezes.ics", "environments": ["prod"], "kind": "freeze", "max_age": "2d",
}  # fmt: skip


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    data = copy.deepcopy(GOOD)
    place: Any = data
    for part in path[:-1]:
        place = place[part]
    if value is REMOVE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


MISTAKES: list[tuple[tuple[str | int, ...], object, str]] = [
    (("version",), 2, "version"),
    (("version",), True, "version"),
    (("version",), 0, "version"),
    (("version",), -1, "version"),
    (("version",), "1", "version"),
    (("version",), REMOVE, "policy"),
    (("extra",), 1, "policy"),
    ((1,), 1, "policy"),
    (("lowest_environment",), "qa", "lowest_environment"),
    (("lowest_environment",), None, "lowest_environment"),
    (("lowest_environment",), REMOVE, "policy"),
    (("matrix",), {}, "matrix"),
    (("matrix",), None, "matrix"),
    (("matrix",), [], "matrix"),
    (("matrix", "*"), {}, "matrix.*"),
    (("matrix", "Prod"), {}, "matrix.Prod"),
    (("matrix", "prоd"), {}, "matrix.prоd"),
    (("matrix", True), {}, "matrix"),
    (("matrix", "dev"), None, "matrix.dev"),
    (("matrix", "dev", "safe"), "yes", "matrix.dev.safe"),
    (("matrix", "dev", "safe"), True, "matrix.dev.safe"),
    (("matrix", "dev", "sfae"), "auto", "matrix.dev"),
    (("matrix", "dev", "forbidden"), "auto", "matrix.dev.forbidden"),
    (("matrix", "dev", "forbidden"), "approve", "matrix.dev.forbidden"),
    (("matrix", "dev", "safe"), "approve", "approvals.dev"),
    (("approvals",), REMOVE, "approvals.prod"),
    (("approvals", "prod"), REMOVE, "approvals.prod"),
    (("approvals", "prod"), [], "approvals.prod"),
    (("approvals", "qa"), GOOD["approvals"]["prod"], "approvals.qa"),
    (("approvals", "prod", "any_of"), [], "approvals.prod"),
    (("approvals", "prod", "any_of"), REMOVE, "approvals.prod"),
    (("approvals", "prod", "any_of"), "oncall", "approvals.prod.any_of"),
    (("approvals", "prod", "any_of"), ["*"], "approvals.prod.any_of"),
    (("approvals", "prod", "any_of"), [""], "approvals.prod.any_of"),
    (("approvals", "prod", "any_of"), [None], "approvals.prod.any_of"),
    (("approvals", "prod", "any_of"), ["a", "a"], "approvals.prod.any_of"),
    (("approvals", "prod", "all_of"), "sre", "approvals.prod.all_of"),
    (("approvals", "prod", "count"), 0, "approvals.prod.count"),
    (("approvals", "prod", "count"), True, "approvals.prod.count"),
    (("approvals", "prod", "count"), "1", "approvals.prod.count"),
    (("approvals", "prod", "count"), 1_000_000_000, "approvals.prod.count"),
    (("approvals", "prod", "count"), REMOVE, "approvals.prod"),
    (("approvals", "prod", "timeout"), "never", "approvals.prod.timeout"),
    (("approvals", "prod", "timeout"), REMOVE, "approvals.prod"),
    (("approvals", "prod", "who"), ["ann"], "approvals.prod"),
    (("requesters",), REMOVE, "policy"),
    (("requesters",), ["responder"], "requesters"),
    (("requesters", "roles"), [], "requesters.roles"),
    (("requesters", "roles"), ["root"], "requesters.roles"),
    (("requesters", "people"), ["ann"], "requesters"),
    (("operators",), REMOVE, "policy"),
    (("operators", "roles"), [], "operators.roles"),
    (("operators", "roles"), None, "operators.roles"),
    (("limits",), None, "limits"),
    (("limits",), {"max": 1}, "limits"),
    (("limits", 0), "one", "limits[0]"),
    (("limits", 0, "max"), 0, "limits[0].max"),
    (("limits", 0, "max"), -1, "limits[0].max"),
    (("limits", 0, "max"), 1e9, "limits[0].max"),
    (("limits", 0, "max"), REMOVE, "limits[0]"),
    (("limits", 0, "per"), "team", "limits[0].per"),
    (("limits", 0, "window"), 0, "limits[0].window"),
    (("limits", 0, "window"), None, "limits[0].window"),
    (("limits", 0, "env"), "*", "limits[0].env"),
    (("limits", 0, "env"), "qa", "limits[0].env"),
    (("limits", 0, "env"), None, "limits[0].env"),
    (("limits", 0, "action"), "*", "limits[0].action"),
    (("limits", 0, "action"), "", "limits[0].action"),
    (("limits", 0, "action"), 7, "limits[0].action"),
    (("limits", 0, "environment"), "prod", "limits[0]"),
    (("limits", 0, "service"), "*", "limits[0].service"),
    (("limits", 0, "service"), "", "limits[0].service"),
    (("tiers",), None, "tiers"),
    (("standing",), {}, "standing"),
    (("break_glass",), None, "break_glass"),
    (("error_budget",), None, "error_budget"),
    (("cost",), {}, "cost"),
    (("breakers",), None, "breakers"),
    (("freezes",), None, "freezes"),
    (("confirmation_timeout",), 0, "confirmation_timeout"),
    (("confirmation_timeout",), None, "confirmation_timeout"),
]


@pytest.mark.parametrize(("path", "value", "place"), MISTAKES)
def test_T43_every_mistake_is_named_with_its_fix(path: tuple[str | int, ...], value: object, place: str) -> None:
    with pytest.raises(PolicyError) as error:
        Policy.from_mapping(changed(path, value))
    assert error.value.place == place
    assert error.value.fix
    assert str(error.value).startswith(f"{place}: ")


@pytest.mark.parametrize("data", [None, [], "policy", 1, {}])
def test_T43_what_is_no_policy_at_all(data: object) -> None:
    with pytest.raises(PolicyError):
        read_policy(data)


def test_the_canonical_form_is_plain_and_sorted() -> None:
    read = read_policy(GOOD)
    assert read["approvals"]["prod"] == {
        "count": 1,
        "any_of": ["leads", "oncall"],
        "all_of": [],
        "timeout": 900.0,
        "remind_before": None,
        "escalate": None,
        "tiers": {},
    }
    assert read["limits"] == [
        {"max": 1, "per": "service", "window": 3600.0, "env": "prod", "action": "supervisor.restart", "service": ""}
    ]
    assert canonical({"b": 1, "a": "ü"}) == b'{"a":"\\u00fc","b":1}'


def test_reading_does_not_change_what_was_given() -> None:
    data = copy.deepcopy(GOOD)
    read_policy(data)
    assert data == GOOD


def test_only_what_cannot_permit_anything_may_be_left_out() -> None:
    small = {key: GOOD[key] for key in ("version", "lowest_environment", "requesters", "operators")}
    policy = Policy.from_mapping({**small, "matrix": {"dev": {}}})
    assert policy.limits == policy.tier_cells == policy.standing == policy.breakers == ()
    assert policy.periods == policy.calendars == ()
    assert policy.break_glass is policy.error_budget is policy.cost is None
    assert policy.confirmation_timeout == 120.0
    assert policy.word("dev", "read") == "forbid"
    assert {word for _, _, word in policy.autonomy} == {"suggest"}
    assert [radius.max_targets for _, radius in policy.blast_radii] == [1]
    assert (policy.scale.percent, policy.scale.max_factor) == (50.0, 3.0)


SAME: list[tuple[str, object, object]] = [
    ("matrix", GOOD["matrix"], {**GOOD["matrix"], "prod": {"read": "auto", "safe": "approve", "caution": "forbid"}}),
    ("tiers", {}, {"prod": {2: {"safe": "approve"}, 1: {}}}),
    ("tiers", {"prod": {1: {"safe": "forbid"}}}, {"prod": {"1": {"safe": "forbid"}}}),
    ("autonomy", {}, {"dev": {"safe": "suggest"}, "prod": {}}),
    ("breakers", {}, {}),
    ("blast_radius", {}, {"prod": {"max_targets": 1, "one_domain": False}}),
    ("scale", {}, {"ask_above_percent": 50.0, "max_factor": 3}),
    ("cost", {"currency": "EUR", "per_act": 0.0}, {"per_act": -0.0, "currency": "EUR"}),
    ("limits", GOOD["limits"], GOOD["limits"] * 2),
    ("confirmation_timeout", "2m", 120),
    (
        "approvals",
        GOOD["approvals"],
        {"prod": {"timeout": 900, "any_of": ["leads", "oncall"], "count": 1, "tiers": {1: {"count": 1}}}},
    ),
    (
        "standing",
        [STANDING, {**STANDING, "id": "b"}],
        [{**STANDING, "id": "b", "by": ["dev", "cora"], "until": "2026-12-31T01:00:00+01:00"}, STANDING],
    ),
    (
        "freezes",
        [{**PERIOD, "repeat": "FREQ=WEEKLY;BYDAY=MO,FR;INTERVAL=2"}, PERIOD],
        [
            PERIOD,
            {**PERIOD, "services": [], "start": "2026-12-20T00:00:00", "repeat": "INTERVAL=2;BYDAY=FR,MO;FREQ=WEEKLY"},
        ],
    ),
]


@pytest.mark.parametrize(("key", "one", "other"), SAME)
def test_two_files_that_mean_the_same_have_the_same_digest(key: str, one: object, other: object) -> None:
    first, second = Policy.from_mapping({**GOOD, key: one}), Policy.from_mapping({**GOOD, key: other})
    assert first == second
    assert first.digest == second.digest


DIFFERENT: list[tuple[str, object]] = [
    ("tiers", {"prod": {1: {"safe": "forbid"}}}),
    ("tiers", {"prod": {2: {"safe": "forbid"}}}),
    ("autonomy", {"dev": {"safe": "auto"}}),
    ("autonomy", {"dev": {"caution": "auto"}}),
    ("approvals", {"prod": {**GOOD["approvals"]["prod"], "remind_before": "5m"}}),
    ("approvals", {"prod": {**GOOD["approvals"]["prod"], "escalate": {"after": "5m", "to": ["leads"]}}}),
    ("approvals", {"prod": {**GOOD["approvals"]["prod"], "tiers": {1: {"count": 2}}}}),
    ("standing", [STANDING]),
    ("standing", [{**STANDING, "max": 25}]),
    ("standing", [{**STANDING, "until": "2026-12-31T00:00:01Z"}]),
    ("break_glass", {"any_of": ["leads"], "timeout": "10m"}),
    ("limits", [{**GOOD["limits"][0], "service": "payments"}]),
    ("freezes", [PERIOD]),
    ("maintenance", [PERIOD]),
    ("change_windows", [PERIOD]),
    ("freezes", [{**PERIOD, "timezone": "Europe/Berlin"}]),
    ("freezes", [{**PERIOD, "repeat": "FREQ=YEARLY"}]),
    ("calendars", [CALENDAR]),
    ("calendars", [{**CALENDAR, "kind": "maintenance"}]),
    ("breakers", {"incident": {"failures": 2}}),
    ("breakers", {"global": {"failures": 2, "window": "1m", "cooldown": "1m"}}),
    ("breakers", {"remediation": {"max": 2, "window": "1m", "cooldown": "1m"}}),
    ("blast_radius", {"prod": {"max_targets": 2}}),
    ("blast_radius", {"prod": {"max_targets": 1, "min_healthy": 0}}),
    ("blast_radius", {"prod": {"max_targets": 1, "one_domain": True}}),
    ("scale", {"max_factor": 2}),
    ("error_budget", {"max_burned_percent": 20}),
    ("cost", {"currency": "EUR"}),
    ("cost", {"currency": "EUR", "per_day": 0}),
]


def test_T15_two_files_that_mean_something_else_have_other_digests() -> None:
    digests = [Policy.from_mapping({**GOOD, key: value}).digest for key, value in DIFFERENT]
    assert len({*digests, Policy.from_mapping(GOOD).digest}) == len(DIFFERENT) + 1


def test_the_full_example_of_the_page_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(.*?)```", page.split("## Full example")[1], re.DOTALL)
    assert found is not None
    policy = Policy.from_mapping(load_strict(found[1]))
    assert policy.environments == ("dev", "prod", "staging")
    assert policy.word("prod", "caution", 1) == "forbid"
    assert len(policy.periods) == 4


def test_an_empty_all_of_is_none_as_the_page_writes_it() -> None:
    with_it = {**GOOD, "approvals": {"prod": {**GOOD["approvals"]["prod"], "all_of": []}}}
    assert read_policy(with_it) == read_policy(GOOD)


class Pretending(type):
    """A class that says it is equal to every other class."""

    def __eq__(cls, other: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return 1


class Pretender(metaclass=Pretending):
    """What only pretends to be the number 1."""

    def __ne__(self, other: object) -> bool:
        return False


def test_T43_the_version_is_the_number_1_and_stands_in_what_the_digest_is_of() -> None:
    assert read_policy(GOOD)["version"] == 1
    with pytest.raises(PolicyError) as error:
        read_policy({**GOOD, "version": Pretender()})
    assert error.value.place == "version"
