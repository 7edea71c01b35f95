"""Planned work: an incident of ours, acknowledged, in the service's channel, with an entry and no page; starts nothing."""

from __future__ import annotations

from bot.incident import IncidentStatus, Severity
from bot.stages.planned_work import ASKED_IN_SLACK, open_planned
from bot.store import entries, incidents, runs
from tests.fakes.scene import Scene


async def test_what_somebody_asks_for_by_name_has_an_incident_and_a_thread(empty: Scene) -> None:
    service = empty.equipment.catalogue.named("payments", "prod")
    assert service is not None
    made = await open_planned(empty.equipment, service, "restart-service", empty.person("ana"))
    kept = await empty.read(lambda s: incidents.get(s, made.id))
    assert kept == made
    assert (made.source, made.status, made.severity) == (
        ASKED_IN_SLACK, IncidentStatus.ACKNOWLEDGED, Severity.INFO,
    )  # fmt: skip
    assert (made.service, made.environment, made.channel) == ("payments", "prod", "C0PAY")
    assert (made.title, made.assignees) == ("Ana asked for restart-service", ("Ana",))
    (opened,) = await empty.read(lambda s: entries.for_incident(s, made.id))
    assert (opened.kind.value, opened.actor, opened.data["title"]) == ("opened", "ana", made.title)


async def test_it_pages_nobody_and_starts_nothing(empty: Scene) -> None:
    service = empty.equipment.catalogue.named("payments", "prod")
    assert service is not None
    await open_planned(empty.equipment, service, "restart-service", empty.person("ana"))
    assert {row["destination"] for row in await empty.outbox()} == {"slack"}
    assert (await empty.read(runs.open_runs), empty.started) == ([], [])


async def test_asking_twice_is_two_pieces_of_work(empty: Scene) -> None:
    service = empty.equipment.catalogue.named("payments", "prod")
    assert service is not None
    made = [await open_planned(empty.equipment, service, "restart-service", empty.person("ana")) for _ in range(2)]
    assert len({one.id for one in made}) == len({one.external_id for one in made}) == 2
