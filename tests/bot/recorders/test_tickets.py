"""The Jira and ServiceNow recorders: one ticket per incident, one comment per entry, whatever goes unanswered."""

from __future__ import annotations

from typing import Any

import pytest

from bot.clients import adf
from bot.clients.jira import Comment
from bot.clients.servicenow import Record, WorkNote
from bot.errors import Ambiguous, Permanent, Transient
from bot.recorders.base import Delivery, Recorder
from bot.recorders.jira import REMEMBERED, SEARCH_LAG, JiraRecorder
from bot.recorders.servicenow import ServiceNowRecorder
from bot.recorders.tickets import Draft, FollowUps, Ticket


class Tracker:
    """Both vendors at once: tickets by our incident id, texts by ticket. lose: the next answers that get lost.

    now: monotonic seconds. lag: seconds until the search finds a new ticket; one that is not found is opened again.
    """

    def __init__(self) -> None:
        self.now = self.lag = 0.0
        self.opened: list[tuple[str, float]] = []
        self.tickets: dict[str, str] = {}
        self.texts: dict[str, list[str]] = {}
        self.lose: set[str] = set()
        self.calls: list[str] = []

    def _maybe_lose(self, call: str) -> None:
        if call in self.lose:
            self.lose.discard(call)
            raise Ambiguous("no answer")

    def make(self, incident_id: str) -> str:
        self.calls.append("create")
        if not any(about == incident_id and self.now >= at + self.lag for about, at in self.opened):
            self.opened.append((incident_id, self.now))
            self.tickets[incident_id] = f"T{len(self.opened)}"
        key = self.tickets[incident_id]
        self._maybe_lose("create")
        return key

    def write(self, key: str, text: str) -> str:
        self.calls.append("write")
        self.texts.setdefault(key, []).append(text)
        self._maybe_lose("write")
        return str(len(self.texts[key]))


class Jira:
    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker

    def address(self, key: str) -> str:
        return f"https://jira.example/{key}"

    async def create_issue(
        self, project: str, summary: str, description_adf: Any, labels: Any, incident_id: str
    ) -> str:
        assert project == "OPS"
        assert adf.plain(description_adf).startswith("why")
        return self.tracker.make(incident_id)

    async def comments(self, key: str) -> list[Comment]:
        self.tracker.calls.append("look")
        return [Comment(str(n + 1), text) for n, text in enumerate(self.tracker.texts.get(key, []))]

    async def add_comment(self, key: str, body_adf: Any) -> str:
        return self.tracker.write(key, adf.plain(body_adf))


class ServiceNow:
    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker

    def address(self, record: Record) -> str:
        return f"https://snow.example/{record.sys_id}"

    async def create_incident(self, incident_id: str, short_description: str, description: str) -> Record:
        assert description.startswith("why")
        return Record(self.tracker.make(incident_id), "INC1")

    async def work_notes(self, sys_id: str) -> list[WorkNote]:
        self.tracker.calls.append("look")
        return [WorkNote(str(n + 1), text) for n, text in enumerate(self.tracker.texts.get(sys_id, []))]

    async def add_work_note(self, sys_id: str, text: str) -> None:
        self.tracker.write(sys_id, text)


class Memory:
    """The ticket table."""

    def __init__(self) -> None:
        self.saved: dict[str, Ticket] = {}
        self.reviews: list[tuple[str, Ticket]] = []
        self.fails = False

    async def ticket_of(self, incident_id: str) -> Ticket | None:
        return self.saved.get(incident_id)

    async def save_ticket(self, incident_id: str, ticket: Ticket) -> None:
        if self.fails:
            self.fails = False
            raise Transient("disk full")
        self.saved[incident_id] = ticket

    async def opened(self, run_id: str, ticket: Ticket) -> None:
        if self.fails:
            self.fails = False
            raise Transient("disk full")
        self.reviews.append((run_id, ticket))

    async def draft_of(self, incident_id: str) -> Draft:
        if incident_id == "inc_without":
            raise Permanent("no project")
        return Draft(project="OPS", summary="payments down", text="why", url="https://acme.example/1")


async def render_text(destination: str, seq: int) -> str:
    return f"{destination} entry {seq}"


@pytest.fixture
def tracker() -> Tracker:
    return Tracker()


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture(params=["jira", "servicenow"])
def recorder(request: pytest.FixtureRequest, tracker: Tracker, memory: Memory) -> Recorder:
    follow_ups = FollowUps(memory.draft_of, memory.opened)
    table = (memory.ticket_of, memory.save_ticket, memory.draft_of, render_text, follow_ups)
    return (
        JiraRecorder(Jira(tracker), *table, lambda: tracker.now)
        if request.param == "jira"
        else ServiceNowRecorder(ServiceNow(tracker), *table)
    )


def comment(recorder: Recorder, number: int = 1, **changes: Any) -> Delivery:
    values = {
        "id": number,
        "destination": recorder.destination,
        "lane": "inc_1",
        "kind": "comment",
        "incident_id": "inc_1",
        "subject": str(number),
    }
    return Delivery(**{**values, **changes})


async def test_the_first_entry_opens_the_ticket_and_the_rest_follow(
    recorder: Recorder, tracker: Tracker, memory: Memory
) -> None:
    for number in (1, 2, 3):
        assert await recorder.deliver(comment(recorder, number))
    assert tracker.calls == ["create", "write", "write", "write"]
    assert [text.split() for text in tracker.texts["T1"]] == [
        [recorder.destination, "entry", str(number), f"[cs-{number}]"] for number in (1, 2, 3)
    ]
    assert memory.saved["inc_1"].key == ("T1" if recorder.destination == "jira" else "INC1")
    assert memory.saved["inc_1"].url.endswith("/T1")


async def test_T64_an_unanswered_creation_makes_one_ticket(recorder: Recorder, tracker: Tracker) -> None:
    tracker.lose = {"create"}
    with pytest.raises(Ambiguous):
        await recorder.deliver(comment(recorder))
    tracker.now += SEARCH_LAG
    await recorder.deliver(comment(recorder, maybe_sent=True))
    assert [about for about, _ in tracker.opened] == ["inc_1"]
    assert tracker.calls == ["create", "create", "look", "write"]


async def test_T64_an_unanswered_comment_is_looked_up_and_not_repeated(recorder: Recorder, tracker: Tracker) -> None:
    tracker.lose = {"write"}
    with pytest.raises(Ambiguous):
        await recorder.deliver(comment(recorder))
    assert await recorder.deliver(comment(recorder, maybe_sent=True)) == "1"
    assert len(tracker.texts["T1"]) == 1


async def test_T62_a_ticket_that_could_not_be_remembered_is_found_again(
    recorder: Recorder, tracker: Tracker, memory: Memory
) -> None:
    memory.fails = True
    with pytest.raises((Transient, Ambiguous)):
        await recorder.deliver(comment(recorder))
    await recorder.deliver(comment(recorder))
    assert list(tracker.tickets.values()) == ["T1"]
    assert len(tracker.texts["T1"]) == 1
    assert "inc_1" in memory.saved


async def test_incidents_have_tickets_of_their_own(recorder: Recorder, tracker: Tracker) -> None:
    await recorder.deliver(comment(recorder, 1))
    await recorder.deliver(comment(recorder, 2, incident_id="inc_2", lane="inc_2"))
    assert tracker.tickets == {"inc_1": "T1", "inc_2": "T2"}


async def test_T14_a_review_is_a_ticket_of_its_own(recorder: Recorder, tracker: Tracker, memory: Memory) -> None:
    await recorder.deliver(comment(recorder))
    receipt = await recorder.deliver(comment(recorder, 2, kind="follow_up", subject="run_1"))
    assert tracker.tickets == {"inc_1": "T1", "run_1": "T2"}
    ((run_id, ticket),) = memory.reviews
    assert (run_id, ticket.key, ticket.url[-3:]) == ("run_1", receipt, "/T2")
    assert list(memory.saved) == ["inc_1"], "it does not take the place of the incident's ticket"
    assert len(tracker.texts) == 1, "nothing is written on it"


async def test_T14_T64_whatever_goes_wrong_there_is_one_review(
    recorder: Recorder, tracker: Tracker, memory: Memory
) -> None:
    review = comment(recorder, 2, kind="follow_up", subject="run_1")
    tracker.lose = {"create"}
    with pytest.raises(Ambiguous):
        await recorder.deliver(review)
    memory.fails = True
    tracker.now += SEARCH_LAG
    with pytest.raises((Transient, Ambiguous)):
        await recorder.deliver(comment(recorder, 2, kind="follow_up", subject="run_1", maybe_sent=True))
    await recorder.deliver(comment(recorder, 2, kind="follow_up", subject="run_1", maybe_sent=True))
    assert tracker.tickets == {"run_1": "T1"}
    assert [run_id for run_id, _ in memory.reviews] == ["run_1"]


async def test_T14_T51_a_review_that_is_remembered_is_not_looked_for_in_a_search_that_lags(
    recorder: Recorder, tracker: Tracker, memory: Memory
) -> None:
    """Killed after the review was linked in the transcript and before its delivery was marked as sent."""
    memory.saved["run_1"] = Ticket(key="OPS-7", url="https://example.test/OPS-7")
    review = comment(recorder, 2, kind="follow_up", subject="run_1", maybe_sent=True)
    assert await recorder.deliver(review) == "OPS-7"
    assert (tracker.calls, tracker.tickets) == ([], {})


@pytest.mark.parametrize("wrong", [{"kind": "note"}, {"subject": "x"}, {"incident_id": "inc_without"}])
async def test_what_has_no_place_here_is_permanent(recorder: Recorder, tracker: Tracker, wrong: dict[str, str]) -> None:
    with pytest.raises(Permanent):
        await recorder.deliver(comment(recorder, **wrong))
    assert not tracker.texts


# -- Jira's search follows some seconds after -----------------------------------------------------------------------------


@pytest.fixture
def jira(tracker: Tracker, memory: Memory) -> JiraRecorder:
    return restarted(tracker, memory)


def restarted(tracker: Tracker, memory: Memory) -> JiraRecorder:
    follow_ups = FollowUps(memory.draft_of, memory.opened)
    calls, clock = Jira(tracker), lambda: tracker.now
    return JiraRecorder(calls, memory.ticket_of, memory.save_ticket, memory.draft_of, render_text, follow_ups, clock)


KINDS = [{"kind": "comment"}, {"kind": "follow_up", "subject": "run_1"}]


async def until_sent(recorder: JiraRecorder, tracker: Tracker, delivery: Delivery) -> float:
    """Try again every second, as the outbox does; how many seconds it took."""
    began = tracker.now
    while True:
        tracker.now += 1
        try:
            await recorder.deliver(delivery)
        except Transient:
            assert tracker.now - began < 2 * SEARCH_LAG
        else:
            return tracker.now - began


@pytest.mark.parametrize("changes", KINDS, ids=lambda changes: changes["kind"])
async def test_T64_an_issue_that_may_be_there_is_looked_for_when_the_search_knows_it(
    jira: JiraRecorder, tracker: Tracker, changes: dict[str, str]
) -> None:
    tracker.lag, tracker.lose = 20.0, {"create"}
    with pytest.raises(Ambiguous):
        await jira.deliver(comment(jira, **changes))
    assert await until_sent(jira, tracker, comment(jira, **changes, maybe_sent=True)) == SEARCH_LAG
    assert len(tracker.opened) == 1


@pytest.mark.parametrize("changes", KINDS, ids=lambda changes: changes["kind"])
async def test_T51_after_a_crash_in_the_creation_it_waits_as_well(
    tracker: Tracker, memory: Memory, changes: dict[str, str]
) -> None:
    tracker.lag, tracker.lose = 20.0, {"create"}
    first = restarted(tracker, memory)
    with pytest.raises(Ambiguous):
        await first.deliver(comment(first, **changes))
    second = restarted(tracker, memory)
    await until_sent(second, tracker, comment(second, **changes, maybe_sent=True))
    assert len(tracker.opened) == 1


@pytest.mark.parametrize("changes", KINDS, ids=lambda changes: changes["kind"])
async def test_T62_an_issue_whose_key_could_not_be_stored_is_not_looked_for_in_a_search_that_lags(
    jira: JiraRecorder, tracker: Tracker, memory: Memory, changes: dict[str, str]
) -> None:
    tracker.lag, memory.fails = 20.0, True
    with pytest.raises(Ambiguous):
        await jira.deliver(comment(jira, **changes))
    await jira.deliver(comment(jira, **changes))
    assert len(tracker.opened) == 1


async def test_a_comment_that_may_be_there_waits_for_nothing(jira: JiraRecorder, tracker: Tracker) -> None:
    await jira.deliver(comment(jira, 1))
    tracker.lose = {"write"}
    with pytest.raises(Ambiguous):
        await jira.deliver(comment(jira, 2))
    assert await jira.deliver(comment(jira, 2, maybe_sent=True)) == "2"


async def test_what_is_doubtful_is_remembered_in_bounds(jira: JiraRecorder, tracker: Tracker) -> None:
    for number in range(REMEMBERED + 50):
        with pytest.raises(Transient):
            await jira.deliver(comment(jira, number, incident_id=f"inc_{number}", maybe_sent=True))
    assert len(jira._doubtful) == REMEMBERED  # reason: what is kept is all that can be looked at
