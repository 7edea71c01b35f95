"""The outbox: what must still be told to Slack, PagerDuty and the ticket, committed before it is sent (trust rule 11).

Filled by bot/store/record.py; emptied by bot/recorders/outbox.py. A lane (an incident at one destination) is delivered
strictly in order: only its first unsent row is ever offered. Must not send anything or choose a delay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Index, Select, Text, bindparam, func, insert, or_, select, true, update
from sqlmodel import Field, Session, SQLModel

from bot.store.among import among, among_elsewhere, listed
from bot.store.columns import JsonText, UtcText, changed, run, table
from bot.store.statement import Row, Statement

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
LOOK = 200  # heads that one claim looks at; the most important ones
NAMES = [column.name for column in C]
IS_UNSENT = or_(C.state == "pending", C.state == "sending")
ADD = Statement(insert(OUTBOX), columns=[name for name in NAMES if name != "id"])
TO = C.destination == bindparam("to")


def _heads(*of: ColumnElement[bool]) -> Select[Any]:
    first = select(func.min(C.id).label("id")).where(TO, IS_UNSENT, *of).group_by(C.lane).subquery()
    return (
        select(OUTBOX)
        .join(first, first.c.id == C.id)
        .where(C.state == "pending", C.not_before <= bindparam("now"))
        .order_by(C.priority, C.id)
        .limit(bindparam("most"))
    )


UNTRIED = (TO, C.kind == bindparam("what"), C.state == "pending", C.attempts == 0)
ABOUT, ON = C.subject == bindparam("about"), C.lane == bindparam("on")
WAITING = Statement(select(C.id, C.priority).where(*UNTRIED, ABOUT, ON).order_by(C.id).limit(1))
WAITING_ALL = Statement(
    select(C.subject).where(*UNTRIED, among(C.subject, "about")),
    elsewhere=select(C.subject).where(*UNTRIED, among_elsewhere(C.subject, "about")),
)
HEADS = Statement(_heads())
HEADS_OF = Statement(_heads(among(C.lane, "lanes")), elsewhere=_heads(among_elsewhere(C.lane, "lanes")))
ONE = Statement(select(OUTBOX).where(C.id == bindparam("wanted")))
SENDING = Statement(
    update(OUTBOX)
    .where(C.id == bindparam("wanted"), C.state == "pending")
    .values(state="sending", attempts=C.attempts + 1)
)
SENT = Statement(
    update(OUTBOX)
    .where(C.id == bindparam("wanted"), IS_UNSENT)
    .values(state="sent", receipt=bindparam("what"), sent_at=bindparam("now"), error="")
)


@dataclass(frozen=True, slots=True)
class Wish:
    """One delivery about an incident. coalesce: as in `add`."""

    destination: str
    kind: str
    subject: str
    coalesce: bool = False


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
    wish = Wish(destination, kind, subject, coalesce)
    waiting = _waiting(session, wish, lane, priority)
    return waiting or ADD.add(session, **_fresh(wish, lane, incident_id, payload or {}, priority, now))


def add_all(session: Session, incident_id: str, wanted: Sequence[Wish], *, priority: int, now: datetime) -> None:
    """`add` for everything that one transcript entry is told by, in the order given, in the incident's lanes."""
    fresh = [wish for wish in wanted if not _waiting(session, wish, incident_id, priority)]
    ADD.add_all(session, [_fresh(wish, incident_id, incident_id, {}, priority, now) for wish in fresh])


def _waiting(session: Session, wish: Wish, lane: str, priority: int) -> int:
    """The unsent, never tried row to reuse, made at least that urgent; 0 when there is none or it is not to be reused."""
    if not wish.coalesce:
        return 0
    found = WAITING.first(session, to=wish.destination, what=wish.kind, about=wish.subject, on=lane)
    if found is None:
        return 0
    if priority < found[1]:
        run(session, update(OUTBOX).where(C.id == found[0]).values(priority=priority))
    return int(found[0])


def untried(session: Session, destination: str, kind: str, subjects: Sequence[str]) -> set[str]:
    """Which subjects already have an unsent, never tried row of that kind."""
    return {row[0] for row in WAITING_ALL.rows(session, to=destination, what=kind, about=listed(subjects))}


def add_coalesced(
    session: Session, destination: str, kind: str, subjects: Sequence[tuple[str, int]], *, now: datetime
) -> None:
    """Queue one row for each (incident id, priority) in one statement; the subject and the lane are the incident."""
    ADD.add_all(
        session, [_fresh(Wish(destination, kind, each), each, each, {}, priority, now) for each, priority in subjects]
    )


def heads(session: Session, destination: str, now: datetime, limit: int) -> list[OutboxRow]:
    """What may be sent now: at most the first unsent row of each lane, most important first, then oldest.

    A lane whose first unsent row is being sent or waits for a later time offers nothing.
    """
    return [_row(row) for row in HEADS.rows(session, to=destination, now=now, most=limit)]


def claim(
    session: Session,
    destination: str,
    now: datetime,
    limit: int,
    *,
    lanes: Collection[str] | None = None,
    fits: Callable[[OutboxRow], bool] = lambda row: True,
) -> list[OutboxRow]:
    """Take at most `limit` heads for sending: `sending` in this transaction, so committed before any request leaves.

    lanes: only these. fits: whether a row may go at this moment; asked in the order of `heads`, once for each row that
    could be taken. The rows are told as they were before: attempts counts earlier tries.
    """
    if lanes is None:
        found = HEADS.rows(session, to=destination, now=now, most=LOOK)
    else:
        found = HEADS_OF.rows(session, to=destination, now=now, most=LOOK, lanes=listed(lanes))
    taken: list[OutboxRow] = []
    for row in map(_row, found):
        if len(taken) == limit:
            break
        if fits(row) and SENDING.change(session, wanted=row.id):
            taken.append(row)
    return taken


def get(session: Session, delivery_id: int) -> OutboxRow | None:
    """The row with that id."""
    row = ONE.first(session, wanted=delivery_id)
    return None if row is None else _row(row)


def sending(session: Session, delivery_id: int) -> bool:
    """Compare-and-set pending to sending, committed before the request leaves; False when somebody else has it."""
    return SENDING.change(session, wanted=delivery_id)


def sent(session: Session, delivery_id: int, receipt: str, now: datetime) -> bool:
    """It arrived: receipt is the destination's own id of it. False when it is already closed."""
    return SENT.change(session, wanted=delivery_id, what=receipt, now=now)


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


def _row(row: Row) -> OutboxRow:
    return OutboxRow(**dict(zip(NAMES, row, strict=True)))


def _fresh(
    wish: Wish, lane: str, incident_id: str, payload: dict[str, Any], priority: int, now: datetime
) -> dict[str, Any]:
    return {
        "destination": wish.destination,
        "lane": lane,
        "kind": wish.kind,
        "incident_id": incident_id,
        "subject": wish.subject,
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
