"""The real thing for B17: store, guards, requests, stages, flow and calendars in virtual time, with an adapter that obeys a script.

Used by trust/b17_schedule.py. No network and no waiting; must not judge.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from sqlmodel import Session

from bot.calendars.loader import Calendars
from bot.calendars.recurrence import Unreadable
from bot.errors import Transient
from bot.flow import Flow
from bot.incident import Incident, IncidentStatus, Severity
from bot.membership import Groups
from bot.plan import Act, Plan
from bot.requests import Requests
from bot.services import Catalogue, People
from bot.stages.asking import ask_for
from bot.stages.plan import make_plan
from bot.store import breakers, incidents, runs
from guards.context import OpenBreaker
from runbooks.load import Library
from tests.fakes.equipment import ListJournal, everything_promoted
from trust.b2_world import Shop, Stage, word
from trust.b17_model import Model, Place
from trust.b17_periods import Event, calendar_file
from trust.b17_policy import SERVICES, policy

PLACES: tuple[Place, ...] = (("prod", "a"), ("prod", "b"), ("staging", "a"), ("dev", "a"))
TICK = timedelta(milliseconds=1)
SERIAL = itertools.count()
RUNBOOK = """\
id: {id}
title: Change it
owner: sre
match: {{alerts: ["{id}"]}}
params:
  program: {{type: target, kind: supervisor_program}}
steps:
  - {{id: look, action: supervisor.tail_log, with: {{target: "${{program}}", lines: 5}}}}
{changes}"""
CHANGE = """\
  - id: {id}
    title: Change it
    action: supervisor.restart
    with: {{target: "${{program}}"}}
    rollback: [{{action: supervisor.start, with: {{target: "${{program}}"}}}}]
    safety: {{risk: safe, scopes: [prod, staging, dev], autonomy: auto, blast_radius: {{max_targets: 1}}}}
"""
PEOPLE = {
    "people": [
        {"id": "ana", "name": "Ana", "roles": ["responder"], "slack": [{"team": "T1", "user": "U1"}]},
        {"id": "ben", "name": "Ben", "roles": ["approver"], "slack": [{"team": "T1", "user": "U2"}]},
        {"id": "cora", "name": "Cora", "roles": ["operator"], "slack": [{"team": "T1", "user": "U3"}]},
    ],
    "groups": {"leads": ["ben", "cora"]},
}
CATALOGUE = Catalogue.model_validate(
    {
        "services": [
            {
                "name": service,
                "environment": environment,
                "owner": "team",
                "tier": 2,
                "channel": "C1",
                "targets": [
                    {
                        "kind": "supervisor_program",
                        "name": f"{environment}-{service}",
                        "settings": {"url": "http://127.0.0.1:1/RPC2", "program": service},
                    }
                ],
            }
            for environment, service in PLACES
        ]
    }
)


class Killed(BaseException):
    """The process dies in the middle of an act. No Exception, so that nothing in the bot can catch it."""


@dataclass(slots=True)
class Server:
    """What a calendar's address answers. state: `good`, `garbage`, `missing` or `down`."""

    text: bytes
    state: str = "good"


def library(where: Path) -> Library:
    """The runbooks `once` and `twice`: a look, then one or two changes."""
    place = where / "runbooks-b17"
    place.mkdir(exist_ok=True)
    for name, changes in (("once", ("first",)), ("twice", ("first", "second"))):
        text = RUNBOOK.format(id=name, changes="".join(CHANGE.format(id=each) for each in changes))
        (place / f"{name}.yaml").write_text(text, encoding="utf-8")
    found = Library([place])
    if found.problems:
        raise ValueError(str(found.problems[0]))
    return found


class Frozen(Stage):
    """A bot over an empty database whose policy, calendars and clock are the schedule's."""

    def __init__(self, shop: Shop, model: Model, books: Library, servers: list[Server]) -> None:
        super().__init__(shop, {})
        # the store remembers acts that are over by their ids, as long as it is open: no two schedules may share one
        self._number = next(SERIAL) * 1_000_000
        self.model, self.books, self.servers = model, books, servers
        self.policy = policy(model)
        self.people = People.model_validate(PEOPLE)
        self.during: Callable[[Act], Awaitable[None]] | None = None
        self.upcoming: dict[int, tuple[Event, ...]] = {}
        """Number of a calendar -> the events that its server tells now."""

        shop.world.during = self._during
        shop.world.ok = True

    async def _during(self, act: Act) -> None:
        if self.during is not None:
            await self.during(act)

    def bend(self) -> None:
        """A bot that was just started: its calendars are not read yet."""
        self.calendars = Calendars(
            self.policy.periods,
            self.policy.calendars,
            read_file=lambda name: b"",
            fetch=self._fetch,
            servicenow=None,
            services=SERVICES,
            clock=lambda: self.now,
        )
        self.model.worked_out = False
        for source in self.model.sources:
            source.read_at, source.events, source.unreadable = None, (), False
        self.equipment = replace(
            self.equipment,
            people=self.people,
            groups=Groups(self.people, "T1", lambda: self.now),
            policy=self.policy,
            library=self.books,
            promotions=everything_promoted(self.policy, self.books),
            catalogue=CATALOGUE,
            calendar=self.calendars.current,
        )
        self.requests = Requests(self.equipment, self._start, self._wake)

    async def _fetch(self, url: str) -> bytes:
        """What the server answers; the model is told what the bot gets to read."""
        number = int(url.rpartition("/")[2].removesuffix(".ics"))
        server, source = self.servers[number], self.model.sources[number]
        if server.state == "down":
            raise Transient("the answer was 503")
        if server.state == "missing":
            source.unreadable = True
            raise Unreadable("the answer was 404")
        if server.state == "garbage":
            source.unreadable = True
            return server.text.replace(b"END:VCALENDAR", b"")
        source.unreadable, source.read_at, source.events = False, self.now, self.upcoming[number]
        return server.text

    def serve(self, number: int, events: tuple[Event, ...], zone: str) -> None:
        """The server of that calendar tells something else from now on."""
        self.servers[number].text = calendar_file(events, zone)
        self.upcoming[number] = events

    async def refresh(self) -> None:
        """What the app's loop does all the time."""
        await self.calendars.refresh()
        self.model.worked_out = True

    async def trouble(self, place: Place) -> Incident:
        """A new incident there."""
        made = Incident(
            id=self._new_id("inc"),
            source="pagerduty",
            external_id=self._new_id("P"),
            title="trouble",
            status=IncidentStatus.TRIGGERED,
            severity=Severity.ERROR,
            service=place[1],
            environment=place[0],
            opened_at=self.now,
            updated_at=self.now,
        )
        await self.equipment.store.write(lambda session: incidents.save(session, made))
        return made

    async def want(self, incident: Incident, runbook: str, *, bot: bool) -> tuple[str, str]:
        """Ask for a runbook as a person or as the bot itself: the answer's word, and the id of the run that opened."""
        service, book = self.equipment.service_of(incident), self.books.get(runbook)
        if service is None or book is None:
            raise LookupError(incident.service)
        person = None if bot else self.people.by_id("ana")
        made = make_plan(
            self.equipment,
            incident=incident,
            service=service,
            runbook=book,
            steps=book.steps,
            given={},
            facts={},
            requester="bot" if bot else "ana",
            why="because",
            created_at=self.now,
        )
        if not isinstance(made, Plan):
            raise TypeError(made.reason)
        outcome = await ask_for(self.equipment, incident, made, runbook, person, "")
        return word(outcome.reply), outcome.run_id

    async def carry(self, run_id: str, journal: ListJournal) -> str:
        """What the engine does with a run; raises Killed."""

        async def look(_incident: str) -> None:
            return None

        return await Flow(self.equipment, look).carry_out(run_id, journal)

    async def opened(self) -> tuple[OpenBreaker, ...]:
        """The open breakers as they are stored."""
        return await self.equipment.store.read(breakers.opened)

    async def is_closed(self, run_id: str) -> bool:
        """Whether the run is over."""

        def read(session: Session) -> bool:
            found = runs.get(session, run_id)
            return found is None or found.state == "closed"

        return await self.equipment.store.read(read)
