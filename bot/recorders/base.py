"""The Protocols of the recorders room and their values: what the outbox calls, and what triage calls of the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self, runtime_checkable

from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Delivery:
    """One outbox row on its way. id: also the marker that makes a repeat recognisable (`cs-<id>`).

    kind: `summary`, `card`, `entry`, `status`, `page`, `comment`... subject: incident id, run id or entry seq as text.
    maybe_sent: an earlier try ended without an answer, so look before sending again. seen: what was read of the store in
    the transaction that claimed it, None when nothing was.
    """

    id: int
    destination: str
    lane: str
    kind: str
    incident_id: str
    subject: str
    payload: dict[str, Any] = field(default_factory=dict)
    maybe_sent: bool = False
    seen: object = None


class Recorder(Protocol):
    """Delivers to one destination. Raises Transient (with retry_after), Permanent or Ambiguous."""

    destination: str

    async def deliver(self, delivery: Delivery) -> str:
        """Sends it and returns the receipt (message ts, note id, comment id). With maybe_sent it first looks for the
        marker and returns that receipt when it is already there.
        """
        ...


class Turn(Protocol):
    """One look at what could be delivered now, inside one transaction and in the store's thread."""

    @property
    def soonest(self) -> float | None:
        """Seconds until something that was not allowed may go; None when nothing was held back."""
        ...

    def allows(self, session: Session, delivery: Delivery) -> bool:
        """Whether it may go at this moment, counting those that were allowed before it."""
        ...

    def seen(self, session: Session, delivery: Delivery) -> object:
        """What its delivery shows, for `Delivery.seen`."""
        ...


@runtime_checkable
class Reader(Protocol):
    """A recorder that shows what the store says: it reads in the transaction that claims, and holds back by its pace."""

    def turn(self) -> Turn:
        """A fresh look."""
        ...


class Promise(Protocol):
    """Places held for deliveries that a caller's own transaction claims; they leave when the block ends without error."""

    places: int

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...

    def claim(self, session: Session, seen: Mapping[str, object], now: datetime) -> None:
        """Claim the first delivery of at most `places` lanes. seen: lane -> `Delivery.seen`. In the store's thread."""
        ...


class Unheld:
    """A promise of nothing: the outbox finds the rows by itself."""

    places = 0

    def claim(self, session: Session, seen: Mapping[str, object], now: datetime) -> None:
        """Leave them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class AtOnce(Protocol):
    """The outbox as triage sees it."""

    def at_once(self, destination: str) -> Promise:
        """Hold what is free now, possibly nothing. To be used as `with`, around one write."""
        ...
