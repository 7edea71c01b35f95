"""Correlate: fold signals into incidents. Service and environment come from the catalogue, never from text.

Called by bot/triage.py with one batch and one open transaction; a storm is many signals and few incidents, so each
incident is read once and written once per batch. Must not do I/O other than through the given session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from bot.incident import Change, Incident, IncidentStatus, Signal, SignalKind
from bot.stages.base import Equipment
from bot.stages.paging import end_page
from bot.store import approvals, changes, incidents, proposals, runs, signals
from bot.store.board import Board, fresh
from bot.store.inbox import Delivered
from bot.store.record import announce_all, priority_of
from bot.transcript import Entry, EntryKind

FLAPPING_COUNT = 3
FLAPPING_WINDOW = timedelta(minutes=30)  # worked example X4: three times in thirty minutes
SAID = {"title", "url", "actor_name", "assignees", "service", "details", "labels"}
STATUS_OF = {
    SignalKind.ALERT: IncidentStatus.TRIGGERED,
    SignalKind.REOPENED: IncidentStatus.TRIGGERED,
    SignalKind.UNACKNOWLEDGED: IncidentStatus.TRIGGERED,
    SignalKind.ACKNOWLEDGED: IncidentStatus.ACKNOWLEDGED,
    SignalKind.RESOLVED: IncidentStatus.RESOLVED,
}
ENTRY_OF = {
    SignalKind.REOPENED: EntryKind.REOPENED,
    SignalKind.UNACKNOWLEDGED: EntryKind.UNACKNOWLEDGED,
    SignalKind.ACKNOWLEDGED: EntryKind.ACKNOWLEDGED,
    SignalKind.RESOLVED: EntryKind.RESOLVED,
    SignalKind.REASSIGNED: EntryKind.REASSIGNED,
}


@dataclass(slots=True)
class Correlated:
    """What a batch did. enrich: incidents that need (new) facts and a step; wake: (run id, approval id) now void.

    opened: how many are new; fresh: those of them about which nothing was recorded yet but that they opened.
    """

    enrich: dict[str, Incident] = field(default_factory=dict)
    wake: list[tuple[str, str]] = field(default_factory=list)
    opened: int = 0
    fresh: dict[str, tuple[Incident, Entry]] = field(default_factory=dict)


class _Batch:
    """The incidents of one batch, read once and written once."""

    def __init__(self, session: Session, equipment: Equipment) -> None:
        self.session = session
        self.equipment = equipment
        self.known: dict[tuple[str, str], Incident | None] = {}
        self.dirty: dict[str, Incident] = {}
        self.clean: dict[str, object] = {}

    def redacted(self, signal: Signal) -> Signal:
        """The signal as it may be stored (safety rule 9); the alerts of a storm say the same, so each text once."""
        clean: dict[str, object] = {}
        for name, value in signal.model_dump(mode="json", include=SAID).items():
            key = f"{name} {value!r}"
            if key not in self.clean:
                (self.clean[key],) = self.equipment.redactor.data({name: value}).values()
            if self.clean[key] != value:
                clean[name] = self.clean[key]
        return Signal.model_validate({**signal.model_dump(), **clean}) if clean else signal

    def find(self, signal: Signal) -> Incident | None:
        key = (signal.source, signal.external_id)
        if key not in self.known:
            self.known[key] = incidents.find(self.session, *key)
        return self.known[key]

    def put(self, incident: Incident) -> None:
        self.known[(incident.source, incident.external_id)] = incident
        self.dirty[incident.id] = incident

    def know(self, arrived: Iterable[tuple[Delivered, Signal]]) -> None:
        """Read every incident of the batch at once."""
        wanted: dict[str, set[str]] = {}
        for _, signal in arrived:
            wanted.setdefault(signal.source, set()).add(signal.external_id)
        for source, ids in wanted.items():
            found = incidents.find_all(self.session, source, ids)
            self.known.update({(source, each): found.get(each) for each in ids})

    def save(self, now: datetime, told: Collection[str]) -> None:
        """Write every changed incident at once and have its summary shown. told: those whose summary waits already."""
        incidents.save_all(self.session, list(self.dirty.values()))
        untold = [incident for incident in self.dirty.values() if incident.id not in told]
        if untold:
            announce_all(self.session, untold, now=now)


def correlate(
    session: Session, arrived: Iterable[tuple[Delivered, Signal]], equipment: Equipment, now: datetime
) -> Correlated:
    """Fold a batch. Signals seen before change nothing (dedupe by source and key, trust case T19)."""
    batch = _Batch(session, equipment)
    result = Correlated()
    wanted: dict[str, set[str]] = {}
    arrived = list(arrived)
    for _, signal in arrived:
        wanted.setdefault(signal.source, set()).add(signal.key)
    seen = {(source, key) for source, keys in wanted.items() for key in signals.seen(session, source, keys)}
    batch.know(arrived)
    folded: list[tuple[Signal, str]] = []
    for delivery, signal in arrived:
        if (signal.source, signal.key) in seen:
            continue
        seen.add((signal.source, signal.key))
        clean = batch.redacted(signal)
        folded.append((clean, _fold(batch, delivery, clean, result, now)))
    batch.save(now, result.fresh)
    signals.add_all(session, folded)
    result.fresh = {one: (batch.dirty[one], entry) for one, (_, entry) in result.fresh.items()}
    return result


def boards(session: Session, folded: Correlated, most: int) -> dict[str, Board]:
    """What is shown of the most urgent new incidents, by their id, read in the transaction that opened them."""
    urgent = sorted(folded.fresh.values(), key=lambda pair: priority_of(pair[0].severity))[:most]
    return {incident.id: fresh(session, incident, entry) for incident, entry in urgent}


def _fold(batch: _Batch, delivery: Delivered, signal: Signal, result: Correlated, now: datetime) -> str:
    equipment = batch.equipment
    equipment.metrics.signals.labels(signal.source, signal.kind.value).inc()
    if signal.kind is SignalKind.CHANGE:
        _change(batch, signal)
        return ""
    if signal.kind in (SignalKind.NOTE, SignalKind.OTHER) or not signal.external_id:
        found = batch.find(signal) if signal.external_id else None
        return found.id if found else ""
    incident = batch.find(signal)
    if incident is None:
        incident = _open(batch, signal, result, now)
        batch.put(incident)
        equipment.metrics.signal_seconds.observe(max((now - delivery.received_at).total_seconds(), 0.0))
        return incident.id
    changed = _update(batch, incident, signal, result)
    if changed is not incident:
        batch.put(changed)
    return incident.id


def _change(batch: _Batch, signal: Signal) -> None:
    service = batch.equipment.catalogue.by_reference(signal.source, signal.service, signal.labels)
    changes.add(
        batch.session,
        Change(
            source=signal.source,
            key=signal.key,
            service=service.name if service else "",
            environment=service.environment if service else "",
            summary=signal.title,
            at=signal.occurred_at,
            url=signal.url,
            author=signal.actor_name,
            revision=signal.revision,
        ),
    )


def _open(batch: _Batch, signal: Signal, result: Correlated, now: datetime) -> Incident:
    equipment = batch.equipment
    service = equipment.catalogue.by_reference(signal.source, signal.service, signal.labels)
    status = signal.status or STATUS_OF.get(signal.kind, IncidentStatus.TRIGGERED)
    earlier = incidents.similar(batch.session, service.name, signal.alert_name, now, FLAPPING_COUNT) if service else []
    recent = [i for i in earlier if now - i.opened_at <= FLAPPING_WINDOW]
    incident = Incident(
        id=equipment.new_id("inc"),
        source=signal.source,
        external_id=signal.external_id,
        title=signal.title or signal.alert_name or "(no title)",
        status=status,
        severity=signal.severity,
        service=service.name if service else "",
        environment=service.environment if service else "",
        opened_at=min(signal.occurred_at, now),
        updated_at=signal.occurred_at,
        alert_name=signal.alert_name,
        labels=signal.labels,
        details=signal.details,
        url=signal.url,
        assignees=signal.assignees,
        flapping=len(recent) >= FLAPPING_COUNT - 1,
        channel=service.channel if service else "",
        service_label=signal.service.name,
    )
    result.opened += 1
    equipment.metrics.incidents.labels(incident.service or "unknown", incident.severity.value).inc()
    entry = equipment.record(
        batch.session,
        incident,
        Entry(
            incident_id=incident.id,
            kind=EntryKind.OPENED,
            at=now,
            actor=signal.source,
            data={
                "title": incident.title,
                "severity": incident.severity.value,
                "service": incident.service,
                "environment": incident.environment,
                "url": incident.url,
            },
        ),
    )
    result.fresh[incident.id] = (incident, entry)
    if status is not IncidentStatus.RESOLVED:
        result.enrich[incident.id] = incident
    return incident


def _update(batch: _Batch, incident: Incident, signal: Signal, result: Correlated) -> Incident:
    """The incident after this signal; the same object when nothing changed (a stale or repeated state)."""
    if signal.kind is SignalKind.ALERT and incident.status is not IncidentStatus.RESOLVED:
        return incident.model_copy(update={"occurrences": incident.occurrences + 1})
    first = (
        signal.kind is SignalKind.ALERT
    )  # of two within one second the trigger came first (PagerDuty times: seconds)
    if signal.occurred_at < incident.updated_at or (first and signal.occurred_at == incident.updated_at):
        return incident  # out of order: a newer state is already known (trust case T23)
    update: dict[str, object] = {"updated_at": signal.occurred_at}
    status = signal.status or STATUS_OF.get(signal.kind, incident.status)
    if signal.assignees:
        update["assignees"] = signal.assignees
    if signal.kind is SignalKind.UPDATED:
        update["severity"] = signal.severity
    kind = EntryKind.REOPENED if first else ENTRY_OF.get(signal.kind)
    if first:
        update["occurrences"] = incident.occurrences + 1
    moved = status is not incident.status
    update["status"] = status
    changed = incident.model_copy(update=update)
    reassigned = signal.kind is SignalKind.REASSIGNED and signal.assignees != incident.assignees
    if kind is not None and (moved or reassigned):
        result.fresh.pop(incident.id, None)
        batch.equipment.record(
            batch.session,
            changed,
            Entry(
                incident_id=incident.id,
                kind=kind,
                at=batch.equipment.clock(),
                actor=signal.actor_name or signal.source,
                data={
                    "by": signal.actor_name or signal.source,
                    "via": signal.source,
                    "assignees": list(signal.assignees),
                },
            ),
        )
    if moved and status is IncidentStatus.RESOLVED:
        cancel_open_work(batch.session, batch.equipment, changed, result.wake)
        end_page(batch.session, batch.equipment, changed)
        result.enrich.pop(incident.id, None)
    elif (moved and incident.status is IncidentStatus.RESOLVED) or incident.id in result.enrich:
        result.enrich[incident.id] = changed
    return changed


def cancel_open_work(session: Session, equipment: Equipment, incident: Incident, wake: list[tuple[str, str]]) -> None:
    """A resolved incident needs no more acts: open questions become void, the offered step is withdrawn (T23)."""
    now = equipment.clock()
    for run in runs.for_incident(session, incident.id):
        if run.state == "waiting":
            for approval in approvals.for_run(session, run.id):
                if approvals.decide(session, approval.id, "void", now):
                    wake.append((run.id, approval.id))
    current = proposals.current(session, incident.id)
    if current is not None and current.state == "open":
        proposals.set_state(session, current.id, "superseded")
