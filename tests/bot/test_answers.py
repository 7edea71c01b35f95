"""Answers: what is open, what was done and by whom, and which runbooks there are. Nothing changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.answers import SHOWN
from runbooks.load import Catalogue, Problem
from tests.fakes.equipment import alert
from tests.fakes.scene import Scene, scene

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
async def trouble(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        await made.fold(alert())
        yield made


async def test_status_lists_open_incidents_stops_and_services(trouble: Scene) -> None:
    await trouble.requests.kill("service", "checkout", "why", trouble.person("ana"))
    await trouble.ask()
    reply = await trouble.requests.status(None)
    assert (reply.ok, reply.name) == (True, "status")
    (line,) = reply.data["incidents"]
    assert (line["status"], line["severity"], line["environment"]) == ("acknowledged", "critical", "prod")
    assert [run["runbook"] for run in line["running"]] == ["restart-service"]
    assert [stop["name"] for stop in reply.data["stops"]] == ["checkout"]
    assert [service["name"] for service in reply.data["services"]] == ["payments"]


async def test_status_of_one_service_and_of_none_we_know(trouble: Scene) -> None:
    known = await trouble.requests.status("payments")
    assert len(known.data["incidents"]) == 1
    unknown = await trouble.requests.status("checkout")
    assert (unknown.ok, unknown.data["code"]) == (False, "unknown_service")
    assert "payments" in unknown.data["remedy"]


async def test_status_is_bounded_in_a_storm(trouble: Scene) -> None:
    await trouble.fold(*(alert(f"S{n}", f"PSTORM{n}") for n in range(50)))
    assert len((await trouble.requests.status(None)).data["incidents"]) == SHOWN


async def test_history_names_outcome_requester_and_approvers(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote("ben")
    await trouble.carry_out()
    (line,) = (await trouble.requests.history("payments")).data["runs"]
    assert (line["outcome"], line["requester"], line["approvers"]) == ("succeeded", "Ana", ["Ben"])
    assert line["finished_at"]
    assert (await trouble.requests.history("checkout")).data["runs"] == []


async def test_history_shows_a_run_that_is_still_open(trouble: Scene) -> None:
    await trouble.ask()
    (line,) = (await trouble.requests.history(None)).data["runs"]
    assert (line["outcome"], line["finished_at"], line["approvers"]) == ("waiting", "", [])


async def test_so_far_tells_everything_about_one_incident(trouble: Scene) -> None:
    incident = await trouble.incident()
    reply = await trouble.requests.so_far(incident.id)
    assert reply.data["incident"]["id"] == incident.id
    assert [entry.kind.value for entry in reply.data["entries"]] == ["opened"]
    assert await trouble.requests.transcript(incident.id) == await trouble.entries()


@pytest.mark.parametrize("incident_id", ["", "inc_404"])
async def test_so_far_of_nothing(trouble: Scene, incident_id: str) -> None:
    reply = await trouble.requests.so_far(incident_id)
    assert (reply.ok, reply.data["code"]) == (False, "unknown_incident")
    assert await trouble.requests.transcript(incident_id) == []


async def test_runbooks_are_listed_with_where_they_are_for(trouble: Scene) -> None:
    found = {line["id"]: line for line in (await trouble.requests.list_runbooks()).data["runbooks"]}
    assert found["clear-cache"]["scopes"] == ["staging"]
    assert found["restart-service"]["scopes"] == ["dev", "prod", "staging"]
    assert list(found) == sorted(found)
    assert found["restart-service"]["waits_for"] == []


async def test_T38_a_catalogue_that_is_not_in_force_is_seen_where_people_look(trouble: Scene) -> None:
    library = trouble.equipment.library
    well = (await trouble.requests.status(None)).data["catalogue"]
    assert (well["problems"], well["first"]) == (0, "")
    library.take(Catalogue(problems=(Problem("/etc/books/a.yaml", 3, 1, "titel is unknown.", "write title."),)), NOW)
    try:
        for reply in (await trouble.requests.status(None), await trouble.requests.list_runbooks()):
            found = reply.data["catalogue"]
            assert found == {
                "problems": 1,
                "first": "a.yaml:3: titel is unknown. Fix: write title.",
                "since": library.since,
            }
    finally:
        library.problems = ()


async def test_a_runbook_is_shown_as_it_is_written(trouble: Scene) -> None:
    shown = (await trouble.requests.show_runbook("restart-service")).data["runbook"]
    assert [step["with"] for step in shown["steps"]][1] == {"target": "${target}"}
    missing = await trouble.requests.show_runbook("no-such")
    assert (missing.ok, missing.data["code"]) == (False, "unknown_runbook")


async def test_a_person_who_left_is_shown_by_id(trouble: Scene) -> None:
    assert trouble.requests.name_of("ana") == "Ana"
    assert trouble.requests.name_of("gone") == "gone"


async def test_reading_writes_nothing(trouble: Scene) -> None:
    before = (await trouble.entries(), await trouble.outbox())
    for ask in (
        trouble.requests.status(None), trouble.requests.history(None), trouble.requests.list_runbooks(),
        trouble.requests.show_runbook("clear-cache"), trouble.requests.so_far((await trouble.incident()).id),
    ):  # fmt: skip
        assert (await ask).ok
    assert (await trouble.entries(), await trouble.outbox()) == before


async def test_R8_what_failed_is_marked_in_the_list_and_shown_with_where_it_is_promoted(trouble: Scene) -> None:
    async def told() -> tuple[str, str, list[str]]:
        listed = {line["id"]: line for line in (await trouble.requests.list_runbooks()).data["runbooks"]}
        shown = (await trouble.requests.show_runbook("restart-service")).data
        return listed["restart-service"]["review"], shown["review"], shown["promoted"]

    assert await told() == ("", "", ["prod (by Cora, 2020-01-01)", "staging (by Cora, 2020-01-01)"])
    trouble.world.mends = False
    assert (await trouble.ask()).ok
    assert (await trouble.vote("ben")).ok
    assert await trouble.carry_out() == "failed"
    words = f"{trouble.started[0]} failed in prod on 2026-11-21"
    assert (await told())[:2] == (words, words)
