"""The poller: what a webhook missed comes in by itself, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Permanent, Transient
from bot.incident import IncidentStatus, Signal, SignalKind
from bot.sources.pagerduty import PagerDutySource
from bot.sources.poller import Poller

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
REST = Path(__file__).parents[4] / "shared" / "payloads" / "pagerduty_rest"


class Vendor:
    def __init__(self) -> None:
        self.incidents: dict[str, dict[str, Any]] = {}
        self.fails: Exception | None = None

    def put(self, name: str, status: str, minutes_ago: float = 10) -> None:
        at = (NOW - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
        made = self.incidents.get(name, {"created_at": at})
        self.incidents[name] = {**made, "id": name, "title": f"T {name}", "status": status, "last_status_change_at": at}

    async def open_incidents(self) -> list[dict[str, Any]]:
        if self.fails:
            raise self.fails
        return [dict(one) for one in self.incidents.values() if one["status"] != "resolved"]

    async def incident(self, incident_id: str) -> dict[str, Any]:
        if incident_id not in self.incidents:
            raise Permanent("not found")
        return dict(self.incidents[incident_id])


class Bot:
    """The inbox and what triage would make of it."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.keys: set[str] = set()
        self.signals: list[Signal] = []
        self.state: dict[str, str] = {}
        self.woken = 0
        self.slept: list[float] = []

    async def accept(self, source: str, key: str, headers: dict[str, str], body: bytes, received_at: datetime) -> bool:
        if key in self.keys:
            return False
        self.keys.add(key)
        assert PagerDutySource(("s",), 600).key(headers, body) == key
        signal = PagerDutySource(("s",), 600).read(headers, body, received_at)
        assert signal is not None
        assert signal.status is not None
        self.signals.append(signal)
        self.state[signal.external_id] = signal.status.value
        return True

    async def known(self, ids: Collection[str]) -> Collection[str]:
        return {one for one in ids if one in self.state}

    async def believed_open(self) -> dict[str, str]:
        return {one: status for one, status in self.state.items() if status != "resolved"}

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) >= 3:
            raise asyncio.CancelledError

    def wake(self) -> None:
        self.woken += 1

    def poller(self) -> Poller:
        return Poller(
            self.vendor,
            self,
            lambda: NOW,
            60.0,
            self.sleep,
            known=self.known,
            believed_open=self.believed_open,
            on_accepted=self.wake,
        )


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


async def test_T24_every_missed_open_incident_is_found_once(vendor: Vendor) -> None:
    for number in range(5):
        vendor.put(f"P{number}", "triggered")
    bot = Bot(vendor)
    bot.state["P0"] = "triggered"
    assert await bot.poller().once() == 4
    assert {signal.external_id for signal in bot.signals} == {"P1", "P2", "P3", "P4"}
    assert {signal.kind for signal in bot.signals} == {SignalKind.ALERT}
    assert bot.woken == 1
    assert await bot.poller().once() == 0
    assert bot.woken == 1


async def test_T24_an_hour_old_incident_is_not_stale_because_it_was_just_seen_open(vendor: Vendor) -> None:
    vendor.put("POLD", "triggered", minutes_ago=60)
    bot = Bot(vendor)
    await bot.poller().once()
    assert bot.signals[0].occurred_at == NOW - timedelta(minutes=60)
    assert "stale" not in bot.signals[0].details


async def test_a_missed_acknowledged_incident_comes_as_alert_and_then_acknowledged(vendor: Vendor) -> None:
    vendor.put("PACK", "triggered", minutes_ago=20)
    vendor.put("PACK", "acknowledged", minutes_ago=10)
    bot = Bot(vendor)
    assert await bot.poller().once() == 2
    assert [signal.kind for signal in bot.signals] == [SignalKind.ALERT, SignalKind.ACKNOWLEDGED]
    assert [signal.occurred_at for signal in bot.signals] == [NOW - timedelta(minutes=m) for m in (20, 10)]


async def test_T23_what_we_hold_open_and_is_resolved_there_is_resolved_here_again_and_again(vendor: Vendor) -> None:
    bot = Bot(vendor)
    vendor.put("PX", "triggered", minutes_ago=50)
    await bot.poller().once()
    for minutes in (40, 20):
        vendor.put("PX", "resolved", minutes_ago=minutes)
        assert await bot.poller().once() == 1
        assert bot.signals[-1].kind is SignalKind.RESOLVED
        assert bot.signals[-1].status is IncidentStatus.RESOLVED
        vendor.put("PX", "triggered", minutes_ago=minutes - 10)
        assert await bot.poller().once() == 1
        assert bot.signals[-1].kind is SignalKind.REOPENED


async def test_T23_a_lost_unacknowledge_is_found(vendor: Vendor) -> None:
    bot = Bot(vendor)
    bot.state["PU"] = "acknowledged"
    vendor.put("PU", "triggered")
    assert await bot.poller().once() == 1
    assert bot.signals[0].kind is SignalKind.UNACKNOWLEDGED


async def test_a_webhook_on_its_way_is_given_time(vendor: Vendor) -> None:
    vendor.put("PNEW", "triggered", minutes_ago=0.1)
    vendor.put("PDONE", "resolved", minutes_ago=0.1)
    bot = Bot(vendor)
    bot.state["PDONE"] = "triggered"
    assert await bot.poller().once() == 0


async def test_an_incident_that_is_gone_or_misnamed_does_not_stop_the_look(vendor: Vendor) -> None:
    bot = Bot(vendor)
    bot.state["PGONE"] = "triggered"
    vendor.incidents["x"] = {"id": "../../users", "status": "triggered"}
    vendor.put("PFINE", "triggered")
    assert await bot.poller().once() == 1


async def test_a_failed_look_waits_as_asked_and_looks_again(vendor: Vendor) -> None:
    vendor.fails = Transient("429", retry_after=90)
    bot = Bot(vendor)
    with pytest.raises(asyncio.CancelledError):
        await bot.poller().run()
    assert bot.slept == [90.0] * 3


async def test_the_vendors_rest_incident_becomes_a_readable_webhook(vendor: Vendor) -> None:
    path = REST / "get_incident.json"
    if not path.is_file():
        pytest.skip("../shared/payloads is not here")
    incident = json.loads(path.read_text())["incident"]
    vendor.incidents[incident["id"]] = incident
    bot = Bot(vendor)
    assert await bot.poller().once() == 2
    first, second = bot.signals
    assert first.title == "The server is on fire."
    assert first.service.id == "PIJ90N7"
    assert first.assignee_ids == ("PXPGF42",)
    assert second.status is IncidentStatus.ACKNOWLEDGED


async def test_one_look_asks_for_a_bounded_number_and_the_next_for_others(vendor: Vendor) -> None:
    bot = Bot(vendor)
    for number in range(250):
        bot.state[f"P{number}"] = "triggered"
        vendor.put(f"P{number}", "resolved")
    poller = bot.poller()
    found = [await poller.once() for _ in range(4)]
    assert max(found) == 100
    assert sum(found) == 250
