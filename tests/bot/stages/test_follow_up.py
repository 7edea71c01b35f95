"""Follow-up: a broken glass asks for a review by a ticket of its own, once, and the transcript links it (T14)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.services import Catalogue
from bot.stages import follow_up
from tests.bot.test_ticketing import WHY, glass
from tests.fakes.equipment import SERVICES, alert
from tests.fakes.scene import Scene, scene


@pytest.fixture(params=["jira", "servicenow", "both", "none"])
async def broken(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Scene, str]]:
    """A scene with these ticket systems, and the one that the follow-up belongs to."""
    has = {"jira": request.param in ("jira", "both"), "servicenow": request.param in ("servicenow", "both")}
    entry = {**SERVICES["services"][0], "tickets": {"jira_project": "OPS", "servicenow": True}}
    async with scene(tmp_path, catalogue=Catalogue.model_validate({"services": [entry]}), **has) as made:
        await made.fold(alert())
        yield made, "jira" if has["jira"] else "servicenow" if has["servicenow"] else ""


async def said(made: Scene, kind: str) -> list[dict[str, Any]]:
    return [entry.data for entry in await made.entries() if entry.kind.value == kind]


async def test_T14_one_ticket_is_queued_after_the_line_that_asks_for_it(broken: tuple[Scene, str]) -> None:
    made, system = broken
    run_id = await glass(made)
    review = {"reason": WHY, "by": "ana", "outcome": "succeeded", "system": system}
    assert await said(made, "review_needed") == [review]
    queued = await made.outbox(kind="follow_up")
    assert [(row["destination"], row["subject"]) for row in queued] == ([(system, run_id)] if system else [])
    if system:
        incident = await made.incident()
        before = [row for row in await made.outbox(system, "comment") if row["id"] < queued[0]["id"]]
        lines = {entry.seq: entry.kind.value for entry in await made.entries()}
        assert lines[int(before[-1]["subject"])] == "review_needed"
        assert queued[0]["lane"] == queued[0]["incident_id"] == incident.id


async def test_T14_T64_told_twice_it_is_linked_once(broken: tuple[Scene, str]) -> None:
    made, system = broken
    run_id = await glass(made)
    for _ in range(2):
        await follow_up.opened(made.equipment, system or "jira", run_id, "OPS-7", "http://jira/OPS-7")
    link = {"key": "OPS-7", "url": "http://jira/OPS-7", "system": system or "jira"}
    assert await said(made, "follow_up") == [link]
    (ticket,) = await made.read(lambda s: follow_up.of(s, run_id))
    assert (ticket.key, ticket.incident_id) == ("OPS-7", run_id)


async def test_a_follow_up_of_a_run_that_is_gone_is_no_failure(broken: tuple[Scene, str]) -> None:
    made, _ = broken
    await follow_up.opened(made.equipment, "jira", "run_404", "OPS-7", "http://jira/OPS-7")
    assert "follow_up" not in await made.kinds()


async def test_a_run_without_a_broken_glass_has_none(broken: tuple[Scene, str]) -> None:
    made, _ = broken
    assert (await made.ask()).ok
    await made.vote("ben")
    assert await made.carry_out() == "succeeded"
    assert await made.outbox(kind="follow_up") == []
    assert "review_needed" not in await made.kinds()
