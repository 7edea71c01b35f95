"""Facts about the context of an incident: who is on call, past incidents, recent changes (N1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.errors import Permanent, Transient
from bot.facts.base import FactRequest
from bot.facts.changes import ChangesFact
from bot.facts.oncall import OnCallFact
from bot.facts.past_incidents import PastIncidentsFact
from bot.incident import Change

Request = Callable[..., FactRequest]
OPENED = datetime(2030, 6, 1, 12, 0, tzinfo=UTC)


class PagerDuty:
    """The three answers this room asks for, in the shapes of the REST API."""

    def __init__(self, answer: list[dict[str, Any]] | Exception) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    def _say(self, asked: Any) -> list[dict[str, Any]]:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def oncalls(self, escalation_policy_ids: Sequence[str]) -> list[dict[str, Any]]:
        return self._say(list(escalation_policy_ids))

    async def past_incidents(self, incident_id: str) -> list[dict[str, Any]]:
        return self._say(incident_id)

    async def related_change_events(self, incident_id: str) -> list[dict[str, Any]]:
        return self._say(incident_id)


async def test_oncall_names_each_person_once(request_of: Request) -> None:
    client = PagerDuty(
        [
            {"user": {"id": "U1", "summary": "Ada"}, "escalation_level": 1},
            {"user": {"id": "U2", "summary": None}, "escalation_level": 2},
            {"user": {"id": "U1", "summary": "Ada"}, "escalation_level": 3},
            {"user": None},
        ]
    )
    value = await OnCallFact(client).observe(request_of(policy="PSERVICE"))
    assert value == {"people": ["Ada", "U2"], "ids": ["U1", "U2"]}
    await OnCallFact(client).observe(request_of(policy="PSERVICE", escalation_policy="POTHER"))
    assert client.asked == [["PSERVICE"], ["POTHER"]]


async def test_nobody_on_call_is_a_value_and_no_policy_is_a_failure(request_of: Request) -> None:
    assert await OnCallFact(PagerDuty([])).observe(request_of(policy="P")) == {"people": [], "ids": []}
    with pytest.raises(Permanent, match="escalation policy"):
        await OnCallFact(PagerDuty([])).observe(request_of())
    with pytest.raises(Transient):
        await OnCallFact(PagerDuty(Transient("down"))).observe(request_of(policy="P"))


async def test_past_incidents(request_of: Request) -> None:
    row = {"incident": {"id": "Q0", "title": "down before", "created_at": "2030-05-01T00:00:00Z"}, "score": 46.8}
    client = PagerDuty([row] * 9 + [{}])
    value = await PastIncidentsFact(client).observe(request_of(with_incident=True))
    assert client.asked == ["Q1"]
    assert len(value["incidents"]) == 5
    assert value["incidents"][0] == {
        "title": "down before", "at": "2030-05-01T00:00:00Z", "resolved_by": "", "score": 46.8
    }  # fmt: skip


async def test_past_incidents_need_a_pagerduty_incident(request_of: Request) -> None:
    for request in (request_of(), request_of(with_incident=True, source="alertmanager")):
        with pytest.raises(Permanent):
            await PastIncidentsFact(PagerDuty([])).observe(request)


def change(minutes: float, summary: str = "deploy", url: str = "") -> Change:
    at = OPENED - timedelta(minutes=minutes)
    return Change(
        source="github",
        key=f"{minutes}",
        service="payments",
        environment="prod",
        summary=summary,
        at=at,
        url=url,
        author="ada",
    )


async def test_changes_before_the_incident_newest_first(request_of: Request) -> None:
    asked: list[tuple[str, str]] = []

    async def recent(service: str, environment: str) -> list[Change]:
        asked.append((service, environment))
        return [change(90, "older"), change(2.5, "v2.3", "https://git.example/d"), change(-1, "after")]

    value = await ChangesFact(recent, lambda: OPENED).observe(request_of(with_incident=True))
    assert asked == [("payments", "prod")]
    assert [c["summary"] for c in value["changes"]] == ["v2.3", "older"]
    assert value["changes"][0] == {
        "summary": "v2.3",
        "at": "2030-06-01T11:57:30+00:00",
        "author": "ada",
        "url": "https://git.example/d",
        "minutes_before": 2,
    }


async def test_pagerdutys_changes_are_added_once(request_of: Request) -> None:
    async def recent(service: str, environment: str) -> list[Change]:
        return [change(5, "v2.3", "https://git.example/d")]

    client = PagerDuty(
        [
            {"summary": "v2.3", "timestamp": "2030-06-01T11:55:00Z", "links": [{"href": "https://git.example/d"}]},
            {"summary": "flag off", "timestamp": "2030-06-01T11:50:00Z", "links": []},
            {"summary": "no time"},
        ]
    )
    value = await ChangesFact(recent, lambda: OPENED, client).observe(request_of(with_incident=True))
    assert [(c["summary"], c["minutes_before"]) for c in value["changes"]] == [("v2.3", 5), ("flag off", 10)]


async def test_our_own_changes_survive_pagerdutys_failure(request_of: Request) -> None:
    async def recent(service: str, environment: str) -> list[Change]:
        return [change(5)]

    broken = PagerDuty(Transient("PagerDuty is down"))
    value = await ChangesFact(recent, lambda: OPENED, broken).observe(request_of(with_incident=True))
    assert len(value["changes"]) == 1
    assert value["pagerduty_gap"] == "PagerDuty is down"


async def test_without_an_incident_changes_are_before_now(request_of: Request) -> None:
    async def recent(service: str, environment: str) -> list[Change]:
        return [change(5)]

    value = await ChangesFact(recent, lambda: OPENED + timedelta(minutes=5)).observe(request_of())
    assert value["changes"][0]["minutes_before"] == 10
