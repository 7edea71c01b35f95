"""Triage over a real inbox and a real store: storms, repeats, bad deliveries, and a crash at every seam."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
from sqlmodel import Session
from structlog.testing import capture_logs

from bot.errors import Transient
from bot.facts.base import FactRequest
from bot.incident import Incident, IncidentStatus
from bot.store import enrichments, incidents, outbox, proposals
from bot.store.inbox import Inbox
from bot.triage import BATCH, CONCURRENT_ENRICHMENTS, MANY, Triage
from runbooks.load import Catalogue
from tests.fakes.equipment import START
from tests.fakes.scene import Scene, scene


class Crash(BaseException):
    """Stands for kill -9."""


def webhook(key: str, incident: str = "PINC1", event_type: str = "incident.triggered", **about: Any) -> bytes:
    data = {
        "type": "incident",
        "id": incident,
        "title": "ServiceDown: payments is down",
        "urgency": "high",
        "service": {"id": "PSVC1", "summary": "Payments"},
        **about,
    }
    event = {"id": key, "event_type": event_type, "occurred_at": START.isoformat(), "data": data}
    return json.dumps({"event": event}).encode()


@dataclass
class Desk:
    scene: Scene
    inbox: Inbox
    triage: Triage

    async def arrive(self, *bodies: bytes) -> None:
        for body in bodies:
            key = str(json.loads(body)["event"]["id"]) if body.startswith(b"{") else str(hash(body))
            await self.inbox.accept("pagerduty", key, {}, body, START)

    async def settle(self) -> None:
        """Work through what waits, and finish every look."""
        while waiting := await self.inbox.take(500):
            await self.triage.handle(waiting)
        await self.triage.drain()

    def restart(self) -> None:
        """Another process over the same files."""
        self.triage = make_triage(self.scene, self.inbox)


def make_triage(made: Scene, inbox: Inbox, **options: Any) -> Triage:
    async def wake(run_id: str, topic: str) -> None:
        made.woken.append((run_id, topic))

    return Triage(made.equipment, inbox, wake, **{"poll": 0.01, **options})


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    inbox = Inbox.open(tmp_path / "inbox.db")
    async with scene(tmp_path) as made:
        yield Desk(made, inbox, make_triage(made, inbox))
    inbox.close()


async def test_an_alert_becomes_a_summary_with_one_next_step(desk: Desk) -> None:
    await desk.arrive(webhook("E1"))
    await desk.settle()
    incident = await desk.scene.incident()
    found = await desk.scene.read(lambda s: proposals.current(s, incident.id))
    assert found is not None
    assert (found.state, found.runbook) == ("open", "restart-service")
    assert await desk.scene.kinds() == ["opened", "proposed"]
    assert (await desk.inbox.counts())["waiting"] == 0


@dataclass
class Counter:
    """Stands in for the outbox: keeps what a fold claimed, and what had left when the block ended."""

    places: int = 4
    claimed: list[dict[str, Any]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    wanted: dict[str, Any] = field(default_factory=dict)

    def at_once(self, destination: str) -> Counter:
        assert destination == "slack"
        return self

    def claim(self, session: Session, seen: Mapping[str, object], now: datetime) -> None:
        assert now >= START
        self.wanted = dict(seen)
        for row in outbox.claim(session, "slack", now, self.places, lanes=seen):
            self.claimed.append({"lane": row.lane, "kind": row.kind})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.left += [row["lane"] for row in self.claimed] if kind is None else []


async def test_the_first_message_is_claimed_in_the_transaction_that_opens_the_incident(desk: Desk) -> None:
    counter = Counter()
    triage = make_triage(desk.scene, desk.inbox, at_once=counter)
    await desk.arrive(webhook("E1"))
    await triage.handle(await desk.inbox.take(10))
    incident = await desk.scene.incident()
    assert counter.claimed == [{"lane": incident.id, "kind": "summary"}]
    assert counter.left == [incident.id]
    assert counter.wanted[incident.id].incident == incident
    await triage.drain()
    rows = await desk.scene.outbox("slack")
    assert [(row["kind"], row["state"]) for row in rows] == [("summary", "sending"), ("summary", "pending")]


async def test_in_a_storm_no_more_are_claimed_than_there_are_places(desk: Desk) -> None:
    counter = Counter(places=2)
    triage = make_triage(desk.scene, desk.inbox, at_once=counter)
    await asyncio.gather(*(desk.arrive(webhook(f"E{n}", f"PINC{n % 20}")) for n in range(100)))
    await triage.handle(await desk.inbox.take(500))
    assert len(counter.left) == 2
    states = [row["state"] for row in await desk.scene.outbox("slack", "summary")]
    assert (states.count("sending"), states.count("pending")) == (2, 18)
    await triage.drain()


async def test_what_was_known_before_is_not_claimed(desk: Desk) -> None:
    await desk.arrive(webhook("E1"))
    await desk.settle()
    counter = Counter()
    triage = make_triage(desk.scene, desk.inbox, at_once=counter)
    await desk.arrive(webhook("E2"), webhook("E3", event_type="incident.acknowledged"))
    await triage.handle(await desk.inbox.take(10))
    await triage.drain()
    assert (counter.wanted, counter.left) == ({}, [])


async def test_T27_a_storm_of_500_deliveries_is_20_incidents_each_with_one_offer(desk: Desk) -> None:
    await asyncio.gather(*(desk.arrive(webhook(f"E{n}", f"PINC{n % 20}")) for n in range(500)))
    await desk.settle()
    for group in range(20):
        assert (await desk.scene.incident(f"PINC{group}")).occurrences == 25
        assert await desk.scene.kinds(f"PINC{group}") == ["opened", "proposed"]
    assert len(await desk.scene.outbox("slack", "summary")) == 20
    assert len(await desk.scene.outbox("slack")) == 20


async def test_T19_T21_a_replayed_delivery_changes_nothing(desk: Desk) -> None:
    await desk.arrive(webhook("E1"), webhook("E1"))
    await desk.settle()
    entries = await desk.scene.entries()
    await desk.arrive(webhook("E1"))
    await desk.settle()
    assert await desk.scene.entries() == entries
    assert (await desk.scene.incident()).occurrences == 1


async def test_T22_unreadable_is_quarantined_and_the_rest_goes_on(desk: Desk) -> None:
    await desk.arrive(b"not json", webhook("E1"), webhook("E2", event_type="incident.melted"))
    await desk.settle()
    counts = await desk.inbox.counts()
    assert (counts["waiting"], counts["quarantined"]) == (0, 2)
    assert await desk.scene.kinds() == ["opened", "proposed"]
    assert b'signals_quarantined_total{source="pagerduty"} 2.0' in desk.scene.equipment.metrics.exposition()


async def test_T51_a_crash_after_the_commit_and_before_done_repeats_nothing(desk: Desk) -> None:
    class Torn:
        """Dies where the inbox would be told."""

        def __init__(self, inbox: Inbox) -> None:
            self._inbox = inbox

        async def done(self, _ids: list[int]) -> None:
            raise Crash

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inbox, name)

    await desk.arrive(webhook("E1"), webhook("E2"))
    torn = Triage(desk.scene.equipment, Torn(desk.inbox), make_triage(desk.scene, desk.inbox)._wake_run)  # type: ignore[arg-type]  # reason: a double
    with pytest.raises(Crash):
        await torn.handle(await desk.inbox.take(10))
    assert (await desk.inbox.counts())["waiting"] == 2
    desk.restart()
    await desk.settle()
    assert (await desk.scene.incident()).occurrences == 2
    assert (await desk.scene.kinds())[:1] == ["opened"]
    assert (await desk.scene.kinds()).count("opened") == 1
    assert (await desk.inbox.counts())["waiting"] == 0


async def running(triage: Triage, until: Any) -> None:
    """Let it run until something is true."""
    task = asyncio.create_task(triage.run())
    try:
        async with asyncio.timeout(10):
            while not await until():
                await asyncio.sleep(0.005)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await triage.drain()


async def test_T51_a_crash_before_the_look_is_made_good_after_the_restart(desk: Desk) -> None:
    await desk.arrive(webhook("E1"))
    waiting = await desk.inbox.take(10)
    desk.triage.look_again = lambda _incident: None  # type: ignore[method-assign]  # reason: killed right here
    await desk.triage.handle(waiting)
    assert await desk.scene.kinds() == ["opened"]
    desk.restart()

    async def offered() -> bool:
        return "proposed" in await desk.scene.kinds()

    await running(desk.triage, offered)
    assert await desk.scene.kinds() == ["opened", "proposed"]


async def test_T51_after_a_restart_what_was_offered_or_skipped_is_left_alone(desk: Desk) -> None:
    await desk.arrive(webhook("E1"), webhook("E2", "PINC2"))
    await desk.settle()
    incident = await desk.scene.incident("PINC2")
    offer = await desk.scene.read(lambda s: proposals.current(s, incident.id))
    assert offer is not None
    await desk.scene.requests.skip_step(offer.id, desk.scene.person("ana"), "no")
    before = [await desk.scene.kinds(name) for name in ("PINC1", "PINC2")]
    desk.restart()
    await desk.arrive(webhook("E3", "PINC3"))

    async def offered() -> bool:
        found = await desk.scene.read(lambda s: proposals.current(s, incident.id))
        return found is None and (await desk.inbox.counts())["waiting"] == 0

    await running(desk.triage, offered)
    assert [await desk.scene.kinds(name) for name in ("PINC1", "PINC2")] == before


async def test_a_runbook_that_comes_during_an_incident_is_offered_and_one_that_matters_to_nobody_changes_nothing(
    desk: Desk,
) -> None:
    library = desk.scene.equipment.library
    whole = dict(library.runbooks)
    assert library.take(Catalogue({name: book for name, book in whole.items() if name != "restart-service"}))
    await desk.arrive(webhook("E1"))
    await desk.settle()
    before = await desk.scene.kinds()
    assert library.take(Catalogue(whole))
    await desk.triage.runbooks_renewed(["rotate-logs"])
    await desk.triage.drain()
    assert await desk.scene.kinds() == before
    await desk.triage.runbooks_renewed(["restart-service"])
    await desk.triage.drain()
    incident = await desk.scene.incident()
    offer = await desk.scene.read(lambda s: proposals.current(s, incident.id))
    assert offer is not None
    assert (offer.state, offer.runbook) == ("open", "restart-service")
    await desk.triage.runbooks_renewed(["restart-service"])  # the same offer is not made twice
    await desk.triage.drain()
    assert await desk.scene.kinds() == [*before, "proposed"]


async def test_deliveries_of_slack_are_not_triaged(desk: Desk) -> None:
    await desk.inbox.accept("slack", "S1", {}, b"payload=1", START)
    await desk.arrive(webhook("E1"))

    async def offered() -> bool:
        return (await desk.inbox.counts())["waiting"] == 1

    await running(desk.triage, offered)
    assert [one.source for one in await desk.inbox.take(10)] == ["slack"]


async def test_somebody_who_wakes_it_is_heard_at_once(desk: Desk) -> None:
    triage = make_triage(desk.scene, desk.inbox)
    triage._poll = 60.0
    task = asyncio.create_task(triage.run())
    await asyncio.sleep(0.05)
    await desk.arrive(webhook("E1"))
    triage.wake()
    async with asyncio.timeout(5):
        while (await desk.inbox.counts())["waiting"]:
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await triage.drain()
    assert (await desk.scene.incident()).external_id == "PINC1"


@dataclass
class Storm:
    """Stands in for the clock's sleep: while triage waits, more deliveries arrive, `lasting` times."""

    desk: Desk
    lasting: int
    triage: Triage | None = None
    slept: int = 0
    folded_meanwhile: int = 0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 10)
        self.slept += 1
        self.folded_meanwhile = len(await self.desk.scene.outbox("slack", "summary"))
        if self.slept <= self.lasting:
            await self.pour()

    async def pour(self) -> None:
        assert self.triage is not None
        first = self.slept * 60
        await asyncio.gather(*(self.desk.arrive(webhook(f"E{n}", f"PINC{n % 3}")) for n in range(first, first + 60)))
        for _ in range(60):
            self.triage.wake()


async def stormy(desk: Desk, lasting: int, **options: float) -> Storm:
    """A storm that met an idle triage and was folded to its end."""
    storm = Storm(desk, lasting)
    desk.scene.equipment = replace(desk.scene.equipment, sleep=storm.sleep)
    storm.triage = make_triage(desk.scene, desk.inbox, **options)
    await storm.pour()

    async def done() -> bool:
        return not (await desk.inbox.counts())["waiting"]

    await running(storm.triage, done)
    return storm


async def test_T27_in_a_storm_folding_waits_until_it_lets_up(desk: Desk) -> None:
    storm = await stormy(desk, lasting=4)
    assert (storm.slept, storm.folded_meanwhile) == (5, 0)
    for group in range(3):
        assert (await desk.scene.incident(f"PINC{group}")).occurrences == 100


async def test_T27_a_storm_that_does_not_let_up_is_folded_all_the_same(desk: Desk) -> None:
    storm = await stormy(desk, lasting=1000, hold=0.05)
    assert storm.slept < 100
    for group in range(3):
        assert (await desk.scene.incident(f"PINC{group}")).occurrences == 20 * (storm.slept + 1)


async def test_few_deliveries_are_folded_without_waiting(desk: Desk) -> None:
    storm = Storm(desk, lasting=0)
    desk.scene.equipment = replace(desk.scene.equipment, sleep=storm.sleep)
    triage = make_triage(desk.scene, desk.inbox)
    await desk.arrive(*(webhook(f"E{n}", f"PINC{n}") for n in range(MANY - 1)))

    async def done() -> bool:
        return not (await desk.inbox.counts())["waiting"]

    await running(triage, done)
    assert storm.slept == 0


async def test_what_a_crash_left_is_folded_batch_by_batch_before_the_looks(desk: Desk) -> None:
    await asyncio.gather(*(desk.arrive(webhook(f"E{n}", f"PINC{n % 2}")) for n in range(BATCH + 30)))

    async def done() -> bool:
        return not (await desk.inbox.counts())["waiting"]

    await running(desk.triage, done)
    assert (await desk.scene.incident("PINC0")).occurrences == (BATCH + 30) // 2


async def test_T23_resolved_wakes_the_waiting_run(desk: Desk) -> None:
    await desk.arrive(webhook("E1"))
    await desk.settle()
    assert (await desk.scene.ask()).ok
    question = await desk.scene.approval()
    later = (START + timedelta(hours=1)).isoformat()
    body = json.loads(webhook("E2", event_type="incident.resolved"))
    body["event"]["occurred_at"] = later
    await desk.arrive(json.dumps(body).encode())
    await desk.settle()
    assert desk.scene.woken == [(desk.scene.started[0], question.id)]
    assert (await desk.scene.approval()).state == "void"


async def test_nothing_is_offered_while_a_run_is_under_way(desk: Desk) -> None:
    await desk.arrive(webhook("E1"))
    await desk.settle()
    await desk.scene.ask()
    await desk.triage.offer_next_step(await desk.scene.incident())
    assert (await desk.scene.kinds()).count("proposed") == 1


async def test_after_a_run_the_next_look_says_what_comes(desk: Desk) -> None:
    await desk.arrive(webhook("E1"))
    await desk.settle()
    desk.scene.world.mends = False
    await desk.scene.ask()
    await desk.scene.vote()
    assert await desk.scene.carry_out() == "failed"
    await desk.triage.look_at((await desk.scene.incident()).id)
    await desk.triage.drain()
    assert (await desk.scene.kinds())[-1] == "no_step"


async def test_after_success_the_facts_of_the_summary_are_fresh(desk: Desk) -> None:
    await desk.arrive(webhook("E1"))
    await desk.settle()
    await desk.scene.ask()
    await desk.scene.vote()
    assert await desk.scene.carry_out() == "succeeded"
    incident = await desk.scene.incident()
    assert incident.status is IncidentStatus.RESOLVED
    await desk.triage.look_at(incident.id)
    kept = await desk.scene.read(lambda s: enrichments.get(s, incident.id))
    assert kept is not None
    assert {fact["name"]: fact["value"].get("status") for fact in kept.facts}["health"] == 200
    await desk.triage.look_at("inc_404")
    assert (await desk.scene.kinds())[-1] == "resolved"


class Slow:
    """Counts how many observe at once."""

    kind = "http"

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.order: list[str] = []

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        assert request.incident is not None
        self.order.append(request.incident.external_id)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return {"status": 0}


async def test_T22_one_that_our_code_cannot_fold_is_set_aside_and_the_others_go_on(desk: Desk) -> None:
    record = desk.scene.equipment.redactor.data

    def broken(value: Any) -> Any:
        if "PINC2 is cursed" in str(value):
            raise KeyError("a mistake of ours")
        return record(value)

    desk.scene.equipment.redactor.data = broken  # type: ignore[method-assign]  # reason: stands in for a bug
    await desk.arrive(webhook("E1"), webhook("E2", "PINC2", title="PINC2 is cursed"), webhook("E3", "PINC3"))
    with capture_logs() as logs:
        await running(desk.triage, partial(empty, desk))
    found = await desk.scene.read(lambda s: incidents.open_incidents(s, 9))
    assert {one.external_id for one in found} == {"PINC1", "PINC3"}
    assert (await desk.inbox.counts())["quarantined"] == 1
    assert [line["error"] for line in logs if line["event"] == "a delivery cannot be folded"] == [
        "KeyError('a mistake of ours')"
    ]


async def test_T23_an_engine_that_cannot_be_told_makes_no_delivery_a_bad_one(desk: Desk) -> None:
    await desk.arrive(webhook("E1"))
    await desk.settle()
    assert (await desk.scene.ask()).ok

    async def no_engine(_run_id: str, _topic: str) -> None:
        raise KeyError("of the engine's own")

    desk.triage = Triage(desk.scene.equipment, desk.inbox, no_engine)
    later = (START + timedelta(minutes=1)).isoformat()
    over = json.loads(webhook("E2", event_type="incident.resolved"))
    over["event"]["occurred_at"] = later
    await desk.arrive(json.dumps(over).encode(), webhook("E3", "PINC3"))
    with capture_logs() as logs:
        await running(desk.triage, partial(offered_for, desk, "PINC3"))
    assert await desk.inbox.counts() == {"queued": 0, "waiting": 0, "quarantined": 0}
    assert [line["error"] for line in logs if line["event"].startswith("the engine was not told")] == [
        """KeyError("of the engine's own")"""
    ]


async def offered_for(desk: Desk, external_id: str) -> bool:
    found = await desk.scene.read(lambda s: incidents.find(s, "pagerduty", external_id))
    return found is not None and "proposed" in await desk.scene.kinds(external_id)


async def empty(desk: Desk) -> bool:
    return (await desk.inbox.counts())["waiting"] == 0


async def test_a_look_that_meets_a_bug_is_in_the_log_and_ends_no_other(desk: Desk) -> None:
    look = desk.triage.offer_next_step

    async def broken(incident: Incident) -> None:
        if incident.external_id == "PINC1":
            raise KeyError("a mistake of ours")
        await look(incident)

    desk.triage.offer_next_step = broken  # type: ignore[method-assign]  # reason: stands in for a bug
    await desk.arrive(webhook("E1"), webhook("E2", "PINC2"))
    with capture_logs() as logs:
        await running(desk.triage, partial(offered_for, desk, "PINC2"))
    assert await desk.scene.kinds("PINC1") == ["opened"]
    (line,) = [line for line in logs if line["event"].startswith("triage could not offer a step")]
    assert line["error"] == "KeyError('a mistake of ours')"


async def test_looks_are_bounded_and_critical_ones_come_first(desk: Desk) -> None:
    slow = Slow()
    desk.scene.change(fact_sources={"http": slow})
    desk.restart()
    minor = [webhook(f"E{n}", f"PINC{n}", urgency="low") for n in range(20)]
    await desk.arrive(*minor, webhook("E99", "PINC99", priority={"summary": "P1"}))
    await desk.settle()
    assert slow.most <= CONCURRENT_ENRICHMENTS
    assert slow.order.index("PINC99") <= CONCURRENT_ENRICHMENTS
    assert sorted(set(slow.order)) == sorted({f"PINC{n}" for n in range(20)} | {"PINC99"})


async def test_a_look_that_fails_does_not_end_triage(desk: Desk) -> None:
    def no_room() -> None:
        raise Transient("no room")

    desk.scene.change(wake=no_room)
    desk.restart()
    await desk.arrive(webhook("E1"))
    with pytest.raises(Transient):
        await desk.settle()
    desk.scene.change(wake=lambda: None)
    desk.restart()
    await desk.settle()
    desk.scene.change(wake=no_room)
    desk.restart()
    desk.triage.look_again(await desk.scene.incident())
    await desk.triage.drain()
    assert not desk.triage._enriching


HOSTILE = [
    "<!channel> <https://evil|Approve>",
    "{{ 7*7 }}{% raw %}",
    "\ud800 half a character",
    "nul \x00 \x1b[31m \u202e",
    "x" * 100_000,
    "'; drop table incident; --",
    "password=hunter2",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_T35_T39_T44_T46_hostile_text_is_data_and_never_stops_triage(desk: Desk, text: str) -> None:
    service = {"id": "PSVC1", "summary": text}
    body = webhook("E1", title=text, service=service, priority={"summary": text}, assignees=[{"summary": text}])
    await desk.arrive(body, webhook("E2", "PINC2"))
    await desk.settle()
    incident = await desk.scene.incident()
    assert (incident.service, incident.environment) == ("payments", "prod")
    assert "hunter2" not in incident.model_dump_json() + str(await desk.scene.entries())
    assert await desk.scene.kinds("PINC2") == ["opened", "proposed"]
    counts = await desk.inbox.counts()
    assert (counts["waiting"], counts["quarantined"]) == (0, 0)
