"""Catalogue and directory: exact matches only, never a guess (T07, T10, T35, T36)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from bot.incident import ServiceReference
from bot.services import Catalogue, People
from tests.fakes.equipment import PEOPLE, SERVICES

BASE: dict[str, Any] = SERVICES["services"][0]


def catalogue(*changes: dict[str, Any]) -> Catalogue:
    return Catalogue.model_validate({"services": [{**copy.deepcopy(BASE), **change} for change in changes]})


PAIR = (
    {"match": {"pagerduty": ["PSVC1"], "github": ["acme/payments"]}},
    {"environment": "staging", "match": {"pagerduty": ["PSVC2"], "labels": {"app": "payments", "env": "stg"}}},
)

FOUND: dict[str, tuple[str, dict[str, str], dict[str, str], str | None]] = {
    "by the sender's id": ("pagerduty", {"id": "PSVC1"}, {}, "prod"),
    "by another id": ("pagerduty", {"id": "PSVC2"}, {}, "staging"),
    "by repository": ("github", {"id": "acme/payments"}, {}, "prod"),
    "an id of another source is nothing": ("github", {"id": "PSVC1"}, {}, None),
    "T35 a name is nothing": ("pagerduty", {"name": "payments"}, {}, None),
    "T35 an id wins over labels": ("pagerduty", {"id": "PSVC1"}, {"app": "payments", "env": "stg"}, "prod"),
    "all labels": ("pagerduty", {"id": "P?"}, {"app": "payments", "env": "stg", "more": "x"}, "staging"),
    "T35 some labels are nothing": ("pagerduty", {}, {"app": "payments"}, None),
    "T35 labels in another case": ("pagerduty", {}, {"app": "Payments", "env": "stg"}, None),
    "nothing is nothing": ("pagerduty", {}, {}, None),
    "an unknown source": ("nobody", {"id": "PSVC1"}, {}, None),
}


@pytest.mark.parametrize(("source", "reference", "labels", "environment"), FOUND.values(), ids=FOUND)
def test_T35_a_service_is_found_by_id_or_by_all_labels(
    source: str, reference: dict[str, str], labels: dict[str, str], environment: str | None
) -> None:
    found = catalogue(*PAIR).by_reference(source, ServiceReference(**reference), labels)
    assert (found.environment if found else None) == environment


def test_T35_two_rules_that_both_fit_are_no_answer() -> None:
    both = catalogue(
        {"match": {"labels": {"app": "payments"}}},
        {"environment": "staging", "match": {"labels": {"team": "pay"}}},
    )
    labels = {"app": "payments", "team": "pay"}
    assert both.by_reference("pagerduty", ServiceReference(), labels) is None


@pytest.mark.parametrize(
    ("name", "environment", "wanted"),
    [
        ("payments", "prod", "prod"),
        ("payments", "staging", "staging"),
        ("payments", None, None),
        ("payments", "dev", None),
        ("payment", "prod", None),
        ("", None, None),
        ("*", "prod", None),
    ],
)
def test_T34_a_name_in_several_environments_is_not_guessed(
    name: str, environment: str | None, wanted: str | None
) -> None:
    found = catalogue(*PAIR).named(name, environment)
    assert (found.environment if found else None) == wanted


def test_a_copy_with_other_services_is_asked_about_those() -> None:
    first = catalogue(*PAIR)
    assert {name: [s.environment for s in each] for name, each in first.by_name.items()} == {
        "payments": ["prod", "staging"]
    }
    copied = first.model_copy(update={"services": first.services[1:]})
    assert copied.named("payments") == first.services[1]
    assert (first.named("payments"), first.by_name) == (None, {"payments": list(first.services)})
    assert Catalogue(services=()).by_name == {}


def test_T10_T36_a_target_is_the_only_one_of_its_kind_or_named() -> None:
    program = BASE["targets"][0]
    (service,) = catalogue({"targets": [program, {**program, "name": "worker"}, BASE["targets"][1]]}).services
    assert service.target("supervisor_program") is None
    worker = service.target("supervisor_program", "worker")
    assert worker is not None
    assert service.resolve(worker).key == "supervisor_program:prod/worker"
    assert service.target("setting_file", "worker") is None
    assert service.target("setting_file") is not None
    assert service.target("redis") is None


WRONG: dict[str, Any] = {
    "the same service twice": {"services": [BASE, BASE]},
    "one PagerDuty id for two": {"services": [BASE, {**BASE, "name": "checkout"}]},
    "an unknown key": {"services": [{**BASE, "envronment": "dev"}]},
    "no owner": {"services": [{**BASE, "owner": ""}]},
    "tier 0": {"services": [{**BASE, "tier": 0}]},
    "T32 a name with a foreign letter": {"services": [{**BASE, "name": "p\u0430yments"}]},
    "T33 a name with a leading dash": {"services": [{**BASE, "name": "-payments"}]},
    "T34 a wildcard environment": {"services": [{**BASE, "environment": "*"}]},
    "T34 an empty environment": {"services": [{**BASE, "environment": ""}]},
    "T33 a target with a leading dash": {
        "services": [{**BASE, "targets": [{"kind": "k", "name": "--all", "settings": {}}]}]
    },
    "T31 a target with a newline": {"services": [{**BASE, "targets": [{"kind": "k", "name": "a\n", "settings": {}}]}]},
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_a_wrong_catalogue_is_refused(data: Any) -> None:
    with pytest.raises(ValidationError):
        Catalogue.model_validate(data)


def people(**changes: Any) -> People:
    return People.model_validate({**copy.deepcopy(PEOPLE), **changes})


@pytest.mark.parametrize(
    ("team", "user", "wanted"),
    [("T1", "U1", "ana"), ("T2", "U1", None), ("T1", "U9", None), ("", "", None), ("T1", "", None), ("U1", "T1", None)],
)
def test_T07_a_person_is_both_ids(team: str, user: str, wanted: str | None) -> None:
    found = people().by_slack(team, user)
    assert (found.id if found else None) == wanted


def test_groups_are_those_that_name_the_person() -> None:
    assert people().groups_of("ben") == {"payments-oncall"}
    assert people().groups_of("ana") == frozenset()
    assert people().groups_of("nobody") == frozenset()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("ana", ["ana"]), ("ANA", ["ana"]), (" Ben ", ["ben"]), ("be", []), ("", []), ("an\u0430", [])],
)
def test_somebody_is_called_by_a_whole_name(name: str, wanted: list[str]) -> None:
    assert [person.id for person in people().called(name)] == wanted


def test_two_of_one_name_are_both_given() -> None:
    two = people(people=[{"id": "ana.b", "name": "Ana Berg"}, {"id": "ana.c", "name": "Ana Cruz"}], groups={})
    assert [person.id for person in two.called("ana")] == ["ana.b", "ana.c"]


ANA = PEOPLE["people"][0]
WRONG_PEOPLE: dict[str, dict[str, Any]] = {
    "an id twice": {"people": [ANA, {**ANA, "slack": []}], "groups": {}},
    "T07 one account for two": {"people": [ANA, {**ANA, "id": "ana2"}], "groups": {}},
    "T43 a group that names nobody we know": {"groups": {"leads": ["zoe"]}},
    "an unknown role": {"people": [{**ANA, "roles": ["root"]}], "groups": {}},
    "an unknown key": {"people": [{**ANA, "admin": True}], "groups": {}},
    "an id with a space": {"people": [{**ANA, "id": "ana b"}], "groups": {}},
}


@pytest.mark.parametrize("changes", WRONG_PEOPLE.values(), ids=WRONG_PEOPLE)
def test_a_wrong_directory_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        people(**changes)
