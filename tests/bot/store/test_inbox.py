"""The inbox: answered means stored, once; full or broken means 503; kill -9 at any moment loses nothing answered."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import ConfigurationError, Permanent, Transient
from bot.store import inbox as inbox_module
from bot.store.inbox import CHECKPOINT_AFTER, IDLE_AFTER, Inbox

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
ROOT = Path(inbox_module.__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the file will be."""
    return tmp_path / "state" / "inbox.db"


@pytest.fixture
def inbox(place: Path) -> Iterator[Inbox]:
    """An empty inbox."""
    opened = Inbox.open(place)
    yield opened
    opened.close()


async def put(inbox: Inbox, key: str, body: bytes = b"{}") -> bool:
    """One delivery from PagerDuty."""
    return await inbox.accept("pagerduty", key, {"content-type": "application/json"}, body, NOW)


async def test_T21_a_repeat_is_stored_once_even_while_the_first_is_in_flight(inbox: Inbox) -> None:
    new = await asyncio.gather(*(put(inbox, f"key-{n % 10}", b"\x00\xff raw") for n in range(100)))
    assert new.count(True) == 10
    assert await inbox.accept("grafana", "key-1", {}, b"", NOW), "keys are per source"
    waiting = await inbox.take(100)
    assert len(waiting) == 11
    first = waiting[0]
    assert (first.source, first.key, first.body) == ("pagerduty", "key-0", b"\x00\xff raw")
    assert (first.headers, first.received_at) == ({"content-type": "application/json"}, NOW)


async def test_the_crowd_is_how_many_waited_at_once(inbox: Inbox) -> None:
    assert inbox.crowd == 0
    await put(inbox, "alone")
    await put(inbox, "alone again")
    assert inbox.crowd == 1
    senders = [asyncio.create_task(put(inbox, f"key-{n}")) for n in range(8)]
    await asyncio.sleep(0)
    inbox.count_anew()
    assert inbox.crowd == 8, "they wait still"
    senders[0].cancel()
    await asyncio.gather(*senders, return_exceptions=True)
    inbox.count_anew()
    assert inbox.crowd == 0


async def test_what_was_answered_is_on_disk(inbox: Inbox, place: Path) -> None:
    await put(inbox, "key")
    raw = sqlite3.connect(f"file:{place}?mode=ro", uri=True)
    assert raw.execute("SELECT key FROM inbox").fetchall() == [("key",)]
    raw.close()


async def test_oldest_first_until_done_or_quarantined(inbox: Inbox) -> None:
    for key in "abcd":
        await put(inbox, key)
    first, second, *_ = await inbox.take(2)
    assert [d.key for d in (first, second)] == ["a", "b"]
    await inbox.done([first.id])
    await inbox.done([])
    await inbox.quarantine(second.id, "not JSON \ud800")
    assert [d.key for d in await inbox.take(10)] == ["c", "d"]
    assert await inbox.counts() == {"queued": 0, "waiting": 2, "quarantined": 1}
    assert not await put(inbox, "a"), "a late repeat of a processed one is still a duplicate"
    assert [d.key for d in await inbox.take(10)] == ["c", "d"]


async def test_pruning_takes_only_processed_old_ones(inbox: Inbox) -> None:
    for key in "abc":
        await put(inbox, key)
    taken = await inbox.take(10)
    await inbox.done([taken[0].id])
    await inbox.quarantine(taken[1].id, "unreadable")
    assert await inbox.prune(NOW) == 0
    assert await inbox.prune(NOW + timedelta(seconds=1)) == 1
    assert await inbox.counts() == {"queued": 0, "waiting": 1, "quarantined": 1}


async def test_T62_too_many_waiting_is_transient(place: Path) -> None:
    inbox = Inbox.open(place, waiting=50)
    blocker = sqlite3.connect(place, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")  # the disk is slow: nothing can be committed
    tasks = [asyncio.create_task(put(inbox, f"key-{n}")) for n in range(200)]
    for _ in range(20):
        await asyncio.sleep(0.005)
    refused = [task for task in tasks if task.done()]
    assert len(refused) >= 100
    blocker.execute("ROLLBACK")
    blocker.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(r) for r in results if r is not True} == {Transient}
    assert (await inbox.counts())["waiting"] == results.count(True), "refused ones are not stored, answered ones are"
    inbox.close()


async def test_T62_a_full_file_is_transient_and_comes_back(place: Path) -> None:
    inbox = Inbox.open(place)
    await put(inbox, "a")
    pages = await inbox._do(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await inbox._do(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchone())
    with pytest.raises(Transient, match="full") as told:
        await put(inbox, "b", b"x" * 100_000)
    assert told.value.retry_after
    assert [d.key for d in await inbox.take(10)] == ["a"]
    assert await put(inbox, "b", b"x" * 100_000), "there is room again, and it was not stored the first time"
    inbox.close()


async def test_one_bad_row_does_not_harm_its_batch(inbox: Inbox) -> None:
    results = await asyncio.gather(
        put(inbox, "good-1"),
        inbox.accept("sour\ud800ce", "bad", {}, b"", NOW),
        inbox.accept("pagerduty", "odd\udcff", {"x": "\udcff"}, b"", NOW),
        put(inbox, "good-2"),
        return_exceptions=True,
    )
    assert [r if isinstance(r, bool) else type(r) for r in results] == [True, Permanent, True, True]
    assert not await inbox.accept("pagerduty", "odd\udcff", {}, b"", NOW)
    assert await inbox.accept("pagerduty", "odd\udcfe", {}, b"", NOW), "different bytes are different keys"


async def test_a_cancelled_sender_harms_nobody(inbox: Inbox) -> None:
    task = asyncio.create_task(put(inbox, "gone"))
    await asyncio.sleep(0)
    task.cancel()
    assert await put(inbox, "stays")
    assert {d.key for d in await inbox.take(10)} == {"gone", "stays"}


async def test_closing_stores_what_was_queued_and_refuses_more(place: Path) -> None:
    inbox = Inbox.open(place)
    tasks = [asyncio.create_task(put(inbox, f"key-{n}")) for n in range(300)]
    await asyncio.sleep(0)
    inbox.close()
    inbox.close()
    assert await asyncio.gather(*tasks) == [True] * 300
    for use in (put(inbox, "late"), inbox.take(1), inbox.done([1])):
        with pytest.raises(Transient):
            await use
    again = Inbox.open(place)
    assert (await again.counts())["waiting"] == 300
    again.close()


async def test_the_log_is_folded_back_when_nobody_waits(inbox: Inbox, place: Path) -> None:
    await asyncio.gather(*(put(inbox, f"key-{n}", b"x" * 4000) for n in range(CHECKPOINT_AFTER - 1)))
    before = place.stat().st_size
    await asyncio.sleep(2 * IDLE_AFTER)
    assert place.stat().st_size == before, "a few deliveries are not worth it"
    await put(inbox, "one more")
    async with asyncio.timeout(10):
        while place.stat().st_size < 4000 * CHECKPOINT_AFTER:
            await asyncio.sleep(0.02)
    assert await put(inbox, "and on it goes")
    assert (await inbox.counts())["waiting"] == CHECKPOINT_AFTER + 1


def test_a_place_that_cannot_be_used_names_the_fix(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    (tmp_path / "junk").write_bytes(b"not a database, whatever the name says" * 100)
    for bad in (tmp_path / "plain" / "inbox.db", tmp_path / "junk"):
        with pytest.raises(ConfigurationError, match="folder"):
            Inbox.open(bad)


STORM = """
import asyncio, os, sys
from datetime import UTC, datetime
from bot.store.inbox import Inbox

async def main(path, first, count):
    inbox = Inbox.open(path)
    now = datetime.now(UTC)
    async def sender(start):
        for number in range(first + start, first + count, 32):
            await inbox.accept("pagerduty", f"key-{number}", {}, b"x" * 500, now)
            os.write(1, b"%d\\n" % number)          # the 2xx leaves the process here
    await asyncio.gather(*(sender(start) for start in range(32)))
    inbox.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


@pytest.mark.kill
@pytest.mark.parametrize("after", [1, 200, 900])
async def test_B1_kill_9_in_a_storm_loses_nothing_answered_and_doubles_nothing(place: Path, after: int) -> None:
    answered: set[int] = set()
    for stop_after in (after, after + 37, None):  # killed, started again with the same senders, killed, finished
        storm = subprocess.Popen(
            [sys.executable, "-c", STORM, str(place), "0", "2000"], stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        assert storm.stdout is not None
        killed = False
        for seen, line in enumerate(storm.stdout, 1):
            answered |= {int(line)} if line.endswith("\n") else set()
            if seen == stop_after:
                os.kill(storm.pid, signal.SIGKILL)
                killed = True
        storm.stdout.close()
        assert storm.wait() == (-signal.SIGKILL if killed else 0)
        assert killed == (stop_after is not None)
        inbox = Inbox.open(place)
        stored = [int(d.key.removeprefix("key-")) for d in await inbox.take(10_000)]
        inbox.close()
        assert answered <= set(stored), "answered and lost"
        assert len(stored) == len(set(stored)), "stored twice"
    assert answered == set(range(2000))
