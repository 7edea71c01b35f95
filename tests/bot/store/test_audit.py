"""The audit table: chained as it is written, and unchangeable."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.audit import entry_hash, verify
from bot.errors import Permanent
from bot.store import audit
from bot.store.session import Store


async def append(store: Store, now: datetime, number: int) -> None:
    """One more row."""
    await store.write(
        lambda s: audit.append(s, now, "ada", "executed", f"run_{number}", {"number": number, "ratio": 0.5})
    )


async def test_rows_form_one_chain_whoever_writes(store: Store, url: str, now: datetime) -> None:
    async with await Store.open(url) as other:
        await asyncio.gather(*(append(store if n % 2 else other, now, n) for n in range(20)))
    rows = await store.read(audit.rows)
    found = await store.read(lambda s: verify(audit.every_row(s)))
    head = await store.read(audit.head)
    assert head is not None
    assert (found.ok, found.count, found.head) == (True, 20, head.hash)
    assert [row.seq for row in rows] == list(range(1, 21))
    assert rows[4].hash == entry_hash(rows[3].hash, rows[4].record())
    assert [row.seq for row in await store.read(lambda s: audit.rows(s, after=18))] == [19, 20]
    assert [row.seq for row in await store.read(lambda s: audit.rows(s, after=2, limit=2))] == [3, 4]


async def test_an_empty_chain_has_no_head(store: Store) -> None:
    assert await store.read(audit.head) is None
    assert await store.read(lambda s: verify(audit.every_row(s)).ok)


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit WHERE seq = 1"])
async def test_T66_the_database_refuses_to_change_a_row(store: Store, now: datetime, statement: str) -> None:
    await append(store, now, 1)
    with pytest.raises(Permanent, match="never changed"):
        await store.write(lambda s: s.connection().execute(text(statement)))
    assert await store.read(lambda s: verify(audit.every_row(s)).count) == 1


@pytest.mark.parametrize(
    ("sabotage", "bad"),
    [
        ("UPDATE audit SET data = '{}' WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("UPDATE audit SET seq = CASE seq WHEN 3 THEN -4 WHEN 4 THEN -3 END WHERE seq IN (3, 4)", 3),
    ],
)
async def test_T66_who_goes_around_the_triggers_is_found(
    store: Store, tmp_path: Path, now: datetime, sabotage: str, bad: int
) -> None:
    for number in range(5):
        await append(store, now, number)
    raw = sqlite3.connect(tmp_path / "countersign.db")
    raw.executescript(f"DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; {sabotage};")
    raw.execute("UPDATE audit SET seq = -seq WHERE seq < 0")
    raw.commit()
    raw.close()
    found = await store.read(lambda s: verify(audit.every_row(s)))
    assert (found.ok, found.first_bad_seq) == (False, bad)


@pytest.mark.parametrize(
    "data", [{"a": float("nan")}, {"a": 2**60}, {"a": float(2**53)}, {"a": "\ud800"}, {"a": object()}]
)
async def test_T63_what_cannot_be_audited_is_refused(store: Store, now: datetime, data: dict[str, Any]) -> None:
    with pytest.raises(Permanent, match="audit"):
        await store.write(lambda s: audit.append(s, now, "ada", "executed", "run_1", data))
    assert await store.read(audit.head) is None
