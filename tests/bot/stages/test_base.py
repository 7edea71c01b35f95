"""Equipment: where a transcript goes, and that it is redacted and audited on the way."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from bot.incident import ServiceReference
from bot.services import Catalogue
from bot.store import audit
from bot.store.record import Routes
from bot.transcript import Entry, EntryKind
from tests.fakes.equipment import SERVICES, alert
from tests.fakes.scene import Scene

WITH_TICKETS = {"services": [{**SERVICES["services"][0], "tickets": {"jira_project": "OPS", "servicenow": True}}]}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, Routes(slack=True, pagerduty=True)),
        ({"notes": False}, Routes(slack=True)),
        ({"pagerduty": False}, Routes(slack=True)),
        ({"jira": True, "servicenow": True}, Routes(slack=True, pagerduty=True)),
        (
            {"jira": True, "servicenow": True, "catalogue": Catalogue.model_validate(WITH_TICKETS)},
            Routes(slack=True, pagerduty=True, jira=True, servicenow=True),
        ),
    ],
)
async def test_routes_follow_what_is_configured(trouble: Scene, changes: dict[str, Any], wanted: Routes) -> None:
    trouble.change(**changes)
    assert trouble.equipment.routes(await trouble.incident()) == wanted


async def test_an_unknown_service_has_no_ticket(empty: Scene) -> None:
    empty.change(jira=True, servicenow=True)
    await empty.fold(alert(service=ServiceReference(id="PNOBODY")))
    incident = await empty.incident()
    assert empty.equipment.service_of(incident) is None
    assert empty.equipment.routes(incident) == Routes(slack=True, pagerduty=True)


async def test_T46_a_recorded_entry_is_redacted_in_the_transcript_and_in_the_audit(trouble: Scene) -> None:
    incident = await trouble.incident()
    said = Entry(
        incident_id=incident.id, kind=EntryKind.STOPPED, at=trouble.clock(), actor="ana", data={"reason": "pw hunter2"}
    )
    stored = await trouble.write(lambda s: trouble.equipment.record(s, incident, said))
    row = await trouble.read(audit.head)
    assert stored.seq > 0
    assert row is not None
    assert "hunter2" not in str(stored.data) + row.data_text
    assert (row.event, row.subject) == ("stopped", incident.id)


async def test_equipment_cannot_be_changed_in_place(empty: Scene) -> None:
    with pytest.raises(FrozenInstanceError):
        empty.equipment.worker = "w2"  # type: ignore[misc]  # reason: that is the point
