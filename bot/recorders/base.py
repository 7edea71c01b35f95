"""The one Protocol of the recorders room and its values. Called by bot/recorders/outbox.py only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Delivery:
    """One outbox row on its way. id: also the marker that makes a repeat recognisable (`cs-<id>`).

    kind: `summary`, `card`, `entry`, `status`, `page`, `comment`... subject: incident id, run id or entry seq as text.
    maybe_sent: an earlier try ended without an answer, so look before sending again.
    """

    id: int
    destination: str
    lane: str
    kind: str
    incident_id: str
    subject: str
    payload: dict[str, Any] = field(default_factory=dict)
    maybe_sent: bool = False


class Recorder(Protocol):
    """Delivers to one destination. Raises Transient (with retry_after), Permanent or Ambiguous."""

    destination: str

    async def deliver(self, delivery: Delivery) -> str:
        """Sends it and returns the receipt (message ts, note id, comment id). With maybe_sent it first looks for the
        marker and returns that receipt when it is already there.
        """
        ...
