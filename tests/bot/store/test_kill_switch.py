"""Rows of the kill switch: engaged once, lifted once, kept."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest

from bot.store import kill_switch
from bot.store.session import Store
from guards.context import Stop


async def test_T55_a_stop_is_engaged_once_lifted_once_and_remembered(
    store: Store, tmp_path: Path, now: datetime
) -> None:
    tries = [store.write(lambda s, b=b: kill_switch.engage(s, "all", "", "storm", b, now)) for b in ("ada", "bob")]
    assert (await asyncio.gather(*tries)).count(True) == 1
    await store.write(lambda s: kill_switch.engage(s, "service", "payments", "loop", "ada", now))
    assert [(s.level, s.name) for s in await store.read(kill_switch.engaged)] == [("all", ""), ("service", "payments")]
    lifts = [store.write(lambda s: kill_switch.lift(s, "all", "", "over", "zoe", now)) for _ in range(3)]
    assert (await asyncio.gather(*lifts)).count(True) == 1
    assert await store.read(kill_switch.engaged) == (Stop("service", "payments", "loop", "ada"),)
    assert await store.write(lambda s: kill_switch.engage(s, "all", "", "again", "bob", now))
    raw = sqlite3.connect(tmp_path / "countersign.db")
    assert raw.execute("SELECT lifted_by, lifted_reason FROM stop WHERE lifted_at IS NOT NULL").fetchall() == [
        ("zoe", "over")
    ]
    raw.close()


@pytest.mark.parametrize("level", ["all", "monitor"])
async def test_T55_what_stands_for_everything_takes_no_name(store: Store, now: datetime, level: str) -> None:
    with pytest.raises(ValueError, match="take no name"):
        kill_switch.check(level, "payments")
    assert await store.write(lambda s: kill_switch.engage(s, level, "", "look only", "ada", now))
    assert await store.read(kill_switch.engaged) == (Stop(level, "", "look only", "ada"),)
    assert await store.write(lambda s: kill_switch.lift(s, level, "", "over", "ada", now))


@pytest.mark.parametrize(("level", "name"), [("watch", ""), ("Monitor", ""), ("", ""), ("service", "")])
def test_T34_a_level_that_is_none(level: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"level|name"):
        kill_switch.check(level, name)
