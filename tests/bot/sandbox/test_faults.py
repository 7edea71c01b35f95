"""Faults are real and stay inside: a process that hangs, a service that lies, a port that refuses, a folder that is full."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.errors import Permanent
from bot.facts.disk import size_below
from bot.sandbox import faults
from bot.sandbox.demo_service import DemoService, Settings, write_settings
from bot.sandbox.faults import Database, DiskArea
from bot.sandbox.gameday.world import stopped
from bot.sandbox.supervisor import Program, ProgramState
from bot.sandbox.workspace import free_port

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    made = Program("payments", free_port(), tmp_path / "ledger", tmp_path / "settings.json", tmp_path / "log")
    write_settings(made.settings, mode="normal", stop_seconds=2.5)
    return made


async def statuses(program: Program, path: str, times: int = 1) -> list[int]:
    service = DemoService("payments", program.settings, clock=lambda: NOW, chance=random.Random(1))
    async with TestClient(TestServer(service.application())) as client:
        return [(await client.get(path)).status for _ in range(times)]


# -- a process that hangs ----------------------------------------------------------------------------------------------
class OneProgram:
    """What `wedge` needs of a supervisor: the process id of a program."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    async def state(self, name: str) -> ProgramState:
        return ProgramState(name, "RUNNING" if self._pid else "STOPPED", self._pid, "")


@pytest.fixture
def sleeper() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
async def test_a_wedged_process_lives_and_is_stopped(sleeper: int) -> None:
    assert stopped({"payments": sleeper}) == ()
    assert await faults.wedge(OneProgram(sleeper), "payments") == sleeper  # type: ignore[arg-type]  # reason: one method of it
    deadline = time.monotonic() + 5
    while not stopped({"payments": sleeper, "gone": 2**22 + 1}) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert stopped({"payments": sleeper, "gone": 2**22 + 1}) == ("payments",)


async def test_what_does_not_run_cannot_hang() -> None:
    with pytest.raises(Permanent, match="does not run"):
        await faults.wedge(OneProgram(0), "payments")  # type: ignore[arg-type]  # reason: one method of it


def test_without_proc_nobody_says_that_nothing_hangs(tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        stopped({"payments": 1}, proc=tmp_path)


# -- a service that misbehaves -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("how", "health", "orders"),
    [
        ({}, [200] * 4, [200] * 4),
        ({"mode": "broken", "health_lies": True}, [200] * 4, [503] * 4),
        ({"error_percent": 100}, [503] * 4, [503] * 4),
        ({"error_percent": 50}, [200, 503, 200, 503], [200, 503, 200, 503]),
        ({"error_percent": 0}, [200] * 4, [200] * 4),
        ({"mode": "slow", "slow_seconds": 0.01}, [200] * 4, [200] * 4),
    ],
)
async def test_each_way_to_misbehave(
    program: Program, how: dict[str, Any], health: list[int], orders: list[int]
) -> None:
    faults.misbehave(program, None, **how)
    assert await statuses(program, "/health", 4) == health
    assert await statuses(program, "/orders", 4) == orders
    assert json.loads(program.settings.read_text())["stop_seconds"] == 2.5, "what was set before stays"


@pytest.mark.parametrize(("whose", "status"), [("this process", 503), ("another", 200), ("any", 503)])
async def test_a_new_process_is_free_of_a_fault_of_the_old_one(program: Program, whose: str, status: int) -> None:
    pid = {"this process": os.getpid(), "another": 1, "any": None}[whose]
    faults.misbehave(program, pid, error_percent=100)
    assert await statuses(program, "/orders") == [status]


async def test_a_later_fault_is_not_bound_to_the_process_of_an_earlier_one(program: Program) -> None:
    faults.misbehave(program, 1, error_percent=100)
    faults.misbehave(program, None, error_percent=100)
    assert await statuses(program, "/health") == [503]


@pytest.mark.parametrize("values", [{"error_percent": "many"}, {"mode": "sideways"}])
def test_settings_that_make_no_sense_are_broken(program: Program, values: dict[str, object]) -> None:
    faults.misbehave(program, None, **values)
    assert Settings.read(program.settings).mode == "broken"


async def test_a_dead_database_breaks_the_service_and_safe_mode_does_without_it(program: Program) -> None:
    database = Database(free_port())
    await database.start()
    await database.start()
    faults.misbehave(program, None, database=database.address)
    try:
        assert await statuses(program, "/health") == [200]
        await database.stop()
        await database.stop()
        assert await statuses(program, "/orders") == [503]
        faults.misbehave(program, None, mode="safe")
        assert await statuses(program, "/orders") == [200]
        faults.misbehave(program, None, mode="normal", database="nonsense")
        assert await statuses(program, "/orders") == [503]
    finally:
        await database.stop()


# -- a folder that is full ---------------------------------------------------------------------------------------------
@pytest.fixture
def area(tmp_path: Path) -> DiskArea:
    made = DiskArea(tmp_path / "area", 1 << 20, ("tmp", "old-logs"), ("data/ledger.db",))
    made.prepare()
    return made


@pytest.mark.parametrize("percent", [20.0, 50.0, 92.0, 100.0])
@pytest.mark.parametrize("old", [True, False])
def test_an_area_is_filled_to_the_byte_and_no_further(area: DiskArea, percent: float, old: bool) -> None:
    now = time.time()
    assert area.fill(percent, now, old=old) == pytest.approx(percent, abs=0.01)
    assert area.used() <= area.size
    assert size_below(str(area.root)) == area.used(), "the bot counts the same"
    ages = sorted(now - file.stat().st_mtime > 20 * faults.DAY for file in area.root.rglob("fill-*"))
    assert ages[-1:] == [old and len(ages) > 1]
    assert ages[0] is False, "one file of it is of today"
    assert area.lost() == ()


@pytest.mark.parametrize("percent", [0.0, -1.0, 101.0])
def test_an_area_cannot_be_fuller_than_full(area: DiskArea, percent: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        area.fill(percent, 0.0)


def test_what_must_stay_is_missed(area: DiskArea) -> None:
    (area.root / "data" / "ledger.db").unlink()
    assert area.lost() == ("data/ledger.db",)


def test_a_fuller_area_is_not_emptied(area: DiskArea) -> None:
    area.fill(90.0, time.time())
    assert area.fill(50.0, time.time()) == pytest.approx(90.0, abs=0.01)
