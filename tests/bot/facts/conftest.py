"""Requests for facts of a service, with or without an incident."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.facts.base import FactRequest
from bot.incident import Incident, IncidentStatus, Severity
from bot.services import Service

OPENED = datetime(2030, 6, 1, 12, 0, tzinfo=UTC)
Request = Callable[..., FactRequest]


@pytest.fixture
def request_of() -> Request:
    """request_of(called=..., settings..., with_incident=..., deadline=..., policy=...)."""

    def make(
        *,
        called: str = "fact",
        with_incident: bool = False,
        source: str = "pagerduty",
        deadline: float = 5.0,
        policy: str = "",
        **settings: Any,
    ) -> FactRequest:
        service = Service(name="payments", environment="prod", owner="team", tier=1, escalation_policy=policy)
        incident = Incident(
            id="inc_1",
            source=source,
            external_id="Q1",
            title="down",
            status=IncidentStatus.TRIGGERED,
            severity=Severity.CRITICAL,
            service="payments",
            environment="prod",
            opened_at=OPENED,
            updated_at=OPENED,
        )
        return FactRequest(called, service, incident if with_incident else None, settings, deadline)

    return make
