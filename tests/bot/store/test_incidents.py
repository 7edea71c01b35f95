"""Incidents: saved whole, found by the sender's id, listed by importance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from bot.errors import Permanent
from bot.incident import Incident, IncidentStatus
from bot.store import incidents
from bot.store.session import Store

Make = Callable[..., Incident]


async def save(store: Store, *several: Incident) -> None:
    """Save them in one transaction."""

    def work(session: Session) -> None:
        for each in several:
            incidents.save(session, each)

    await store.write(work)


async def test_saved_and_read_back_whole_and_replaced(store: Store, incident: Make) -> None:
    first = incident(labels={"a": "ü"}, details={"x": "\x00"}, assignees=("ada",), flapping=True)
    await save(store, first)
    assert await store.read(lambda s: incidents.get(s, "inc_1")) == first
    changed = first.model_copy(update={"status": IncidentStatus.RESOLVED, "occurrences": 4})
    await save(store, changed)
    assert await store.read(lambda s: incidents.find(s, "pagerduty", "Q1")) == changed
    assert await store.read(incidents.open_incidents) == []
    assert await store.read(lambda s: incidents.get(s, "inc_2")) is None


async def test_T21_one_incident_per_senders_id(store: Store, incident: Make) -> None:
    await save(store, incident(1))
    with pytest.raises(Permanent, match="UNIQUE"):
        await save(store, incident(2, external_id="Q1"))


async def test_incidents_without_a_senders_id_do_not_meet(store: Store, incident: Make) -> None:
    await save(store, incident(1, external_id=""), incident(2, external_id=""))
    assert await store.read(lambda s: incidents.find(s, "pagerduty", "")) is None
    assert len(await store.read(incidents.open_incidents)) == 2


async def test_critical_first_then_newest(store: Store, incident: Make, now: datetime) -> None:
    made = [
        incident(n, severity=severity, opened_at=now + timedelta(minutes=n), service=service)
        for n, (severity, service) in enumerate(
            [("info", "a"), ("critical", "a"), ("error", "b"), ("critical", "b"), ("warning", "a")]
        )
    ]
    await save(store, *made, incident(9, status="resolved", severity="critical"))
    assert [i.id for i in await store.read(incidents.open_incidents)] == ["inc_3", "inc_1", "inc_2", "inc_4", "inc_0"]
    assert [i.id for i in await store.read(lambda s: incidents.open_incidents(s, 2))] == ["inc_3", "inc_1"]
    of_b = await store.read(lambda s: incidents.open_incidents(s, service="b"))
    assert [i.id for i in of_b] == ["inc_3", "inc_2"]


async def test_similar_are_resolved_older_and_of_the_same_alert(store: Store, incident: Make, now: datetime) -> None:
    def past(number: int, **changes: object) -> Incident:
        return incident(number, **{"status": "resolved", "opened_at": now - timedelta(days=number), **changes})

    await save(
        store, past(1), past(2), past(3), past(4, alert_name="Other"), past(5, service="b"), past(6, status="triggered")
    )
    found = await store.read(lambda s: incidents.similar(s, "payments", "ServiceDown", now - timedelta(days=1), 5))
    assert [i.id for i in found] == ["inc_2", "inc_3"]


async def test_open_for_service_is_of_one_environment(store: Store, incident: Make) -> None:
    await save(store, incident(1), incident(2, environment="staging"), incident(3, status="resolved"))
    assert [i.id for i in await store.read(lambda s: incidents.open_for_service(s, "payments", "prod"))] == ["inc_1"]


async def test_the_senders_id_is_found_through_the_index(store: Store) -> None:
    """Ten thousand incidents later every alert is still one look, not a scan."""

    def plans(session: Session) -> list[str]:
        driver: Any = session.connection().connection.driver_connection
        found: list[str] = []
        for statement in (incidents.EXTERNAL, incidents.EXTERNALS):
            made = statement._compiled()
            rows = driver.execute(f"EXPLAIN QUERY PLAN {made.sql}", ["[]"] * made.sql.count("?")).fetchall()
            found.append(str(rows[0][3]))
        return found

    for plan in await store.read(plans):
        assert "USING INDEX ux_incident_external" in plan
