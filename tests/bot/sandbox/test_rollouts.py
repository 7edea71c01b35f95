"""Versions of a demo service: what customers of a real one get, and what services.yaml says of it."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from bot.facts.figures import FiguresSettings
from bot.operations.command import HostSettings
from bot.sandbox import orchestrator
from bot.sandbox.demo_service import DemoService, write_settings
from bot.sandbox.rollouts import CANARY_WEIGHT, FIRST, NEXT, Rollouts


def service(folder: Path) -> DemoService:
    write_settings(folder / "payments.settings.json", mode="normal")
    return DemoService(
        "payments",
        folder / "payments.settings.json",
        clock=lambda: datetime(2026, 11, 21, 8, 0, tzinfo=UTC),
        chance=random.Random(1),
    )


async def customers(client: TestClient[Any, Any], count: int = 100) -> Counter[tuple[str, str, int]]:
    """Who answered how: (track, version, status) -> how often."""
    found: Counter[tuple[str, str, int]] = Counter()
    for _ in range(count):
        answer = await client.get("/orders")
        found[answer.headers.get("X-Track", ""), answer.headers.get("X-Version", ""), answer.status] += 1
    return found


async def test_a_bad_version_fails_for_its_share_and_the_roll_back_makes_it_well(tmp_path: Path) -> None:
    async with TestClient(TestServer(service(tmp_path).application())) as client:
        rollouts = Rollouts("payments", tmp_path, str(client.make_url("")).rstrip("/"), 0)
        rollouts.prepare()
        assert await customers(client) == {("stable", FIRST, 200): 100}
        rollouts.release(10.0)
        assert await customers(client) == {("stable", NEXT, 200): 90, ("stable", NEXT, 503): 10}
        assert (await client.get("/health")).status == 200, "the version says of itself that it is well"
        assert await rollouts.answering() == NEXT
        orchestrator.change(rollouts.file, orchestrator.undo)
        assert await customers(client) == {("stable", FIRST, 200): 100}
        assert await rollouts.answering() == FIRST


async def test_a_canary_hurts_its_own_share_until_it_is_taken_away(tmp_path: Path) -> None:
    async with TestClient(TestServer(service(tmp_path).application())) as client:
        rollouts = Rollouts("payments", tmp_path, "http://127.0.0.1:1", 0)
        rollouts.prepare()
        assert rollouts.canary == "none"
        rollouts.release_canary(25.0)
        assert rollouts.canary == "growing"
        found = await customers(client)
        assert found == {("stable", FIRST, 200): 80, ("canary", NEXT, 200): 15, ("canary", NEXT, 503): 5}
        orchestrator.change(rollouts.file, lambda rollout: orchestrator.hold(rollout, True))
        assert rollouts.canary == "paused"
        assert (await customers(client))["canary", NEXT, 503] == CANARY_WEIGHT * 0.25, "paused it serves its share"
        orchestrator.change(rollouts.file, orchestrator.abort)
        assert await customers(client) == {("stable", FIRST, 200): 100}
        rollouts.release(10.0)
        rollouts.mend()
        assert (rollouts.canary, rollouts.read().present.version) == ("none", FIRST)
        assert await rollouts.answering() == "", "nobody listens there"


async def test_without_an_orchestrator_nothing_differs(tmp_path: Path) -> None:
    async with TestClient(TestServer(service(tmp_path).application())) as client:
        assert await customers(client, 3) == {("", "", 200): 3}


def test_what_services_yaml_says_fits_the_bot(tmp_path: Path) -> None:
    rollouts = Rollouts("payments", tmp_path, "http://127.0.0.1:1", 9000)
    rollouts.prepare()
    (target,), facts = rollouts.entry()
    host = HostSettings.model_validate(target["settings"])
    assert host.names == {"namespace": "shop", "deployment": "payments", "rollout": "payments-canary"}
    assert set(host.allowed_programs) == {"kubectl", "kubectl-argo-rollouts"}
    assert all(Path(path).stat().st_mode & 0o777 == 0o700 for path in host.allowed_programs.values())
    assert set(facts) == {"errors", "deployment", "canary"}
    for fact in facts.values():
        (answer,) = FiguresSettings.model_validate(fact["settings"]).answers
        assert answer.url == "http://127.0.0.1:9000/figures"


async def test_it_starts_and_stops_twice(tmp_path: Path) -> None:
    rollouts = Rollouts("payments", tmp_path, "http://127.0.0.1:1", 0)
    rollouts.prepare()
    await rollouts.start()
    await rollouts.stop()
    await rollouts.stop()
    assert rollouts.canary == "none"
