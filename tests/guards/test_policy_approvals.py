"""guards/policy_approvals.py: whose yes is needed (cases T14 and T43, mission P6)."""

from __future__ import annotations

from typing import Any

import pytest

from guards.policy_approvals import check_approvals, read_approvals, read_break_glass, read_standing
from guards.policy_values import PolicyError

PROD: dict[str, Any] = {
    "count": 1,
    "any_of": ["oncall"],
    "all_of": ["sre"],
    "timeout": "15m",
    "remind_before": "5m",
    "escalate": {"after": "10m", "to": ["leads", "directors"]},
    "tiers": {"1": {"count": 2, "all_of": ["sre", "leads"], "timeout": "10m"}, 2: {"count": 1}},
}
STANDING: dict[str, Any] = {
    "id": "a", "runbook": "restart-service", "action": "supervisor.restart", "service": "payments", "environment": "prod",
    "max": 24, "until": "2026-12-31T00:00:00Z", "by": ["dev", "cora"],
}  # fmt: skip
WIDER = {"after": "5m", "to": ["leads"]}
REMOVE = object()


def changed(good: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    return {k: v for k, v in {**good, key: value}.items() if v is not REMOVE}


def test_every_part_is_written_out() -> None:
    assert read_approvals({"prod": PROD}, ("prod",)) == {
        "prod": {
            "count": 1,
            "any_of": ["oncall"],
            "all_of": ["sre"],
            "timeout": 900.0,
            "remind_before": 300.0,
            "escalate": [{"after": 600.0, "to": ["directors", "leads"]}],
            "tiers": {1: {"count": 2, "all_of": ["leads", "sre"], "timeout": 600.0}},
        }
    }


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("remind_before", "15m", "approvals.prod.remind_before"),
        ("remind_before", "16m", "approvals.prod.remind_before"),
        ("escalate", {"after": "16m", "to": ["leads"]}, "approvals.prod.escalate.after"),
        ("remind_before", None, "approvals.prod.remind_before"),
        ("escalate", None, "approvals.prod.escalate"),
        ("escalate", {"after": "5m"}, "approvals.prod.escalate"),
        ("escalate", {"after": "15m", "to": ["leads"]}, "approvals.prod.escalate.after"),
        ("escalate", {"after": "5m", "to": []}, "approvals.prod.escalate.to"),
        ("escalate", [], "approvals.prod.escalate"),
        ("escalate", "leads", "approvals.prod.escalate"),
        ("escalate", ["leads"], "approvals.prod.escalate[0]"),
        ("escalate", [WIDER, {"after": "5m", "to": ["directors"]}], "approvals.prod.escalate[1].after"),
        ("escalate", [WIDER, {"after": "4m", "to": ["directors"]}], "approvals.prod.escalate[1].after"),
        ("escalate", [WIDER, {"after": "15m", "to": ["directors"]}], "approvals.prod.escalate[1].after"),
        ("escalate", [WIDER, {"after": "6m", "to": []}], "approvals.prod.escalate[1].to"),
        ("tiers", [], "approvals.prod.tiers"),
        ("tiers", {"first": {}}, "approvals.prod.tiers"),
        ("tiers", {1: {"any_of": ["leads"]}}, "approvals.prod.tiers.1"),
        ("tiers", {1: {"count": 0}}, "approvals.prod.tiers.1.count"),
        ("tiers", {1: {"all_of": ["leads"]}}, "approvals.prod.tiers.1.all_of"),
        ("tiers", {1: {"all_of": []}}, "approvals.prod.tiers.1.all_of"),
        ("tiers", {1: {"timeout": "16m"}}, "approvals.prod.tiers.1.timeout"),
    ],
)
def test_T43_mistakes_in_an_approval(key: str, value: object, place: str) -> None:
    with pytest.raises(PolicyError) as error:
        read_approvals({"prod": changed(PROD, key, value)}, ("prod",))
    assert error.value.place == place


def test_P2_groups_are_asked_one_after_the_other() -> None:
    chain = [WIDER, {"after": "330s", "to": ["directors"]}, {"after": "14m", "to": ["oncall", "board"]}]
    found = read_approvals({"prod": {**PROD, "escalate": chain}}, ("prod",))
    assert found["prod"]["escalate"] == [
        {"after": 300.0, "to": ["leads"]},
        {"after": 330.0, "to": ["directors"]},
        {"after": 840.0, "to": ["board", "oncall"]},
    ]
    alone = read_approvals({"prod": {**PROD, "escalate": WIDER}}, ("prod",))
    assert alone == read_approvals({"prod": {**PROD, "escalate": [WIDER]}}, ("prod",)), "one entry needs no list"
    without = read_approvals({"prod": changed(PROD, "escalate", REMOVE)}, ("prod",))
    assert without["prod"]["escalate"] is None


def test_T43_a_mistake_in_a_chain_names_its_fix() -> None:
    with pytest.raises(PolicyError) as error:
        read_approvals({"prod": {**PROD, "escalate": [WIDER, {"after": "60s", "to": ["directors"]}]}}, ("prod",))
    assert str(error.value) == (
        "approvals.prod.escalate[1].after: it is not later than the entry before it. "
        "Fix: write more than 300; all times count from the question."
    )
    with pytest.raises(PolicyError) as empty:
        read_approvals({"prod": {**PROD, "escalate": []}}, ("prod",))
    assert str(empty.value) == (
        "approvals.prod.escalate: the list is empty. Fix: write one `- {after: 5m, to: [leads]}` each, or leave it out."
    )


def test_T43_a_tier_may_not_need_fewer_people() -> None:
    with pytest.raises(PolicyError) as error:
        read_approvals({"prod": {**PROD, "count": 2, "tiers": {1: {"count": 1}}}}, ("prod",))
    assert error.value.place == "approvals.prod.tiers.1.count"


@pytest.mark.parametrize("tiers", [{}, {"dev": {1: {"safe": "approve"}}}])
def test_T43_words_that_nobody_can_answer(tiers: dict[str, Any]) -> None:
    matrix = {"dev": {"safe": "confirm" if tiers else "approve"}}
    assert check_approvals({"dev": {}}, matrix, tiers) is None
    with pytest.raises(PolicyError) as error:
        check_approvals({}, matrix, tiers)
    assert error.value.place == "approvals.dev"


def test_P6_a_standing_approval_in_one_form() -> None:
    (found,) = read_standing([STANDING], ("prod",))
    assert found == {**STANDING, "until": "2026-12-31T00:00:00+00:00", "by": ["cora", "dev"]}


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [(key, REMOVE, "standing[0]") for key in STANDING]
    + [(key, "*", f"standing[0].{key}") for key in STANDING]
    + [
        ("by", ["cora"], "standing[0].by"),
        ("by", ["cora", "cora"], "standing[0].by"),
        ("max", 0, "standing[0].max"),
        ("until", "2026-12-31", "standing[0].until"),
        ("environment", "qa", "standing[0].environment"),
        ("tier", 1, "standing[0]"),
    ],
)
def test_P6_nothing_is_left_open_in_a_standing_approval(key: str, value: object, place: str) -> None:
    with pytest.raises(PolicyError) as error:
        read_standing([changed(STANDING, key, value)], ("prod",))
    assert error.value.place == place


def test_P6_uses_are_counted_by_id_so_each_id_stands_once() -> None:
    with pytest.raises(PolicyError) as error:
        read_standing([STANDING, {**STANDING, "service": "web"}], ("prod",))
    assert error.value.place == "standing"


def test_T14_the_broken_glass() -> None:
    assert read_break_glass({"any_of": ["leads"], "timeout": "10m"}) == {"any_of": ["leads"], "timeout": 600.0}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({}, "break_glass"),
        ({"any_of": ["leads"]}, "break_glass"),
        ({"any_of": [], "timeout": "5m"}, "break_glass.any_of"),
        ({"any_of": ["leads"], "timeout": "11m"}, "break_glass.timeout"),
        ({"any_of": ["leads"], "timeout": "10m", "all_of": ["x"]}, "break_glass"),
    ],
)
def test_T14_mistakes_about_the_glass(value: object, place: str) -> None:
    with pytest.raises(PolicyError) as error:
        read_break_glass(value)
    assert error.value.place == place


def test_T14_the_question_for_a_broken_glass_stands_for_ten_minutes_at_most() -> None:
    assert read_break_glass({"any_of": ["leads"], "timeout": 600})["timeout"] == 600.0
    with pytest.raises(PolicyError):
        read_break_glass({"any_of": ["leads"], "timeout": 600.5})


def test_P6_how_often_and_by_how_many() -> None:
    (most,) = read_standing([{**STANDING, "max": 10_000, "by": ["dev", "cora", "ann"]}], ("prod",))
    assert (most["max"], most["by"]) == (10_000, ["ann", "cora", "dev"])
    with pytest.raises(PolicyError):
        read_standing([{**STANDING, "max": 10_001}], ("prod",))


def test_P6_many_standing_approvals_have_many_ids() -> None:
    found = read_standing([{**STANDING, "id": f"a{number}"} for number in range(300)], ("prod",))
    assert len({each["id"] for each in found}) == 300


def test_P2_each_group_is_asked_later_than_the_one_before_it_not_only_than_the_first() -> None:
    chain = [WIDER, {"after": "10m", "to": ["directors"]}, {"after": "7m", "to": ["board"]}]
    with pytest.raises(PolicyError) as error:
        read_approvals({"prod": {**PROD, "escalate": chain}}, ("prod",))
    assert error.value.place == "approvals.prod.escalate[2].after"
    assert error.value.fix.startswith("write more than 600;")


@pytest.mark.parametrize(("count", "taken"), [(20, True), (21, False)])
def test_T43_more_people_than_there_can_be_are_a_mistake(count: int, taken: bool) -> None:
    for rule in ({**PROD, "count": count, "tiers": {}}, {**PROD, "tiers": {1: {"count": count}}}):
        if taken:
            assert read_approvals({"prod": rule}, ("prod",))
            continue
        with pytest.raises(PolicyError):
            read_approvals({"prod": rule}, ("prod",))
