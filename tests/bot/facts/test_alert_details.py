"""What the monitor itself said: bounded, untrusted, and only of PagerDuty incidents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.errors import Permanent, Transient
from bot.facts.alert_details import LONGEST, MOST, AlertDetailsFact
from bot.facts.base import FactRequest

Request = Callable[..., FactRequest]


class Alerts:
    """Answers as `GET /incidents/{id}/alerts` does, or fails."""

    def __init__(self, *answer: dict[str, Any], error: Exception | None = None) -> None:
        self.answer = list(answer)
        self.error = error
        self.asked: list[str] = []

    async def alerts(self, incident_id: str) -> list[dict[str, Any]]:
        self.asked.append(incident_id)
        if self.error is not None:
            raise self.error
        return self.answer


async def test_the_first_alert_speaks(request_of: Request) -> None:
    client = Alerts(
        {"summary": "payments is down", "body": {"details": {"check": "GET /health", "status": 503, "odd": ["x"]}}},
        {"summary": "another"},
    )
    value = await AlertDetailsFact(client).observe(request_of(with_incident=True))
    assert value == {"summary": "payments is down", "details": {"check": "GET /health", "status": "503"}}
    assert client.asked == ["Q1"]


@pytest.mark.parametrize(
    ("alert", "details"),
    [
        ({"summary": None, "body": None}, {}),
        ({"body": {"details": "a plain text"}}, {"details": "a plain text"}),
        ({"body": {"details": None}}, {}),
        ({"body": ["odd"]}, {}),
    ],
)
async def test_odd_bodies_give_what_there_is(
    request_of: Request, alert: dict[str, Any], details: dict[str, str]
) -> None:
    value = await AlertDetailsFact(Alerts(alert)).observe(request_of(with_incident=True))
    assert value == {"summary": "", "details": details}


async def test_T47_what_is_kept_is_bounded(request_of: Request) -> None:
    many = {f"{'n' * 100}{number}": "v" * 5000 for number in range(100)}
    client = Alerts({"summary": "s" * 5000, "body": {"details": many}})
    value = await AlertDetailsFact(client).observe(request_of(with_incident=True))
    assert len(value["summary"]) == LONGEST
    assert len(value["details"]) <= MOST
    assert all(len(name) <= 60 and len(text) == LONGEST for name, text in value["details"].items())


async def test_no_alert_is_an_empty_value_and_no_incident_is_a_failure(request_of: Request) -> None:
    assert await AlertDetailsFact(Alerts()).observe(request_of(with_incident=True)) == {"summary": "", "details": {}}
    client = Alerts({"summary": "x"})
    for request in (request_of(), request_of(with_incident=True, source="github")):
        with pytest.raises(Permanent, match="no PagerDuty incident"):
            await AlertDetailsFact(client).observe(request)
    assert client.asked == []


async def test_a_vendor_that_is_away_is_a_failure_for_gather_to_show(request_of: Request) -> None:
    with pytest.raises(Transient):
        await AlertDetailsFact(Alerts(error=Transient("away"))).observe(request_of(with_incident=True))
