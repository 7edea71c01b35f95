"""Where something is simulated: the configured installation, or the example; never with a secret in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from bot.cli.installation import Installation, check_facts, installation, person_of, place_of, typed
from bot.errors import ConfigurationError
from bot.incident import ServiceReference
from bot.services import Catalogue
from bot.simulation import examples
from bot.simulation.alert import PLAIN_SERVICE_ID, SOURCE, Delivery, PlainAlert, plain_delivery

ALERT = plain_delivery(PlainAlert(title="x"))


def example(monkeypatch: pytest.MonkeyPatch, folder: Path, environment: str = "", **facts: object) -> Installation:
    monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
    monkeypatch.chdir(folder)
    return installation(None, None, environment, {name: {"a": value} for name, value in facts.items()})


def several(found: Installation) -> Installation:
    one = found.catalogue.services[0]
    other = one.model_copy(update={"environment": "staging", "match": one.match.model_copy(update={"pagerduty": ()})})
    return Installation(
        found.name, Catalogue(services=(one, other)), found.people, found.policy, found.library, found.team
    )


def test_without_a_configuration_it_is_the_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = example(monkeypatch, tmp_path, "staging", disk=1)
    (service,) = found.catalogue.services
    assert (found.name, service.environment) == ("the example installation", "staging")
    assert set(service.facts) == {"health", "state", "disk"}
    assert found.library.get("restart-service") is not None


def test_a_configuration_in_the_folder_is_used(
    monkeypatch: pytest.MonkeyPatch, installation: Path, tmp_path: Path
) -> None:
    from bot.cli.installation import installation as make

    monkeypatch.setenv("PAGERDUTY_API_TOKEN_FILE", "/nonexistent")  # secrets are not even looked for
    monkeypatch.delenv("COUNTERSIGN_CONFIG")
    monkeypatch.chdir(installation)
    found = make(None, None, "", {})
    assert found.name == "countersign.yaml"
    assert found.promotions is not None
    assert make(str(installation / "countersign.yaml"), None, "", {}).name == "countersign.yaml"


def test_a_configuration_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COUNTERSIGN_CONFIG", str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigurationError, match="none"):
        installation(None, None, "", {})


def test_the_alert_is_about_the_service_that_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = several(example(monkeypatch, tmp_path))
    service, catalogue = place_of(found, ALERT, "payments", "staging")
    assert service is not None and service.environment == "staging"
    meant = catalogue.by_reference(SOURCE, ServiceReference(id=PLAIN_SERVICE_ID), {})
    assert meant is not None and meant.environment == "staging"


@pytest.mark.parametrize(
    ("name", "environment", "says"),
    [
        ("", "", r"say which service it is about: payments \(prod\), payments \(staging\)"),
        ("payments", "", "payments is in prod, staging: say which"),
        ("payments", "dev", "has no payments in dev"),
        ("checkout", "", "has no checkout"),
    ],
)
def test_a_service_is_never_guessed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, environment: str, says: str
) -> None:
    with pytest.raises(typer.BadParameter, match=says):
        place_of(several(example(monkeypatch, tmp_path)), ALERT, name, environment)


def test_a_delivery_without_a_service_cannot_be_about_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    event = {"id": "1", "event_type": "incident.triggered", "data": {"id": "P1", "title": "x"}}
    delivery = Delivery(json.dumps({"event": event}).encode(), plain=False)
    found = example(monkeypatch, tmp_path)
    assert place_of(found, delivery, "", "")[0] is None
    with pytest.raises(ConfigurationError, match="names no service"):
        place_of(found, delivery, "payments", "")


def test_a_fact_that_would_not_be_observed_decides_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = example(monkeypatch, tmp_path)
    check_facts(found, found.catalogue.services[0], {"health": {"status": 1}})
    with pytest.raises(ConfigurationError, match="how pool is observed for payments in prod"):
        check_facts(found, found.catalogue.services[0], {"pool": {"running": 1}})
    with pytest.raises(ConfigurationError, match="a service the catalogue does not know"):
        check_facts(found, None, {"pool": {"running": 1}})


def test_who_asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = example(monkeypatch, tmp_path)
    ids = {
        name: (person.id if (person := person_of(found, name)) else None) for name in ("", "cora", "Ben Osei", "dev")
    }
    assert ids == {"": "ana", "cora": "cora", "Ben Osei": "ben", "dev": "dev"}
    with pytest.raises(typer.BadParameter, match="zoe is nobody"):
        person_of(found, "zoe")


def test_the_example_people_may_be_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert example(monkeypatch, tmp_path).people == examples.people()


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("x", "loud"), "--severity"),
        ((" ", "critical"), "--symptom"),
        (("x" * 1001, "critical"), "--symptom"),
        (("x", "critical", "y" * 65), "--alert-name"),
    ],
)
def test_what_is_no_alert_names_the_option(words: tuple[str, ...], option: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        typed(*words)
    assert refused.value.param_hint == option
