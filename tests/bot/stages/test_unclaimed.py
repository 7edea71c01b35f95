"""Unclaimed: people are called once to what nothing fits and nobody took, and a storm calls them a few times only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.incident import IncidentStatus, Severity, SignalKind
from bot.stages import unclaimed
from bot.stages.match import choose
from bot.stages.propose import offer, propose
from bot.stages.unclaimed import MOST, call_people
from bot.store import incidents
from tests.fakes.equipment import alert
from tests.fakes.scene import Scene, scene

AFTER = 120.0
UP = {"health": {"status": 200, "ok": True}, "state": {"state": "RUNNING"}}


async def nothing_fits(made: Scene) -> None:
    """Every open incident has been looked at, and no step was offered."""
    for incident in await made.read(lambda s: incidents.open_incidents(s, 100)):
        chosen, ranked = choose(made.equipment, incident, UP, [])
        proposal, _, data = offer(made.equipment, incident, chosen, ranked, UP)
        await made.write(lambda s, i=incident, p=proposal, d=data: propose(s, made.equipment, i.id, p, d))  # type: ignore[misc]  # reason: bound in the loop


@pytest.fixture
async def unknown(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        await made.fold(alert(severity=Severity.CRITICAL))
        await nothing_fits(made)
        yield made


async def test_X7_after_two_minutes_people_are_called_once_with_what_is_known(unknown: Scene) -> None:
    assert await call_people(unknown.equipment, AFTER) == 0
    unknown.clock.now += timedelta(seconds=AFTER)
    assert await call_people(unknown.equipment, AFTER) == 1
    assert await call_people(unknown.equipment, AFTER) == 0
    entry = (await unknown.entries())[-1]
    assert entry.kind.value == "escalated"
    assert "nobody took this within 2 minutes" in entry.data["reason"]
    assert "no safe step" in entry.data["reason"]
    assert [d for d in await unknown.outbox() if "page" in str(d)]


@pytest.mark.parametrize("change", ["acknowledged", "resolved", "offered", "minor", "off", "called"])
async def test_nobody_is_called_needlessly(unknown: Scene, change: str) -> None:
    incident = await unknown.incident()
    after = AFTER
    if change == "acknowledged":
        await unknown.write(
            lambda s: incidents.save(s, incident.model_copy(update={"status": IncidentStatus.ACKNOWLEDGED}))
        )
    elif change == "resolved":
        await unknown.write(
            lambda s: incidents.save(s, incident.model_copy(update={"status": IncidentStatus.RESOLVED}))
        )
    elif change == "minor":
        await unknown.write(lambda s: incidents.save(s, incident.model_copy(update={"severity": Severity.WARNING})))
    elif change == "offered":
        down = {"health": {"status": 0}, "state": {"state": "EXITED"}}
        chosen, ranked = choose(unknown.equipment, incident, down, [])
        proposal, _, data = offer(unknown.equipment, incident, chosen, ranked, down)
        await unknown.write(lambda s: propose(s, unknown.equipment, incident.id, proposal, data))
    elif change == "off":
        after = 0.0
    else:
        unknown.clock.now += timedelta(seconds=AFTER)
        assert await call_people(unknown.equipment, AFTER) == 1
    unknown.clock.now += timedelta(hours=1)
    assert await call_people(unknown.equipment, after) == 0


async def test_trouble_that_comes_back_is_waited_for_and_called_anew(unknown: Scene) -> None:
    """The page of yesterday was taken back when it was resolved: nobody is on it any more."""
    unknown.clock.now += timedelta(seconds=AFTER)
    assert await call_people(unknown.equipment, AFTER) == 1
    assert (await unknown.requests.resolve((await unknown.incident()).id, unknown.person("ana"))).ok
    unknown.clock.now += timedelta(days=1)
    await unknown.fold(alert("E2", kind=SignalKind.REOPENED, occurred_at=unknown.clock()))
    await nothing_fits(unknown)
    assert await call_people(unknown.equipment, AFTER) == 0, "somebody may still take it"
    unknown.clock.now += timedelta(seconds=AFTER)
    assert await call_people(unknown.equipment, AFTER) == 1
    unknown.clock.now += timedelta(seconds=AFTER)
    assert await call_people(unknown.equipment, AFTER) == 0
    assert (await unknown.kinds()).count("escalated") == 2
    assert len(await unknown.outbox("pagerduty", "page")) == 2


async def test_X14_a_storm_calls_people_a_few_times(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        for number in range(MOST + 3):
            await made.fold(alert(key=f"E{number}", incident=f"P{number}", severity=Severity.CRITICAL))
        await nothing_fits(made)
        made.clock.now += timedelta(seconds=AFTER)
        assert await call_people(made.equipment, AFTER) == MOST
        assert await call_people(made.equipment, AFTER) == 0
        made.clock.now += unclaimed.WINDOW + timedelta(seconds=1)
        assert await call_people(made.equipment, AFTER) == 3
