"""Planned work: an incident of ours, acknowledged, in the service's channel, with an entry and no page; starts nothing."""

from __future__ import annotations

import asyncio
from functools import partial

from bot.incident import IncidentStatus, Severity
from bot.stages import closing, paging
from bot.stages.planned_work import ASKED_IN_SLACK, open_planned
from bot.store import entries, incidents, runs
from bot.transcript import Outcome
from tests.fakes.scene import Scene


async def test_what_somebody_asks_for_by_name_has_an_incident_and_a_thread(empty: Scene) -> None:
    service = empty.equipment.catalogue.named("payments", "prod")
    assert service is not None
    made, new = await open_planned(empty.equipment, service, "restart-service", empty.person("ana"))
    assert new
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


async def test_T05_asking_twice_at_once_is_one_piece_of_work(empty: Scene) -> None:
    service = empty.equipment.catalogue.named("payments", "prod")
    assert service is not None
    both = [open_planned(empty.equipment, service, "restart-service", empty.person(name)) for name in ("ana", "ben")]
    made = await asyncio.gather(*both)
    assert len({one.id for one, _ in made}) == 1
    assert sorted(new for _, new in made) == [False, True]


async def test_asking_again_when_it_is_over_is_another_piece_of_work(empty: Scene) -> None:
    service = empty.equipment.catalogue.named("payments", "prod")
    assert service is not None
    first, _ = await open_planned(empty.equipment, service, "restart-service", empty.person("ana"))
    await empty.write(lambda s: paging.resolve(s, empty.equipment, first, "ana"))
    second, new = await open_planned(empty.equipment, service, "restart-service", empty.person("ana"))
    assert new
    assert (first.id, first.external_id) != (second.id, second.external_id)


async def test_T05_two_people_who_ask_for_planned_work_at_once_start_one_run(empty: Scene) -> None:
    replies = await asyncio.gather(empty.ask("ana"), empty.ask("ben"))
    assert sorted((reply.ok, reply.name) for reply in replies) == [(False, "already"), (True, "done")]
    assert len(empty.started) == 1
    assert [run.state for run in await empty.read(runs.open_runs)] == ["waiting"]
    assert len(await empty.read(incidents.open_incidents)) == 1, "whoever came second must not close the first one's"


async def test_T51_a_command_that_a_crash_offers_again_begins_no_second_run_also_when_the_first_has_ended(
    empty: Scene,
) -> None:
    asked = partial(empty.requests.run_runbook, "restart-service", "payments", None, empty.person("ana"), "C0PAY")
    assert (await asked(once="13345224609.738474920.8088930838d88f008e0")).ok
    (run,) = await empty.read(runs.open_runs)
    assert run.id.startswith("run_")
    await closing.end(empty.equipment, run.id, Outcome.REFUSED, "nobody answered")
    again = await asked(once="13345224609.738474920.8088930838d88f008e0")
    assert (again.ok, again.name) == (False, "already")
    assert "before I was restarted" in again.data["text"]
    assert empty.started == [run.id]
    assert len(await empty.read(lambda s: incidents.open_incidents(s, 10))) <= 1
    assert (await asked(once="another command")).ok
    assert len(empty.started) == 2
