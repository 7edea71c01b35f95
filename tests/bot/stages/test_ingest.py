"""Ingest: what can be read becomes a signal, what cannot is kept apart, what means nothing is let go (T22)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from bot.incident import SignalKind
from bot.sources.pagerduty import PagerDutySource
from bot.stages.ingest import ingest
from bot.store.inbox import Delivered
from tests.fakes.equipment import START

SOURCES = {"pagerduty": PagerDutySource(("s3",), 600.0)}


def event(event_type: str = "incident.triggered", **about: Any) -> bytes:
    data = {"type": "incident", "id": "PINC1", "title": "ServiceDown: payments", **about}
    return json.dumps(
        {"event": {"id": "E1", "event_type": event_type, "occurred_at": START.isoformat(), "data": data}}
    ).encode()


def delivery(body: bytes, number: int = 1, source: str = "pagerduty", at: datetime = START) -> Delivered:
    return Delivered(number, source, f"K{number}", {}, body, at)


def test_a_readable_delivery_is_a_signal() -> None:
    found = ingest([delivery(event())], SOURCES)
    assert [(d.id, s.kind, s.external_id) for d, s in found.signals] == [(1, SignalKind.ALERT, "PINC1")]
    assert (found.quarantine, found.ignored) == ((), ())


UNREADABLE = {
    "not json": b"\xff\xfe{",
    "empty": b"",
    "a list": b"[]",
    "no event": b"{}",
    "null event": b'{"event": null}',
    "unknown type": event("incident.melted"),
    "no incident id": event(id=None),
    "a path for an id": event(id="../../users"),
    "deep": b'{"event":' * 5000 + b"1" + b"}" * 5000,
    "half": event()[:-9],
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_T22_unreadable_is_quarantined_with_a_reason_and_never_raises(body: bytes) -> None:
    found = ingest([delivery(body)], SOURCES)
    assert (found.signals, found.ignored) == ((), ())
    ((number, reason),) = found.quarantine
    assert number == 1
    assert 0 < len(reason) <= 300


def test_T22_one_bad_delivery_does_not_hold_up_the_others() -> None:
    found = ingest([delivery(b"{", 1), delivery(event(), 2), delivery(event("pagey.ping"), 3)], SOURCES)
    assert [d.id for d, _ in found.signals] == [2]
    assert [number for number, _ in found.quarantine] == [1]
    assert found.ignored == (3,)


def test_an_unknown_source_is_quarantined() -> None:
    found = ingest([delivery(event(), source="nobody")], SOURCES)
    assert found.quarantine == ((1, "no source is called 'nobody'"),)
