"""Shadow: what the bot would have done beside what people did then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from bot.incident import Incident, IncidentStatus
from bot.plan import Plan
from bot.store import entries, incidents, proposals, runs, shadow
from bot.store.proposals import Proposal
from bot.store.runs import Run
from bot.store.session import Store
from bot.transcript import Entry, EntryKind
from tests.bot.store.conftest import NOW

LATER, BEFORE = NOW + timedelta(minutes=5), NOW - timedelta(minutes=1)
BECAME = ("agreed", "differed", "resolved", "nothing")


@dataclass
class Past:
    """Writes what happened into one session."""

    incident: Callable[..., Incident]
    plan: Callable[..., Plan]
    new_run: Callable[..., Run]

    def wished(self, session: Session, number: int, runbook: str = "restart-service", **changes: Any) -> None:
        """An incident in which the bot would have run this."""
        at = changes.pop("at", NOW)
        incidents.save(session, self.incident(number, **changes))
        data = {"runbook": runbook, "step": "restart", "answer": "run it alone"}
        _said(session, number, EntryKind.WOULD_HAVE, at, "bot", data)

    def ran(
        self, session: Session, number: int, runbook: str, at: datetime = LATER, who: str = "ana", *, begun: bool = True
    ) -> None:
        made = self.plan(incident_id=f"inc_{number}", runbook=runbook, requester=who)
        run = self.new_run(number, plan=made, id=f"run_{number}_{runbook}", created_at=at)
        runs.create(session, run)
        if begun:
            runs.set_running(session, run.id, at)

    def refused(self, session: Session, number: int, runbook: str, code: str) -> None:
        _said(session, number, EntryKind.REFUSED, LATER, "ana", {"code": code, "runbook": runbook})

    def resolved(self, session: Session, number: int) -> None:
        incidents.save(session, self.incident(number, status=IncidentStatus.RESOLVED))


def _said(session: Session, number: int, kind: EntryKind, at: datetime, actor: str, data: dict[str, Any]) -> None:
    entries.append(session, Entry(incident_id=f"inc_{number}", kind=kind, at=at, actor=actor, data=data))


@pytest.fixture
def past(incident: Callable[..., Incident], plan: Callable[..., Plan], new_run: Callable[..., Run]) -> Past:
    return Past(incident, plan, new_run)


Deed = Callable[[Past, Session], None]
CASES: dict[str, tuple[list[Deed], str]] = {
    "nothing yet": ([], "nothing"),
    "resolved without a run": ([lambda p, s: p.resolved(s, 1)], "resolved"),
    "the same runbook": ([lambda p, s: p.ran(s, 1, "restart-service")], "agreed"),
    "the same, and it is over": (
        [lambda p, s: p.ran(s, 1, "restart-service"), lambda p, s: p.resolved(s, 1)],
        "agreed",
    ),
    "another": ([lambda p, s: p.ran(s, 1, "clear-cache")], "differed"),
    "another, then the same": (
        [lambda p, s: p.ran(s, 1, "clear-cache"), lambda p, s: p.ran(s, 1, "restart-service")],
        "agreed",
    ),
    "the same, but before": (
        [lambda p, s: p.ran(s, 1, "restart-service", BEFORE), lambda p, s: p.resolved(s, 1)],
        "resolved",
    ),
    "the same, but declined": ([lambda p, s: p.ran(s, 1, "restart-service", begun=False)], "nothing"),
    "the same, by the bot": ([lambda p, s: p.ran(s, 1, "restart-service", who="bot")], "nothing"),
    "the same, but only watched": ([lambda p, s: p.refused(s, 1, "restart-service", "shadow")], "agreed"),
    "another, but only watched": ([lambda p, s: p.refused(s, 1, "clear-cache", "monitor_only")], "differed"),
    "the same, but refused": ([lambda p, s: p.refused(s, 1, "restart-service", "wrong_role")], "nothing"),
}


@pytest.mark.parametrize("name", CASES)
async def test_G11_what_people_did_then(store: Store, past: Past, name: str) -> None:
    deeds, became = CASES[name]

    def write(session: Session) -> list[shadow.Line]:
        past.wished(session, 1)
        for deed in deeds:
            deed(past, session)
        return shadow.report(session, NOW - timedelta(days=1))

    (line,) = await store.write(write)
    assert {word: getattr(line, word) for word in BECAME if getattr(line, word)} == {became: 1}
    assert line.times == 1


async def test_G11_a_line_for_each_runbook_and_environment(store: Store, past: Past) -> None:
    def write(session: Session) -> list[shadow.Line]:
        for number, environment in enumerate(("prod", "prod", "staging"), 1):
            past.wished(session, number, environment=environment)
        past.wished(session, 4, "clear-cache")
        past.ran(session, 1, "restart-service")
        past.ran(session, 2, "clear-cache")
        return shadow.report(session, NOW)

    lines = await store.write(write)
    assert [(line.runbook, line.environment, line.times) for line in lines] == [
        ("clear-cache", "prod", 1),
        ("restart-service", "prod", 2),
        ("restart-service", "staging", 1),
    ]
    assert [line.agreement for line in lines] == [None, 0.5, None]
    assert lines[1].answers == {"run it alone": 2}


async def test_what_was_before_does_not_count(store: Store, past: Past) -> None:
    def write(session: Session) -> list[shadow.Line]:
        past.wished(session, 1, at=NOW - timedelta(days=2))
        return shadow.report(session, NOW - timedelta(days=1))

    assert await store.write(write) == []


async def test_the_steps_that_a_person_skipped(store: Store) -> None:
    def write(session: Session) -> tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]]]:
        for number, state in enumerate(("skipped", "open", "superseded", "taken"), 1):
            proposals.save(
                session,
                Proposal(f"prop_{number}", "inc_1", f"book-{number}", "go", "w", state, None, 1.0, [], created_at=NOW),
            )
        return shadow.skipped(session, "inc_1"), shadow.skipped(session, "inc_2")

    assert await store.write(write) == (frozenset({("book-1", "go")}), frozenset())
