"""Paging: what the monitor is told, in which lane, and that a page ends with its incident."""

from __future__ import annotations

from bot.incident import IncidentStatus
from bot.stages.paging import assign_in_pagerduty, end_page, escalate, page_key, resolve, status_to_pagerduty
from tests.fakes.scene import Scene


async def test_status_and_assignment_wait_in_the_lane_of_the_notes(trouble: Scene) -> None:
    incident, now = await trouble.incident(), trouble.clock()

    await trouble.write(lambda s: status_to_pagerduty(s, incident, IncidentStatus.ACKNOWLEDGED, now))
    await trouble.write(lambda s: assign_in_pagerduty(s, incident, ["PUSER1"], now))
    sent = [(row["lane"], row["kind"], row["subject"], row["payload"]) for row in await trouble.outbox("pagerduty")]
    assert sent == [
        (incident.id, "status", "PINC1", {"status": "acknowledged"}),
        (incident.id, "reassign", "PINC1", {"user_ids": ["PUSER1"]}),
    ]


async def test_a_page_goes_past_the_notes_and_is_one_per_incident(trouble: Scene) -> None:
    incident = await trouble.incident()
    for reason in ("first", "second"):
        await trouble.write(lambda s, why=reason: escalate(s, trouble.equipment, incident, why))
    pages = await trouble.outbox("pagerduty", "page")
    assert {row["payload"]["dedup_key"] for row in pages} == {page_key(incident)}
    assert {(row["lane"], row["priority"]) for row in pages} == {(f"page:{incident.id}", 0)}
    assert pages[0]["payload"]["severity"] == "critical"
    assert (await trouble.kinds())[-2:] == ["escalated", "escalated"]


async def test_without_pagerduty_the_escalation_is_still_told(empty: Scene, trouble: Scene) -> None:
    trouble.change(pagerduty=False)
    incident = await trouble.incident()
    await trouble.write(lambda s: escalate(s, trouble.equipment, incident, "help", actor="ana"))
    entry = (await trouble.entries())[-1]
    assert (entry.kind.value, entry.actor, entry.data["page"]) == ("escalated", "ana", False)
    assert await trouble.outbox("pagerduty", "page") == []


async def test_resolving_takes_the_page_back_if_there_was_one(trouble: Scene) -> None:
    incident = await trouble.incident()
    await trouble.write(lambda s: end_page(s, trouble.equipment, incident))
    assert await trouble.outbox("pagerduty", "page_over") == []
    await trouble.write(lambda s: escalate(s, trouble.equipment, incident, "help"))
    over = await trouble.write(lambda s: resolve(s, trouble.equipment, incident, "Ben"))
    assert over.status is IncidentStatus.RESOLVED
    assert [row["payload"] for row in await trouble.outbox("pagerduty", "page_over")] == [
        {"dedup_key": page_key(incident)}
    ]
    assert (await trouble.entries())[-1].data == {"by": "Ben", "via": "slack"}
    assert (await trouble.incident()).status is IncidentStatus.RESOLVED


async def test_T46_a_page_is_redacted_before_it_is_stored_or_sent(trouble: Scene) -> None:
    incident = await trouble.incident()
    assert (await trouble.requests.escalate(incident.id, trouble.person("ana"), "log in with password=hunter2")).ok
    (page,) = await trouble.outbox("pagerduty", "page")
    assert page["payload"]["custom_details"]["reason"].startswith("log in with password=[redacted:")
    assert "hunter2" not in str(await trouble.outbox())
