"""The demo service: its settings, its ledger, its answers."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.sandbox.demo_service import DemoService, Settings, Start, append_start, read_starts, write_settings


def fixed() -> datetime:
    return datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"mode": "normal"}, 200),
        ({"mode": "safe"}, 200),
        ({"mode": "slow", "slow_seconds": 0.01}, 200),
        ({"mode": "broken"}, 503),
        ({"mode": "sideways"}, 503),
        ({"mode": "normal", "stop_seconds": "soon"}, 503),
    ],
)
async def test_health_follows_the_settings_file(tmp_path: Path, values: dict[str, object], status: int) -> None:
    settings = tmp_path / "settings.json"
    write_settings(settings, **values)
    service = DemoService("payments", settings, clock=fixed, chance=random.Random(1))
    async with TestClient(TestServer(service.application())) as client:
        answer = await client.get("/health")
        assert answer.status == status
        charge = await client.post("/charge")
        assert charge.status == status


async def test_a_change_of_settings_needs_no_restart(tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    write_settings(settings, mode="broken", reason="cannot connect to ledger-db")
    service = DemoService("payments", settings, clock=fixed, chance=random.Random(1))
    async with TestClient(TestServer(service.application())) as client:
        broken = await client.get("/health")
        assert (await broken.json())["reason"] == "cannot connect to ledger-db"
        write_settings(settings, mode="normal")
        assert (await client.get("/health")).status == 200


@pytest.mark.parametrize("text", [None, "", "[]", "{", "null"])
def test_settings_that_cannot_be_read_mean_broken(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "settings.json"
    if text is not None:
        file.write_text(text)
    read = Settings.read(file)
    assert read.mode == "broken"
    assert "settings cannot be read" in read.reason


def test_the_ledger_has_one_line_for_each_start(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    assert read_starts(ledger) == []
    first, second = (
        Start("payments", 10, "2026-11-21T08:00:00+00:00"),
        Start("payments", 11, "2026-11-21T08:01:00+00:00"),
    )
    append_start(ledger, first)
    append_start(ledger, second)
    assert read_starts(ledger) == [first, second]
