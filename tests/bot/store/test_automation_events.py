"""The documented SQL works as written (W6)."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

import pytest

from bot.store import automation_events
from bot.store.session import Store

DOCUMENTED = (
    "select action, count(*) as overrides from automation_events where status = 'requires_manual' "
    "group by action order by overrides desc"
)


async def test_the_documented_query_gives_the_overrides(store: Store, tmp_path: Path, now: datetime) -> None:
    told = [
        ("restart", "requires_manual"),
        ("clear", "requires_manual"),
        ("clear", "requires_manual"),
        ("clear", "failed"),
    ]
    for action, status in told:
        await store.write(
            lambda s, a=action, x=status: automation_events.add(
                s, now, a, "payments", "prod", x, "run_1", "inc_1", "rb", "ada", ("bob",), 1.5
            )
        )
    raw = sqlite3.connect(tmp_path / "countersign.db")
    assert raw.execute(DOCUMENTED).fetchall() == [("clear", 2), ("restart", 1)]
    assert raw.execute("select approvers, at from automation_events limit 1").fetchone() == (
        '["bob"]',
        "2026-11-21T12:00:00.000000Z",
    )
    raw.close()


async def test_only_documented_statuses(store: Store, now: datetime) -> None:
    with pytest.raises(ValueError, match="status"):
        await store.write(lambda s: automation_events.add(s, now, "a", "s", "e", "great", "", "", "", "", (), 0.0))
