"""guards/policy_reading.py: every mistake in policy.yaml is named, nothing is guessed (case T43)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from guards.policy import Policy, PolicyError
from guards.policy_reading import canonical, read_policy

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
    (("approvals", "prod", "any_of"), [], "approvals.prod.any_of"),
    (("approvals", "prod", "any_of"), REMOVE, "approvals.prod"),
    (("approvals", "prod", "any_of"), "oncall", "approvals.prod.any_of"),
    (("approvals", "prod", "any_of"), ["*"], "approvals.prod.any_of"),
    (("approvals", "prod", "any_of"), [""], "approvals.prod.any_of"),
    (("approvals", "prod", "any_of"), [None], "approvals.prod.any_of"),
    (("approvals", "prod", "any_of"), ["a", "a"], "approvals.prod.any_of"),
    (("approvals", "prod", "all_of"), [], "approvals.prod.all_of"),
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
    assert read["approvals"]["prod"] == {"count": 1, "any_of": ["leads", "oncall"], "all_of": [], "timeout": 900.0}
    assert read["limits"] == [
        {"max": 1, "per": "service", "window": 3600.0, "env": "prod", "action": "supervisor.restart"}
    ]
    assert canonical({"b": 1, "a": "ü"}) == b'{"a":"\\u00fc","b":1}'


def test_reading_does_not_change_what_was_given() -> None:
    data = copy.deepcopy(GOOD)
    read_policy(data)
    assert data == GOOD


def test_only_what_cannot_permit_anything_may_be_left_out() -> None:
    small = {key: GOOD[key] for key in ("version", "lowest_environment", "requesters", "operators")}
    policy = Policy.from_mapping({**small, "matrix": {"dev": {}}})
    assert policy.limits == ()
    assert policy.confirmation_timeout == 120.0
    assert policy.word("dev", "read") == "forbid"
