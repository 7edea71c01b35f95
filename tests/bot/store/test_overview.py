"""What chat shows in one statement: the same as the board and the concept modules say, in their order, and bounded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from bot.incident import Incident
from bot.store import approvals, incidents, messages, overview, proposals, runs
from bot.store.approvals import Approval
from bot.store.messages import SlackMessage
from bot.store.proposals import Proposal
from bot.store.runs import Run
from bot.store.session import Store


def proposal(number: int, incident_id: str, now: datetime, state: str = "open") -> Proposal:
    return Proposal(f"prop_{number}", incident_id, "restart", "s", "w", state, {"a": 1}, 0.5, [], created_at=now)


async def test_open_incidents_with_their_offer_and_their_runs(
    store: Store, incident: Callable[..., Incident], new_run: Callable[..., Run], now: datetime
) -> None:
    def fill(session: Session) -> None:
        incidents.save(session, incident(1))
        incidents.save(session, incident(2, severity="critical", title="worse", service="checkout"))
        incidents.save(session, incident(3, opened_at=now + timedelta(seconds=1)))
        incidents.save(session, incident(4, status="resolved"))
        proposals.save(session, proposal(1, "inc_1", now))
        proposals.save(session, proposal(2, "inc_1", now))  # the first one is superseded
        proposals.save(session, proposal(3, "inc_3", now))
        proposals.take(session, "prop_3")
        for number in (1, 2, 3):
            runs.create(session, new_run(number))
        runs.set_running(session, "run_2", now)
        runs.close(session, "run_3", "failed", "", now)

    await store.write(fill)
    worse, newer, older = await store.read(lambda s: overview.open_lines(s, 10))
    assert (worse.id, worse.title, worse.severity, worse.next_step) == ("inc_2", "worse", "critical", "")
    assert (newer.id, newer.next_step, newer.running) == ("inc_3", "", ())
    assert (older.id, older.status, older.severity, older.next_step) == ("inc_1", "triggered", "error", "restart")
    assert older.running == (("run_1", "restart-service", "waiting"), ("run_2", "restart-service", "running"))
    assert datetime.fromisoformat(older.opened_at) == now
    assert (older.service, older.environment) == ("payments", "prod")


@pytest.mark.parametrize(
    ("most", "service", "wanted"),
    [(10, None, ["inc_1", "inc_2"]), (1, None, ["inc_1"]), (10, "checkout", ["inc_2"]), (10, "nobody", [])],
)
async def test_open_incidents_are_bounded_and_of_the_service_asked_for(
    store: Store, incident: Callable[..., Incident], now: datetime, most: int, service: str | None, wanted: list[str]
) -> None:
    later = now + timedelta(minutes=1)
    await store.write(lambda s: incidents.save_all(s, [incident(1, opened_at=later), incident(2, service="checkout")]))
    lines = await store.read(lambda s: overview.open_lines(s, most, service))
    known = await store.read(lambda s: incidents.open_incidents(s, most, service))
    assert [line.id for line in lines] == [each.id for each in known] == wanted


async def test_runs_with_those_who_said_yes(
    store: Store, new_run: Callable[..., Run], approval: Callable[..., Approval], now: datetime
) -> None:
    def fill(session: Session) -> None:
        for number in (1, 2, 3):
            runs.create(session, new_run(number))
        approvals.open(session, approval(1, run_id="run_2", kind="confirmation"))
        approvals.open(session, approval(2, run_id="run_2"))
        approvals.add_vote(session, "apr_1", "ada", True, "", now)
        approvals.add_vote(session, "apr_2", "eve", False, "no", now)
        approvals.add_vote(session, "apr_2", "bob", True, "", now + timedelta(seconds=2))
        approvals.add_vote(session, "apr_2", "cid", True, "", now + timedelta(seconds=1))
        runs.close(session, "run_2", "succeeded", "", now)

    await store.write(fill)
    newest, ended = await store.read(lambda s: overview.done_lines(s, 2))
    assert (newest.id, newest.state, newest.outcome, newest.finished_at) == ("run_3", "waiting", "", "")
    assert (ended.id, ended.outcome, ended.requester, ended.runbook) == ("run_2", "succeeded", "ada", "restart-service")
    assert ended.approvers == ("ada", "cid", "bob")
    assert datetime.fromisoformat(ended.finished_at) == now
    assert [line.id for line in await store.read(lambda s: overview.done_lines(s, 9, "payments"))] == [
        "run_3", "run_2", "run_1",
    ]  # fmt: skip
    assert await store.read(lambda s: overview.done_lines(s, 9, "checkout")) == []


async def test_a_run_is_under_way_until_it_is_closed(store: Store, new_run: Callable[..., Run], now: datetime) -> None:
    seen: list[bool] = []

    def walk(session: Session) -> None:
        seen.append(overview.under_way(session, "inc_1"))
        runs.create(session, new_run())
        seen.append(overview.under_way(session, "inc_1"))
        runs.set_running(session, "run_1", now)
        seen.append(overview.under_way(session, "inc_1"))
        seen.append(overview.under_way(session, "inc_2"))
        runs.close(session, "run_1", "failed", "", now)
        seen.append(overview.under_way(session, "inc_1"))

    await store.write(walk)
    assert seen == [False, True, True, False, False]


async def test_an_offer_with_its_incident_and_its_place(
    store: Store, incident: Callable[..., Incident], new_run: Callable[..., Run], now: datetime
) -> None:
    def fill(session: Session) -> None:
        incidents.save(session, incident())
        proposals.save(session, proposal(1, "inc_1", now))

    await store.write(fill)
    found = await store.read(lambda s: overview.offer(s, "prop_1"))
    assert found is not None
    assert (found.runbook, found.state, found.incident) == ("restart", "open", incident())
    assert (found.place, found.tried) == (None, False)

    def more(session: Session) -> None:
        messages.save(session, SlackMessage("summary:inc_1", "C1", "1.1"))
        messages.save(session, SlackMessage("summary:inc_2", "C1", "2.2"))
        runs.create(session, new_run())
        proposals.take(session, "prop_1")

    await store.write(more)
    found = await store.read(lambda s: overview.offer(s, "prop_1"))
    assert found is not None
    assert (found.place, found.tried, found.state) == (("C1", "1.1"), True, "taken")


@pytest.mark.parametrize("odd", ["", "prop_404", "inc_1", "%", "' OR 1=1 --"])
async def test_T12_an_offer_that_is_none_of_ours(
    store: Store, incident: Callable[..., Incident], now: datetime, odd: Any
) -> None:
    await store.write(lambda s: incidents.save(s, incident()))
    await store.write(lambda s: proposals.save(s, proposal(1, "inc_1", now)))
    assert await store.read(lambda s: overview.offer(s, odd)) is None
