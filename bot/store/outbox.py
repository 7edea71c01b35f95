"""The outbox: what must still be told to Slack, PagerDuty and the ticket, committed before it is sent (trust rule 11).

Filled by bot/store/record.py; emptied by bot/recorders/outbox.py. A lane (an incident at one destination) is delivered
strictly in order: only its first unsent row is ever offered. Must not send anything or choose a delay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, bindparam, func, insert, select, true, update
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import JsonText, UtcText, changed, run, table

UNSENT = ("pending", "sending")


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """The fields of bot.recorders.base.Delivery, and where it stands.

    state: pending, sending, sent or failed. attempts: tries so far. maybe_sent: some try ended without an answer; it
    stays set, so every later try looks before it sends. priority: 0 first. receipt: what the destination answered.
    """

    id: int
    destination: str
    lane: str
    kind: str
    incident_id: str
    subject: str
    payload: dict[str, Any] = field(default_factory=dict)
    maybe_sent: bool = False
    priority: int = 5
    state: str = "pending"
    attempts: int = 0
    not_before: datetime = field(kw_only=True)
    created_at: datetime = field(kw_only=True)
    sent_at: datetime | None = None
    receipt: str = ""
    error: str = ""


class OutboxTable(SQLModel, table=True):
    """id is also the marker at the destination (`cs-<id>`), so it is never used twice."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_lane", "destination", "state", "lane", "id"),
        Index("ix_outbox_subject", "destination", "kind", "subject", "state"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    destination: str = Field(sa_type=Text)
    lane: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    incident_id: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    payload: dict[str, Any] = Field(sa_type=JsonText)
    maybe_sent: bool
    priority: int
    state: str = Field(sa_type=Text)
    attempts: int
    not_before: datetime = Field(sa_type=UtcText)
    created_at: datetime = Field(sa_type=UtcText)
    sent_at: datetime | None = Field(sa_type=UtcText, nullable=True)
    receipt: str = Field(sa_type=Text)
    error: str = Field(sa_type=Text)


OUTBOX = table(OutboxTable)
C = OUTBOX.c
AT_ONCE = 500  # names in one IN list; SQLite allows 32,766 values
INSERT = insert(OUTBOX)
UNTRIED = (
    select(C.id, C.priority)
    .where(C.destination == bindparam("to"), C.kind == bindparam("what"), C.subject == bindparam("about"))
    .where(C.state == "pending", C.attempts == 0, C.lane == bindparam("on"))
    .order_by(C.id)
    .limit(1)
)


def add(
    session: Session,
    destination: str,
    lane: str,
    kind: str,
    incident_id: str,
    subject: str,
    payload: dict[str, Any] | None = None,
    priority: int = 5,
    coalesce: bool = False,
    *,
    now: datetime,
) -> int:
    """Queue one delivery and return its id.

    coalesce: an unsent, never tried row of the same destination, kind and subject is reused (its text is made from the
    store when it is sent), at the stronger of the two priorities.
    """
    if coalesce:
        same = {"to": destination, "what": kind, "about": subject, "on": lane}
        waiting = run(session, UNTRIED, same).one_or_none()
        if waiting is not None:
            if priority < waiting.priority:
                run(session, update(OUTBOX).where(C.id == waiting.id).values(priority=priority))
            return int(waiting.id)
    values = _fresh(destination, lane, kind, incident_id, subject, payload or {}, priority, now)
    key = run(session, INSERT, values).inserted_primary_key
    return int(key[0]) if key else 0


def untried(session: Session, destination: str, kind: str, subjects: Sequence[str]) -> set[str]:
    """Which subjects already have an unsent, never tried row of that kind."""
    found: set[str] = set()
    for start in range(0, len(subjects), AT_ONCE):
        some = list(subjects[start : start + AT_ONCE])
        wanted = select(C.subject).where(
            C.destination == destination, C.kind == kind, C.state == "pending", C.attempts == 0, C.subject.in_(some)
        )
        found.update(run(session, wanted).scalars())
    return found


def add_coalesced(
    session: Session, destination: str, kind: str, subjects: Sequence[tuple[str, int]], *, now: datetime
) -> None:
    """Queue one row for each (incident id, priority) in one statement; the subject and the lane are the incident."""
    rows = [_fresh(destination, each, kind, each, each, {}, priority, now) for each, priority in subjects]
    if rows:
        session.connection().execute(INSERT, rows)


def heads(session: Session, destination: str, now: datetime, limit: int) -> list[OutboxRow]:
    """What may be sent now: at most the first unsent row of each lane, most important first, then oldest.

    A lane whose first unsent row is being sent or waits for a later time offers nothing.
    """
    first = (
        select(func.min(C.id).label("id"))
        .where(C.destination == destination, C.state.in_(UNSENT))
        .group_by(C.lane)
        .subquery()
    )
    wanted = (
        select(OUTBOX)
        .join(first, first.c.id == C.id)
        .where(C.state == "pending", C.not_before <= now)
        .order_by(C.priority, C.id)
        .limit(limit)
    )
    return [OutboxRow(**row) for row in run(session, wanted).mappings()]


def get(session: Session, delivery_id: int) -> OutboxRow | None:
    """The row with that id."""
    row = run(session, select(OUTBOX).where(C.id == delivery_id)).mappings().one_or_none()
    return None if row is None else OutboxRow(**row)


def sending(session: Session, delivery_id: int) -> bool:
    """Compare-and-set pending to sending, committed before the request leaves; False when somebody else has it."""
    return changed(
        session,
        update(OUTBOX)
        .where(C.id == delivery_id, C.state == "pending")
        .values(state="sending", attempts=C.attempts + 1),
    )


def sent(session: Session, delivery_id: int, receipt: str, now: datetime) -> bool:
    """It arrived: receipt is the destination's own id of it. False when it is already closed."""
    values = {"state": "sent", "receipt": receipt, "sent_at": now, "error": ""}
    return changed(session, update(OUTBOX).where(C.id == delivery_id, C.state.in_(UNSENT)).values(**values))


def retry(session: Session, delivery_id: int, not_before: datetime, error: str, maybe_sent: bool) -> bool:
    """It goes back to the head of its lane, not before an instant. maybe_sent once True stays True."""
    marker = true() if maybe_sent else C.maybe_sent
    values = {"state": "pending", "not_before": not_before, "error": error, "maybe_sent": marker}
    return changed(session, update(OUTBOX).where(C.id == delivery_id, C.state.in_(UNSENT)).values(**values))


def fail(session: Session, delivery_id: int, error: str, now: datetime) -> bool:
    """Give up on it; the lane goes on with the next. sent_at stays empty, so it remains findable as never delivered."""
    values = {"state": "failed", "error": error, "not_before": now}
    return changed(session, update(OUTBOX).where(C.id == delivery_id, C.state.in_(UNSENT)).values(**values))


def hurry(session: Session, destination: str, now: datetime) -> int:
    """The destination answers again: rows that wait after a failed try are due at once; how many there were."""
    done = run(
        session,
        update(OUTBOX)
        .where(C.destination == destination, C.state == "pending", C.attempts > 0, C.not_before > now)
        .values(not_before=now),
    )
    return done.rowcount


def depth(session: Session) -> dict[str, int]:
    """Destination -> number of unsent rows."""
    wanted = select(C.destination, func.count().label("waiting")).where(C.state.in_(UNSENT)).group_by(C.destination)
    return {str(row["destination"]): int(row["waiting"]) for row in run(session, wanted).mappings()}


def recover(session: Session) -> int:
    """At start: rows a crash left in `sending` become pending with maybe_sent; how many there were."""
    done = run(session, update(OUTBOX).where(C.state == "sending").values(state="pending", maybe_sent=True))
    return done.rowcount


def _fresh(
    destination: str,
    lane: str,
    kind: str,
    incident_id: str,
    subject: str,
    payload: dict[str, Any],
    priority: int,
    now: datetime,
) -> dict[str, Any]:
    return {
        "destination": destination,
        "lane": lane,
        "kind": kind,
        "incident_id": incident_id,
        "subject": subject,
        "payload": payload,
        "maybe_sent": False,
        "priority": priority,
        "state": "pending",
        "attempts": 0,
        "not_before": now,
        "created_at": now,
        "sent_at": None,
        "receipt": "",
        "error": "",
    }
