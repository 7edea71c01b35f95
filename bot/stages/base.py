"""What every stage is given: one frozen value with the rooms below, so that nothing is global and tests need no patching.

Made by bot/app.py (and by tests with fakes). Stages and flow see only the Protocols of the role rooms.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from bot.adapters.base import Adapter
from bot.facts.base import FactSource
from bot.incident import Incident, IncidentStatus
from bot.kill_switch import KillSwitch
from bot.membership import Groups
from bot.operations.base import Operation
from bot.redact import Redactor
from bot.services import Catalogue, People, Service
from bot.sources.base import Source
from bot.store.record import Routes, priority_of, record
from bot.store.session import Store
from bot.telemetry import Metrics
from bot.transcript import Entry
from guards.context import Calendar
from guards.policy import Policy
from runbooks.load import Library
from runbooks.match import Index
from runbooks.promotion_records import PromotionRecords


@dataclass(frozen=True, slots=True)
class Equipment:
    """Everything a stage may use.

    clock: timezone-aware UTC now. sleep: seconds. new_id: prefix -> fresh id. live_status: what the monitor says about
    an incident at this moment, None when it cannot be asked. clock_jumped: whether the wall clock was turned in the last
    five minutes (T65). wake: tells the outbox that there is something to deliver.
    calendar: what the calendars say around an instant, from memory. groups: who is in which approving group now.
    promotions: which version of a runbook may be used where; when not given, nothing may change anything anywhere.
    """

    store: Store
    catalogue: Catalogue
    people: People
    policy: Policy
    library: Library
    operations: Mapping[str, Operation]
    adapters: Mapping[str, Adapter]
    fact_sources: Mapping[str, FactSource]
    sources: Mapping[str, Source]
    kill_switch: KillSwitch
    redactor: Redactor
    metrics: Metrics
    worker: str
    boot: str
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    new_id: Callable[[str], str]
    live_status: Callable[[Incident], Awaitable[IncidentStatus | None]]
    wake: Callable[[], None]
    calendar: Callable[[datetime], Calendar]
    groups: Groups
    pagerduty: bool
    jira: bool
    servicenow: bool
    notes: bool = True
    stale_after: float = 600.0
    clock_jumped: Callable[[], bool] = lambda: False
    promotions: PromotionRecords = field(default_factory=PromotionRecords)

    def service_of(self, incident: Incident) -> Service | None:
        """The catalogue entry of an incident; None when the catalogue does not know it."""
        return self.catalogue.named(incident.service, incident.environment) if incident.service else None

    def routes(self, incident: Incident) -> Routes:
        """Which destinations the transcript of this incident goes to."""
        service = self.service_of(incident)
        return Routes(
            slack=True,
            pagerduty=self.pagerduty and self.notes and incident.source == "pagerduty",
            jira=bool(self.jira and service and service.tickets.jira_project),
            servicenow=bool(self.servicenow and service and service.tickets.servicenow),
        )

    def record(self, session: Session, incident: Incident, entry: Entry) -> Entry:
        """Write one entry: redacted, audited, routed, in the caller's transaction (safety rules 8 and 9)."""
        return record(
            session,
            entry,
            self.routes(incident),
            redactor=self.redactor,
            priority=priority_of(incident.severity),
        )

    def index(self) -> Index:
        """The index over the library's present runbooks."""
        return self.library.index
