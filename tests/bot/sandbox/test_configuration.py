"""The sandbox's files: what the shipped runbooks do is possible on what they describe."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.config import load
from bot.operations.base import PlanRequest
from bot.roster import OPERATIONS
from bot.sandbox import configuration
from bot.sandbox.configuration import Places, SandboxSettings
from bot.sandbox.demo_service import MODES, Settings, write_settings
from bot.sandbox.supervisor import Program
from bot.sandbox.worker_pool import WorkerPool
from guards import Policy, unguarded
from runbooks.load import BUILTIN, load_catalog
from runbooks.parameters import bind, validate

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    programs = tuple(
        Program(name, 18_000 + n, tmp_path / f"{name}.ledger", tmp_path / f"{name}.json", tmp_path / f"{name}.log")
        for n, name in enumerate(("payments", "checkout"))
    )
    return Places(tmp_path, 18_080, tmp_path / "supervisor.sock", programs)


@pytest.mark.parametrize("chosen", [{}, {"value": "normal"}])
def test_V2_the_shipped_setting_runbook_mends_the_demo_service(
    places: Places, tmp_path: Path, chosen: dict[str, Any]
) -> None:
    found = load(configuration.write(places, SandboxSettings(), NOW + timedelta(minutes=1)), {})
    service = found.catalogue.named("payments")
    assert service is not None
    entry = service.target("setting_file")
    assert entry is not None
    runbook = load_catalog([BUILTIN]).runbooks["roll-back-setting"]
    step = runbook.steps[0]
    given = bind(step, validate(runbook, {"target": entry.name, **chosen}))
    del given["target"]
    operation = OPERATIONS[step.action]
    request = PlanRequest(
        service, service.resolve(entry), entry, operation.parameters.model_validate(given), {}, step.deadline
    )
    act = unguarded(operation.plan)(request)
    file = tmp_path / "payments.json"
    assert act.request["path"] == str(file)
    write_settings(file, **{act.request["key"]: act.request["value"]})
    assert Settings.read(file).mode == act.request["value"] != "broken"


def test_every_mode_a_runbook_may_set_is_one_the_demo_service_has(places: Places) -> None:
    for service in configuration.services(places)["services"]:
        (target,) = [t for t in service["targets"] if t["kind"] == "setting_file"]
        assert set(target["settings"]["allowed"]["mode"]) == set(MODES) - {"broken"}


def test_a_story_may_put_any_key_into_the_policy(places: Places) -> None:
    usual = configuration.policy(SandboxSettings(), NOW)
    story = {"limits": [{"max": 1, "per": "service", "window": "1h"}], "scale": {"max_factor": 2}}
    changed = configuration.policy(SandboxSettings(policy=story), NOW)
    assert changed == {**usual, **story}
    settings = SandboxSettings(policy={"scale": {"ask_above_percent": 10, "max_factor": 2}})
    found = load(configuration.write(places, settings, NOW), {})
    assert Policy.from_mapping(found.policy).scale.max_factor == 2


def test_G7_the_shipped_scaling_runbook_fits_the_demos_pool(places: Places) -> None:
    pool = WorkerPool(total=12, running=6, unit_cost=0.4)
    found = load(configuration.write(replace(places, pool=pool), SandboxSettings(), NOW), {})
    service = found.catalogue.named("payments")
    assert service is not None
    entry = service.target("supervisor_pool")
    assert entry is not None
    assert service.facts["pool"].kind == "supervisor_pool"
    runbook = load_catalog([BUILTIN]).runbooks["scale-workers"]
    given = bind(runbook.steps[0], validate(runbook, {"target": entry.name}))
    del given["target"]
    operation = OPERATIONS["supervisor.scale"]
    facts = {"pool": {"running": 6, "names": pool.names(6)}}
    request = PlanRequest(
        service, service.resolve(entry), entry, operation.parameters.model_validate(given), facts, 60.0
    )
    act = unguarded(operation.plan)(request)
    assert act.request["names"] == pool.names(12)[6:]
    assert act.cost == 2.4
    without = load(configuration.write(places, SandboxSettings(), NOW), {}).catalogue.named("payments")
    assert without is not None
    assert without.target("supervisor_pool") is None
