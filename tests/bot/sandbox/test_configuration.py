"""The sandbox's files: what the shipped runbooks do is possible on what they describe."""

from __future__ import annotations

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
from guards import unguarded
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
