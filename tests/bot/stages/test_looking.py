"""Looking again: new runbooks concern the open incidents that they are for, and not what a person took or skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.incident import IncidentStatus
from bot.stages.looking import concerned, unlooked
from bot.stages.match import choose
from bot.stages.propose import offer, propose
from bot.store import incidents, proposals
from runbooks.load import Catalogue
from tests.fakes.equipment import alert
from tests.fakes.scene import Scene, scene

DOWN = {"health": {"status": 503, "ok": False}, "state": {"state": "EXITED"}}
FITS = "restart-service"


@pytest.fixture
async def offered(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        await made.fold(alert())
        incident = await made.incident()
        chosen, ranked = choose(made.equipment, incident, DOWN, [])
        proposal, _, data = offer(made.equipment, incident, chosen, ranked, DOWN)
        await made.write(lambda s: propose(s, made.equipment, incident.id, proposal, data))
        assert proposal.runbook == FITS
        yield made


async def found(made: Scene, *renewed: str) -> list[str]:
    return [one.external_id for one in await made.read(lambda s: concerned(s, made.equipment, renewed))]


@pytest.mark.parametrize(
    ("renewed", "expected"),
    [((FITS,), ["PINC1"]), (("something-else", FITS), ["PINC1"]), (("something-else",), []), ((), [])],
)
async def test_only_runbooks_that_matter_here_ask_for_another_look(
    offered: Scene, renewed: tuple[str, ...], expected: list[str]
) -> None:
    assert await found(offered, *renewed) == expected


async def test_an_offered_runbook_that_is_gone_asks_for_another_look(offered: Scene) -> None:
    library = offered.equipment.library
    rest = {name: book for name, book in library.runbooks.items() if name != FITS}
    assert library.take(Catalogue(rest))
    assert await found(offered, FITS) == ["PINC1"]


@pytest.mark.parametrize("state", ["taken", "skipped", "superseded"])
async def test_what_a_person_took_or_skipped_is_left_alone(offered: Scene, state: str) -> None:
    incident = await offered.incident()
    current = await offered.read(lambda s: proposals.current(s, incident.id))
    assert current is not None
    await offered.write(lambda s: proposals.set_state(s, current.id, state))
    assert await found(offered, FITS) == []


async def test_a_resolved_incident_is_left_alone(offered: Scene) -> None:
    resolved = (await offered.incident()).model_copy(update={"status": IncidentStatus.RESOLVED})
    await offered.write(lambda s: incidents.save_all(s, [resolved]))
    assert await found(offered, FITS) == []
    assert await offered.read(unlooked) == []
