"""The board gathers what one incident's templates need."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlmodel import Session

from bot.incident import Change, Incident
from bot.store import approvals, board, changes, enrichments, entries, incidents, proposals, runs, tickets
from bot.store.approvals import Approval
from bot.store.proposals import Proposal
from bot.store.runs import Run
from bot.store.session import Store
from bot.transcript import Entry, EntryKind


async def test_a_board_holds_everything_about_one_incident(
    store: Store,
    incident: Callable[..., Incident],
    new_run: Callable[..., Run],
    approval: Callable[..., Approval],
    now: datetime,
) -> None:
    before = now - timedelta(days=3)
    deployed = Change(source="github", key="1", service="payments", environment="prod", summary="v2", at=now)

    def fill(session: Session) -> None:
        incidents.save(session, incident())
        incidents.save(session, incident(2, status="resolved", opened_at=before))
        enrichments.save(session, "inc_1", [{"name": "health"}], now)
        proposals.save(session, Proposal("prop_1", "inc_1", "rb", "s", "w", "open", None, 0.5, [], created_at=now))
        runs.create(session, new_run())
        approvals.open(session, approval())
        approvals.add_vote(session, "apr_1", "bob", True, "", now)
        entries.append(session, Entry(incident_id="inc_1", kind=EntryKind.OPENED, at=now, actor="bot"))
        changes.add(session, deployed)
        tickets.save(session, "inc_1", "jira", "OPS-1", "")

    await store.write(fill)
    found = await store.read(lambda s: board.load(s, "inc_1"))
    assert found is not None
    assert found.incident == incident()
    assert (found.facts, found.facts_at) == (({"name": "health"},), now)
    assert found.proposal is not None
    assert [run.id for run in found.runs] == ["run_1"]
    assert found.approvals == {"run_1": (approval(),)}
    assert [vote.person for vote in found.votes["apr_1"]] == ["bob"]
    assert [each.kind for each in found.entries] == [EntryKind.OPENED]
    assert found.changes == (deployed,)
    assert [each.id for each in found.similar] == ["inc_2"]
    assert [each.key for each in found.tickets] == ["OPS-1"]


async def test_an_empty_or_unknown_incident(store: Store, incident: Callable[..., Incident]) -> None:
    stranger = incident(service="", environment="")
    await store.write(lambda s: incidents.save(s, stranger))
    found = await store.read(lambda s: board.load(s, "inc_1"))
    assert found is not None
    assert (found.facts, found.facts_at, found.proposal, found.similar, found.changes) == ((), None, None, (), ())
    assert await store.read(lambda s: board.load(s, "inc_9")) is None


async def test_a_fresh_board_is_what_loading_it_afterwards_gives(
    store: Store, incident: Callable[..., Incident], new_run: Callable[..., Run], now: datetime
) -> None:
    before = now - timedelta(days=3)

    def fill(session: Session) -> tuple[board.Board, board.Board]:
        incidents.save(session, incident(2, status="resolved", opened_at=before))
        runs.create(session, new_run(incident_id="inc_2"))
        runs.close(session, "run_1", "succeeded", "", now)
        deployed = Change(source="github", key="1", service="payments", environment="prod", summary="v2", at=now)
        changes.add(session, deployed)
        entry = entries.append(session, Entry(incident_id="inc_1", kind=EntryKind.OPENED, at=now, actor="bot"))
        incidents.save(session, incident())
        stranger = entries.append(session, Entry(incident_id="inc_3", kind=EntryKind.OPENED, at=now, actor="bot"))
        incidents.save(session, incident(3, service="", environment=""))
        return board.fresh(session, incident(), entry), board.fresh(
            session, incident(3, service="", environment=""), stranger
        )

    for number, made in zip((1, 3), await store.write(fill), strict=True):
        assert made == await store.read(lambda s, n=number: board.load(s, f"inc_{n}"))
    assert (await store.read(lambda s: board.load(s, "inc_1"))).fixed_by  # type: ignore[union-attr]  # reason: it is there
