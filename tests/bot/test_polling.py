"""Polling: the poller exists when it can ask, and asks the store the right questions (T24)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.polling import make_poller
from bot.store.inbox import Inbox
from tests.fakes.equipment import alert
from tests.fakes.scene import Scene, scene


class Vendor:
    def __init__(self, *listed: dict[str, Any]) -> None:
        self.listed = {one["id"]: one for one in listed}
        self.asked: list[str] = []

    async def open_incidents(self) -> list[dict[str, Any]]:
        return [one for one in self.listed.values() if one["status"] != "resolved"]

    async def incident(self, incident_id: str) -> dict[str, Any]:
        self.asked.append(incident_id)
        return self.listed[incident_id]


def listed(name: str, status: str) -> dict[str, Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    return {"id": name, "title": name, "status": status, "created_at": at, "last_status_change_at": at}


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as one:
        yield one


def configured(every: float) -> Any:
    return SimpleNamespace(file=SimpleNamespace(pagerduty=SimpleNamespace(poll_every=every)))


@pytest.mark.parametrize(("vendor", "every"), [(None, 60.0), (Vendor(), 0.0)])
async def test_without_a_token_or_switched_off_there_is_none(made: Scene, vendor: Vendor | None, every: float) -> None:
    clients: Any = SimpleNamespace(pagerduty=vendor)
    assert make_poller(configured(every), clients, None, made.equipment.store, lambda: None) is None  # type: ignore[arg-type]  # reason: not used


async def test_T24_what_a_webhook_missed_comes_in_and_what_we_know_does_not(made: Scene, tmp_path: Path) -> None:
    await made.fold(alert("E1", "PKNOWN"), alert("E2", "POVER"))
    vendor = Vendor(listed("PKNOWN", "triggered"), listed("PMISSED", "triggered"), listed("POVER", "resolved"))
    inbox, woken = Inbox.open(tmp_path / "inbox.db"), []
    clients: Any = SimpleNamespace(pagerduty=vendor)
    poller = make_poller(configured(60.0), clients, inbox, made.equipment.store, lambda: woken.append(1))
    assert poller is not None
    assert await poller.once() == 2
    told = {(one.source, b"PMISSED" in one.body, b"POVER" in one.body) for one in await inbox.take(10)}
    assert told == {("pagerduty", True, False), ("pagerduty", False, True)}
    assert vendor.asked == ["POVER"]
    assert woken
    inbox.close()
