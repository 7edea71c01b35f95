"""Still equipment: it has no hands, sees only what it was told, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from bot.simulation import examples
from bot.simulation.still import AT, Given, calendar_of, still
from bot.stages.enrich import observe
from guards import Policy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_it_knows_only_the_given_facts_and_has_no_adapter(folder: Path) -> None:
    service = examples.service(())
    async with still(
        catalogue=examples.catalogue(service),
        people=examples.people(),
        policy=examples.policy(),
        library=Given({}),
        facts={"health": {"status": 503}},
    ) as here:
        equipment = here.equipment
        health, state = await observe(equipment, service, None)
        assert equipment.adapters == {}
        assert (equipment.new_id("inc"), equipment.new_id("run")) == ("inc_simulated001", "run_simulated002")
        assert list(folder.iterdir())
    assert (health.value, health.gap) == ({"status": 503}, "")
    assert (state.value, state.gap) == ({}, "not given to this simulation")
    assert not list(folder.iterdir())


def test_the_freezes_that_the_policy_declares_are_in_force() -> None:
    freeze = {
        "name": "month-end",
        "environments": ["prod"],
        "start": "2026-11-18T09:00:00",
        "end": "2026-11-18T12:00:00",
        "timezone": "UTC",
    }
    policy = Policy.from_mapping({**examples.POLICY, "freezes": [freeze]})
    (period,) = calendar_of(policy)(AT).periods
    assert (period.kind, period.name) == ("freeze", "month-end")
