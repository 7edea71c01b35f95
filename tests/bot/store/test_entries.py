"""Entries keep their order."""

from __future__ import annotations

from datetime import datetime

from bot.store import entries
from bot.store.session import Store
from bot.transcript import Entry, EntryKind


async def test_entries_are_read_in_order_and_bounded(store: Store, now: datetime) -> None:
    made = [
        Entry(incident_id="inc_1", kind=EntryKind.STARTED, at=now, actor="bot", run_id=run, data={"n": n})
        for n, run in enumerate(["run_1", "run_2", "run_1", ""])
    ]
    stored = [await store.write(lambda s, e=each: entries.append(s, e)) for each in made]
    assert [each.seq for each in stored] == [1, 2, 3, 4]
    assert await store.read(lambda s: entries.for_incident(s, "inc_1")) == stored
    assert await store.read(lambda s: entries.for_incident(s, "inc_1", 2)) == stored[2:], "the newest, in order"
    assert await store.read(lambda s: entries.for_run(s, "run_1")) == [stored[0], stored[2]]
    assert await store.read(lambda s: entries.get(s, 2)) == stored[1]
    assert await store.read(lambda s: entries.get(s, 9)) is None
