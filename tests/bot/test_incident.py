"""Signals, incidents and changes: immutable, strict, and the same after JSON."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bot.incident import Change, Incident, IncidentStatus, ServiceReference, Severity, Signal
from tests.fakes.equipment import START, alert

INCIDENT: dict[str, Any] = {
    "id": "inc_1",
    "source": "pagerduty",
    "external_id": "P1",
    "title": "down",
    "status": "triggered",
    "severity": "critical",
    "service": "payments",
    "environment": "prod",
    "opened_at": START,
    "updated_at": START,
}
CHANGE: dict[str, Any] = {
    "source": "github", "key": "1", "service": "payments", "environment": "prod", "summary": "s", "at": START,
}  # fmt: skip
VALUES = [alert(), Incident(**INCIDENT), Change(**CHANGE)]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_json_there_and_back_is_the_same(value: Any) -> None:
    assert type(value).model_validate_json(value.model_dump_json()) == value


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_nothing_can_be_changed_in_place(value: Any) -> None:
    with pytest.raises(ValidationError):
        value.source = "other"


@pytest.mark.parametrize(("model", "values"), [(Incident, INCIDENT), (Change, CHANGE), (ServiceReference, {})])
def test_unknown_keys_are_refused(model: Any, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(**values, surprise=1)


def test_severities_are_strongest_first() -> None:
    assert [severity.value for severity in Severity] == ["critical", "error", "warning", "info"]


@pytest.mark.parametrize("word", ["open", "", "TRIGGERED", "merged"])
def test_T22_a_status_is_one_of_three_words(word: str) -> None:
    with pytest.raises(ValueError):
        IncidentStatus(word)


def test_T35_a_signal_has_no_environment() -> None:
    """Where it runs comes from the catalogue, so there is no field that a sender could fill."""
    assert "environment" not in Signal.model_fields
