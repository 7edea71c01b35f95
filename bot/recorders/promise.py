"""Deliveries that leave as soon as the transaction that added them is committed, without one of the outbox's own.

Made by bot/recorders/outbox.py (`at_once`), used by bot/triage.py around its fold. The rows are `sending` from their first
commit on, so a crash before the request leaves is looked up like any other (T51, T64). Must not begin a transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Self

from sqlmodel import Session

from bot.recorders.base import Delivery
from bot.store.outbox import OutboxRow

if TYPE_CHECKING:
    from bot.recorders.outbox import Desk

Claimed = tuple[OutboxRow, Delivery]


class Promise:
    """Places held at one desk; the deliveries claimed for them leave when the block ends without an error."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._claimed: list[Claimed] = []
        self.places = desk.hold()

    def claim(self, session: Session, seen: Mapping[str, object], now: datetime) -> None:
        """Claim the first delivery of at most `places` of these lanes; called inside the caller's transaction."""
        if self.places and seen:
            self._claimed, _ = self._desk.claim(session, now, self.places, seen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._desk.let_go(self.places)
        if kind is None:
            self._desk.start(self._claimed)


def delivery_of(row: OutboxRow, seen: object) -> Delivery:
    """What a recorder is given of a row."""
    return Delivery(
        id=row.id,
        destination=row.destination,
        lane=row.lane,
        kind=row.kind,
        incident_id=row.incident_id,
        subject=row.subject,
        payload=row.payload,
        maybe_sent=row.maybe_sent,
        seen=seen,
    )
