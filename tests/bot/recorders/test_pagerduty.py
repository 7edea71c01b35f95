"""The PagerDuty recorder against the calls it makes."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import Ambiguous, Permanent
from bot.incident import SignalKind
from bot.recorders.base import Delivery, Recorder
from bot.recorders.pagerduty import NOTE_CHARACTERS, PagerDutyRecorder


class Calls:
    """PagerDuty as a list of what was asked of it. lose: answers of new notes are lost although they are written."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.written: list[dict[str, Any]] = [{"id": "N0", "content": "a person said [cs-5] here"}, {"id": "NX"}]
        self.lose = False

    async def notes(self, incident_id: str) -> list[dict[str, Any]]:
        self.asked.append(("notes", incident_id))
        return self.written

    async def add_note(self, incident_id: str, content: str) -> str:
        self.asked.append(("add_note", incident_id, content))
        self.written.append({"id": f"N{len(self.written)}", "content": content})
        if self.lose:
            raise Ambiguous("no answer")
        return str(self.written[-1]["id"])

    async def set_status(self, incident_id: str, status: str) -> None:
        self.asked.append(("set_status", incident_id, status))

    async def reassign(self, incident_id: str, user_ids: list[str]) -> None:
        self.asked.append(("reassign", incident_id, user_ids))

    async def trigger_event(self, **event: Any) -> str:
        self.asked.append(("trigger_event", event))
        return str(event["dedup_key"])


async def render_text(destination: str, seq: int) -> str:
    return f"entry {seq} for {destination}"


async def external_id(incident_id: str) -> str:
    return {"inc_1": "PINC1"}.get(incident_id, "")


def delivery(kind: str, subject: str = "7", **changes: Any) -> Delivery:
    return Delivery(
        **{
            "id": 5,
            "destination": "pagerduty",
            "lane": "inc_1",
            "kind": kind,
            "incident_id": "inc_1",
            "subject": subject,
            **changes,
        }
    )


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def recorder(calls: Calls) -> Recorder:
    return PagerDutyRecorder(calls, external_id, render_text)


async def test_a_note_is_written_with_its_marker_and_without_a_look(calls: Calls, recorder: Recorder) -> None:
    assert await recorder.deliver(delivery("note")) == "N2"
    assert calls.asked == [("add_note", "PINC1", "entry 7 for pagerduty\n[cs-5]")]


async def test_T64_a_note_that_was_written_is_found_by_its_marker(calls: Calls, recorder: Recorder) -> None:
    calls.lose = True
    with pytest.raises(Ambiguous):
        await recorder.deliver(delivery("note"))
    assert await recorder.deliver(delivery("note", maybe_sent=True)) == "N2"
    assert [asked[0] for asked in calls.asked] == ["add_note", "notes"]


async def test_T64_a_note_that_was_not_written_is_written_after_the_look(calls: Calls, recorder: Recorder) -> None:
    assert await recorder.deliver(delivery("note", maybe_sent=True)) == "N2"  # a quoted marker is no proof
    assert [asked[0] for asked in calls.asked] == ["notes", "add_note"]


async def test_status_and_reassignment(calls: Calls, recorder: Recorder) -> None:
    assert await recorder.deliver(delivery("status", "PINC1", payload={"status": "resolved"})) == "resolved"
    assert await recorder.deliver(delivery("reassign", "PINC1", payload={"user_ids": ["PU1", "PU2"]})) == "PU1,PU2"
    assert calls.asked == [("set_status", "PINC1", "resolved"), ("reassign", "PINC1", ["PU1", "PU2"])]


async def test_a_page_repeats_with_the_same_dedup_key(calls: Calls, recorder: Recorder) -> None:
    payload = {
        "summary": "down",
        "source": "payments",
        "severity": "error",
        "dedup_key": "countersign/inc_1",
        "custom_details": {"reason": "x"},
        "url": "https://acme.example/1",
    }
    for maybe_sent in (False, True):
        page = delivery("page", "PINC1", payload=payload, maybe_sent=maybe_sent)
        assert await recorder.deliver(page) == "countersign/inc_1"
    first, second = calls.asked
    assert first == second
    assert first[1]["links"] == [{"href": "https://acme.example/1", "text": "Incident"}]
    assert first[1]["severity"] == "error"


async def test_a_page_needs_no_pagerduty_incident_and_has_a_key_of_its_own(calls: Calls, recorder: Recorder) -> None:
    assert await recorder.deliver(delivery("page", incident_id="inc_2", payload={})) == "countersign/inc_2"
    assert calls.asked[0][1]["severity"] == "critical"


@pytest.mark.parametrize(
    "wrong",
    [
        delivery("note", incident_id="inc_2"),
        delivery("status", incident_id="inc_2", payload={"status": "resolved"}),
        delivery("note", subject="seven"),
        delivery("note", subject="\u0663"),
        delivery("card"),
    ],
)
async def test_what_has_no_place_here_is_permanent(calls: Calls, recorder: Recorder, wrong: Delivery) -> None:
    with pytest.raises(Permanent):
        await recorder.deliver(wrong)
    assert not calls.asked


async def test_T47_a_long_entry_is_cut_before_its_marker(calls: Calls) -> None:
    async def long(destination: str, seq: int) -> str:
        return "x" * 100_000

    await PagerDutyRecorder(calls, external_id, long).deliver(delivery("note"))
    content = calls.asked[0][2]
    assert len(content) == NOTE_CHARACTERS
    assert content.endswith("[shortened]\n[cs-5]")


async def test_what_we_write_is_dropped_when_it_comes_back_as_a_webhook(calls: Calls, recorder: Recorder) -> None:
    import json
    from datetime import UTC, datetime

    from bot.sources.pagerduty import KINDS, PagerDutySource

    await recorder.deliver(delivery("note"))
    event = {
        "id": "E1",
        "event_type": "incident.annotated",
        "data": {"type": "incident_note", "incident": {"id": "PINC1"}, "content": calls.asked[0][2]},
    }
    assert KINDS["incident.annotated"] is SignalKind.NOTE
    read = PagerDutySource(("s",), 600).read({}, json.dumps({"event": event}).encode(), datetime.now(UTC))
    assert read is None
