"""The store opens, migrates, serialises writes, and turns database failures into ours."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from bot.errors import ConfigurationError, Permanent, Transient
from bot.store.session import Store, parse_url


def bump(session: Session) -> int:
    """A read followed by a write, which two transactions at once would get wrong."""
    seen = session.connection().execute(text("SELECT count(*) FROM worker")).scalar_one()
    session.connection().execute(
        text("INSERT INTO worker (id, boot, beat_at) VALUES (:id, 'b', '2026')"), {"id": f"w{seen}"}
    )
    return int(seen)


def count(session: Session) -> int:
    """Rows of the table that `bump` fills."""
    return int(session.connection().execute(text("SELECT count(*) FROM worker")).scalar_one())


def half(session: Session) -> None:
    """A write that fails in the middle."""
    bump(session)
    raise Permanent("the audit cannot be written")


async def test_pragmas_are_those_of_the_design(store: Store) -> None:
    def ask(session: Session) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [session.connection().execute(text(f"PRAGMA {name}")).scalar_one() for name in names]

    assert await store.read(ask) == ["wal", 2, 1, 30_000]
    assert await store.write(ask) == ["wal", 2, 1, 30_000]


async def test_writes_are_serialised(store: Store) -> None:
    seen = await asyncio.gather(*(store.write(bump) for _ in range(40)))
    assert sorted(seen) == list(range(40))


async def test_a_look_after_a_write_sees_it_and_is_none_when_it_cannot_be_had(store: Store) -> None:
    assert await store.write_then(bump, count) == (0, 1)

    def full(_session: Session) -> int:
        raise Transient("the disk is full")

    assert await store.write_then(bump, full) == (1, None)
    assert await store.read(count) == 2
    with pytest.raises(Permanent):
        await store.write_then(half, count)
    assert await store.read(count) == 2


async def test_what_would_be_lost_is_refused(store: Store) -> None:
    with pytest.raises(TypeError, match="Core"):
        await store.write(lambda s: s.add(object()))
    with pytest.raises(TypeError, match="Statement"):
        await store.read(lambda s: s.execute(text("SELECT 1")))


async def test_a_connection_that_failed_is_replaced(store: Store) -> None:
    connections = []

    def broken(session: Session) -> None:
        connections.append(session.connection())
        raise sqlite3.OperationalError("disk I/O error")

    for _ in range(2):
        with pytest.raises(Transient, match="disk"):
            await store.write(broken)
    assert connections[0] is not connections[1]
    assert all(connection.closed for connection in connections)
    assert await store.write(bump) == 0


async def test_closing_waits_for_what_nobody_waits_for_any_more(url: str) -> None:
    store = await Store.open(url)
    task = asyncio.create_task(store.write(bump))
    await asyncio.sleep(0)
    task.cancel()
    await store.close()
    async with await Store.open(url) as again:
        assert await again.read(count) == 1
    with pytest.raises(Transient, match="closed"):
        await store.read(count)


async def test_two_stores_on_one_file_do_not_lose_a_write(store: Store, url: str) -> None:
    async with await Store.open(url) as other:
        seen = await asyncio.gather(*((store if n % 2 else other).write(bump) for n in range(20)))
    assert sorted(seen) == list(range(20))


async def test_T63_a_failure_rolls_the_whole_transaction_back(store: Store) -> None:
    with pytest.raises(Permanent, match="audit"):
        await store.write(half)
    assert await store.read(count) == 0


async def test_a_cancelled_caller_does_not_cut_a_write_in_two(store: Store) -> None:
    task = asyncio.create_task(store.write(bump))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await store.write(bump) in (0, 1)
    assert await store.read(count) in (1, 2)


async def test_reads_go_on_beside_a_write(store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "countersign.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await store.read(count) == 0
    other.execute("ROLLBACK")
    other.close()


async def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises(Permanent, match="read tried to write"):
        await store.read(bump)
    assert await store.read(count) == 0


async def test_a_mistake_in_sql_is_permanent(store: Store) -> None:
    with pytest.raises(Permanent, match="no such table"):
        await store.write(lambda s: s.connection().execute(text("SELECT * FROM nowhere")))


async def test_a_broken_constraint_is_permanent(store: Store) -> None:
    insert = text("INSERT INTO worker (id, boot, beat_at) VALUES ('same', 'b', '2026')")
    await store.write(lambda s: s.connection().execute(insert))
    with pytest.raises(Permanent, match="UNIQUE"):
        await store.write(lambda s: s.connection().execute(insert))


async def test_T62_a_full_disk_is_transient_and_passes(store: Store) -> None:
    pages = await store.write(lambda s: s.connection().execute(text("PRAGMA page_count")).scalar_one())
    await store.write(lambda s: s.connection().execute(text(f"PRAGMA max_page_count={pages}")))
    big = text("INSERT INTO worker (id, boot, beat_at) VALUES ('big', :blob, '2026')")
    with pytest.raises(Transient, match="full"):
        await store.write(lambda s: s.connection().execute(big, {"blob": "x" * 100_000}))
    assert await store.read(count) == 0
    await store.write(lambda s: s.connection().execute(text("PRAGMA max_page_count=1000000")))
    assert await store.write(bump) == 0


async def test_T62_a_read_only_database_is_transient(store: Store) -> None:
    await store.write(lambda s: s.connection().execute(text("PRAGMA query_only=ON")))
    with pytest.raises(Transient, match="readonly"):
        await store.write(bump)


async def test_T62_a_locked_database_is_transient(store: Store, tmp_path: Path) -> None:
    await store.write(lambda s: s.connection().execute(text("PRAGMA busy_timeout=20")))
    other = sqlite3.connect(tmp_path / "countersign.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Transient, match="locked"):
        await store.write(bump)
    other.execute("ROLLBACK")
    other.close()
    assert await store.write(bump) == 0


@pytest.mark.parametrize("bad", ["", "nonsense", "sqlite+aiosqlite://", "mysql://h/d", "oracle+x://h"])
def test_a_bad_address_names_the_fix(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        parse_url(bad)


async def test_a_folder_that_cannot_be_used_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="folder"):
        await Store.open(f"sqlite+aiosqlite:///{tmp_path}/file/countersign.db")


async def test_only_the_owner_may_read_the_file(store: Store, tmp_path: Path) -> None:
    await store.write(bump)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("countersign.db*")} == {0o600}
