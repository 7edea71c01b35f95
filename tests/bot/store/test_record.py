"""`record`: redacted, stored, audited and queued together, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import text
from sqlmodel import Session

from bot.errors import Permanent
from bot.incident import Incident
from bot.redact import WITHHELD, Redactor
from bot.store import audit, entries, outbox
from bot.store.record import Routes, announce, card_changed, priority_of, record
from bot.store.session import Store
from bot.transcript import Entry, EntryKind

ALL = Routes(slack=True, pagerduty=True, jira=True, servicenow=True)


@pytest.fixture
def redactor() -> Redactor:
    """Knows one secret."""
    return Redactor(["s3cretvalue"], b"key")


def entry(now: datetime, kind: EntryKind = EntryKind.EXECUTED, run_id: str = "run_1") -> Entry:
    """One entry with a secret in it."""
    data = {"output": "login s3cretvalue ok", "ok": True}
    return Entry(incident_id="inc_1", kind=kind, at=now, actor="bot", run_id=run_id, data=data)


async def queued(store: Store, now: datetime) -> list[tuple[str, str, str, str, int]]:
    """Everything in the outbox, in order."""

    def work(session: Session) -> list[tuple[str, str, str, str, int]]:
        found = []
        for number in range(1, 100):
            row = outbox.get(session, number)
            if row is not None:
                assert row.created_at == now
                found.append((row.destination, row.kind, row.lane, row.subject, row.priority))
        return found

    return await store.read(work)


async def test_T46_an_entry_is_redacted_before_it_is_stored_anywhere(
    store: Store, redactor: Redactor, now: datetime
) -> None:
    stored = await store.write(lambda s: record(s, entry(now), ALL, redactor=redactor, priority=0))
    kept = await store.read(lambda s: entries.get(s, stored.seq))
    chained = await store.read(audit.head)
    assert kept == stored
    assert chained is not None
    assert "s3cretvalue" not in json.dumps([stored.data, chained.data])
    assert "[redacted:secret:" in stored.data["output"]
    assert (chained.event, chained.subject, chained.actor) == ("executed", "run_1", "bot")
    assert chained.data == {"entry": stored.seq, "incident": "inc_1", "data": stored.data}


async def test_an_entry_goes_where_the_table_says(store: Store, redactor: Redactor, now: datetime) -> None:
    await store.write(lambda s: record(s, entry(now), ALL, redactor=redactor, priority=0))
    assert await queued(store, now) == [
        ("slack", "summary", "inc_1", "inc_1", 0),
        ("slack", "card", "inc_1", "run_1", 0),
        ("slack", "entry", "inc_1", "1", 0),
        ("pagerduty", "note", "inc_1", "1", 0),
        ("jira", "comment", "inc_1", "1", 0),
        ("servicenow", "comment", "inc_1", "1", 0),
    ]


async def test_many_entries_edit_one_summary_and_one_card(store: Store, redactor: Redactor, now: datetime) -> None:
    only_slack = Routes(slack=True, pagerduty=False, jira=False, servicenow=False)
    for kind in (EntryKind.PROPOSED, EntryKind.ASKED, EntryKind.VOTED, EntryKind.APPROVED):
        await store.write(lambda s, k=kind: record(s, entry(now, k), only_slack, redactor=redactor))
    kinds = [kind for _, kind, *_ in await queued(store, now)]
    assert kinds == ["summary", "card", "entry"]


async def test_no_route_and_no_incident_queue_nothing(store: Store, redactor: Redactor, now: datetime) -> None:
    none = Routes(slack=False, pagerduty=False, jira=False, servicenow=False)
    await store.write(lambda s: record(s, entry(now), none, redactor=redactor))
    about_all = Entry(incident_id="", kind=EntryKind.KILLED, at=now, actor="ada", data={"level": "all"})
    await store.write(lambda s: record(s, about_all, ALL, redactor=redactor))
    assert await queued(store, now) == []
    assert len(await store.read(audit.rows)) == 2


async def test_T63_when_the_audit_cannot_be_written_nothing_is(store: Store, redactor: Redactor, now: datetime) -> None:
    refuse = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no audit'); END"
    await store.write(lambda s: s.connection().execute(text(refuse)))
    with pytest.raises(Permanent, match="no audit"):
        await store.write(lambda s: record(s, entry(now), ALL, redactor=redactor))
    assert await store.read(lambda s: entries.for_incident(s, "inc_1")) == []
    assert await queued(store, now) == []


async def test_T46_odd_data_is_made_fit_or_withheld_never_raised(
    store: Store, redactor: Redactor, now: datetime
) -> None:
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    odd = entry(now).model_copy(update={"data": {"nan": float("nan"), "big": 2**70, "lone": "\ud800", "deep": deep}})
    stored = await store.write(lambda s: record(s, odd, ALL, redactor=redactor))
    assert stored.data["nan"] == "nan"
    assert stored.data["big"] == str(2**70)
    assert WITHHELD in json.dumps(stored.data["deep"])


async def test_announce_and_card_only_edit(store: Store, incident: Callable[..., Incident], now: datetime) -> None:
    await store.write(lambda s: announce(s, incident(severity="critical"), ALL))
    await store.write(lambda s: announce(s, incident(severity="critical"), ALL))
    await store.write(lambda s: card_changed(s, incident(severity="critical"), "run_1", ALL))
    assert await queued(store, now) == [
        ("slack", "summary", "inc_1", "inc_1", 0),
        ("slack", "card", "inc_1", "run_1", 0),
    ]
    quiet = Routes(slack=False, pagerduty=False, jira=False, servicenow=False)
    await store.write(lambda s: announce(s, incident(2), quiet))
    assert len(await queued(store, now)) == 2
    assert await store.read(audit.rows) == []


def test_priorities_follow_severity(incident: Callable[..., Incident]) -> None:
    found = [priority_of(incident(severity=severity).severity) for severity in ("critical", "error", "warning", "info")]
    assert found == [0, 1, 5, 5]
