"""Still equipment: the bot's real stages over a store of its own, with nothing behind it that could be touched.

Used by bot/simulation/rehearsal.py and bot/simulation/cases.py. There are no adapters, no clients and no fact source that
looks at anything: an observation is what was given, or a visible gap. Clock and ids are fixed, so that the same input
gives the same output byte for byte. The store is a file in a temporary folder that is removed afterwards.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from bot.calendars import declared_calendar
from bot.errors import Permanent
from bot.facts.base import FactRequest
from bot.incident import Incident, IncidentStatus
from bot.kill_switch import KillSwitch
from bot.membership import Groups
from bot.redact import Redactor
from bot.roster import OPERATIONS
from bot.services import Catalogue, People
from bot.sources.base import Source
from bot.stages.base import Equipment
from bot.store.session import Store
from bot.telemetry import Metrics
from guards.context import Calendar
from guards.policy import Policy
from runbooks.ladder import Ladder
from runbooks.load import Catalogue as Loaded
from runbooks.load import Library
from runbooks.model import Runbook
from runbooks.promotion_records import PromotionRecords
from runbooks.shelf import EMPTY, Shelf

AT = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
"""A Wednesday morning: when everything of a simulation happens, unless it is told otherwise."""
AROUND = timedelta(days=1)
WORKER = "simulation"

Facts = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Still:
    """equipment: for the stages. folder: temporary, for whatever else needs a file."""

    equipment: Equipment
    folder: Path


class GivenFacts:
    """A fact source that knows what it was told. given: fact name -> value, as a person or a file says."""

    def __init__(self, kind: str, given: Facts) -> None:
        self.kind = kind
        self._given = given

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """The given value. Raises Permanent for a fact that was not given, which makes it a visible gap."""
        if request.name not in self._given:
            raise Permanent("not given to this simulation")
        return dict(self._given[request.name])


class Given(Library):
    """Runbooks that are in memory already: nothing is read, and nothing is reloaded."""

    def __init__(self, runbooks: Mapping[str, Runbook], shelf: Shelf = EMPTY) -> None:
        super().__init__(())
        self.take(Loaded(runbooks, (), shelf))


def given_sources(catalogue: Catalogue, given: Facts) -> dict[str, GivenFacts]:
    """A source for every kind of fact in the catalogue."""
    kinds = sorted({setting.kind for service in catalogue.services for setting in service.facts.values()})
    return {kind: GivenFacts(kind, given) for kind in kinds}


def calendar_of(policy: Policy) -> Callable[[datetime], Calendar]:
    """What the policy itself declares around a moment; imported calendars are not read here."""
    return lambda now: declared_calendar(policy.periods, now - AROUND, now + AROUND)


@asynccontextmanager
async def still(
    *,
    catalogue: Catalogue,
    people: People,
    policy: Policy,
    library: Library,
    facts: Facts,
    sources: Mapping[str, Source] | None = None,
    team: str = "",
    now: datetime = AT,
    promotions: PromotionRecords | None = None,
) -> AsyncIterator[Still]:
    """Equipment that lives as long as the block. facts: name -> value; sources: who reads deliveries; team: of Slack.

    promotions: the records in force; None where a runbook is looked at before it is promoted, and none are asked for.
    """
    numbers = count(1)

    async def unasked(_incident: Incident) -> IncidentStatus | None:
        return None

    with tempfile.TemporaryDirectory(prefix="countersign-simulation-") as name:
        folder = Path(name)
        async with await Store.open(f"sqlite:///{folder / 'simulation.db'}") as store:
            equipment = Equipment(
                store=store,
                catalogue=catalogue,
                people=people,
                policy=policy,
                library=library,
                operations=OPERATIONS,
                adapters={},
                fact_sources=given_sources(catalogue, facts),
                sources=dict(sources or {}),
                kill_switch=KillSwitch(store, folder / "kill_switch", lambda: now),
                redactor=Redactor([], b"simulation"),
                metrics=Metrics(),
                worker=WORKER,
                boot=WORKER,
                clock=lambda: now,
                sleep=asyncio.sleep,
                new_id=lambda prefix: f"{prefix}_simulated{next(numbers):03d}",
                live_status=unasked,
                wake=lambda: None,
                calendar=calendar_of(policy),
                groups=Groups(people, team, lambda: now),
                pagerduty=True,
                jira=any(service.tickets.jira_project for service in catalogue.services),
                servicenow=any(service.tickets.servicenow for service in catalogue.services),
                promotions=promotions or PromotionRecords(ladder=Ladder(without_record=frozenset(policy.environments))),
            )
            yield Still(equipment, folder)
