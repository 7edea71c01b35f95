"""The one Protocol of the facts room and its values. Called by bot/stages/enrich.py, bot/flow.py through `gather`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import Field

from bot.incident import Frozen, Incident
from bot.services import Service


class Fact(Frozen):
    """One observation. value: JSON values, empty when gap is set; gap: why there is none (shown, never hidden).

    observed_at: UTC, when the observation was finished. took_ms: how long it took, milliseconds.
    """

    name: str
    kind: str
    observed_at: datetime
    took_ms: float = 0.0
    value: dict[str, Any] = Field(default_factory=dict)
    gap: str = ""


@dataclass(frozen=True, slots=True)
class FactRequest:
    """What to observe: name as runbooks call it (`health`), settings from services.yaml, deadline in seconds."""

    name: str
    service: Service
    incident: Incident | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    deadline: float = 3.0


class FactSource(Protocol):
    """Observes facts of one kind. Raises Transient or Permanent; `gather` turns that into a visible gap."""

    kind: str

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """The value of the fact as JSON values."""
        ...
