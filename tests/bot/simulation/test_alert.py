"""The alert of a simulation: PagerDuty's own delivery or a plain one, and which service it is about."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ConfigurationError
from bot.incident import ServiceReference, Severity
from bot.services import Catalogue
from bot.simulation import examples
from bot.simulation.alert import GivenAlerts, about, delivery_from, reference_of
from bot.simulation.still import AT

PAGERDUTY: dict[str, Any] = {
    "event": {
        "id": "01E",
        "event_type": "incident.triggered",
        "resource_type": "incident",
        "occurred_at": "2026-11-20T08:00:00.000Z",
        "data": {
            "id": "PINC1",
            "type": "incident",
            "title": "ServiceDown: payments",
            "urgency": "high",
            "status": "triggered",
            "priority": {"summary": "P1"},
            "service": {"id": "PSVC9", "summary": "Payments"},
        },
    }
}


def write(folder: Path, data: object) -> Path:
    path = folder / "alert.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_a_pagerduty_delivery_is_read_by_the_real_source(tmp_path: Path) -> None:
    delivery = delivery_from(write(tmp_path, PAGERDUTY))
    signal = GivenAlerts().read({}, delivery.body, AT)
    assert signal is not None
    assert (signal.alert_name, signal.severity, signal.external_id) == ("ServiceDown", Severity.CRITICAL, "PINC1")
    assert (delivery.plain, delivery.at) == (False, datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    assert reference_of(delivery) == "PSVC9"


def test_a_plain_alert_becomes_the_signal_it_says(tmp_path: Path) -> None:
    plain = {
        "title": "disk full",
        "severity": "warning",
        "alert_name": "DiskFull",
        "labels": {"a": "b"},
        "details": {"used": 91},
    }
    delivery = delivery_from(write(tmp_path, plain))
    signal = GivenAlerts().read({}, delivery.body, AT)
    assert signal is not None
    assert (signal.title, signal.severity, signal.alert_name) == ("disk full", Severity.WARNING, "DiskFull")
    assert (signal.labels, signal.details) == ({"a": "b"}, {"used": "91"})
    assert (delivery.plain, delivery.at) == (True, None)


def event(**changes: Any) -> dict[str, Any]:
    return {"event": {**PAGERDUTY["event"], **changes}}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a JSON object"),
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "x", "severity": "high"}, "severity"),
        ({"title": "x", "service": "payments"}, "service"),
        ('{"title": "x", "details": {"a": NaN}}', "details"),
        ('{"title": "\\ud800"}', "title"),
        ({"title": "x", "environment": "prod"}, "environment"),
        ("x" * 600_000, "is larger than 512 KiB"),
        (event(event_type="incident.nonsense"), "quarantine"),
        (event(event_type="incident.annotated"), "opens no incident"),
        (event(event_type="incident.resolved"), "opens no incident"),
        (event(event_type="service.updated"), "opens no incident"),
        (event(id=""), "quarantine"),
    ],
)
def test_what_is_no_alert_is_told_with_its_place_and_a_fix(tmp_path: Path, data: object, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        delivery_from(write(tmp_path, data))
    assert says in str(caught.value)
    assert "alert.json" in str(caught.value)


def test_a_time_that_nobody_can_mean_is_not_used(tmp_path: Path) -> None:
    assert delivery_from(write(tmp_path, event(occurred_at="0001-01-01T00:00:00Z"))).at is None
    assert delivery_from(write(tmp_path, event(occurred_at="2026-11-20T08:00:00"))).at is None
    assert delivery_from(write(tmp_path, event(occurred_at=["x"]))).at is None


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        delivery_from(tmp_path / "none.json")


def test_the_service_that_a_person_names_is_the_one_and_only(tmp_path: Path) -> None:
    one = examples.service(())
    other = one.model_copy(
        update={"environment": "staging", "match": one.match.model_copy(update={"pagerduty": ("P2",)})}
    )
    found = about(Catalogue(services=(one, other)), one, "P2")
    assert found.by_reference("pagerduty", ServiceReference(id="P2"), {}).environment == "prod"
    assert found.by_reference("pagerduty", ServiceReference(id=examples.PAGERDUTY_ID), {}).environment == "prod"


def test_nothing_ever_comes_in_from_outside() -> None:
    assert GivenAlerts().verified({"X-PagerDuty-Signature": "v1=00"}, b"{}", AT) is False
