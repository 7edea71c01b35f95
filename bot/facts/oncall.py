"""Fact `oncall`: who is on call now. {people: [names], ids: [PagerDuty user ids]}, first level first (mission N1, C2).

Settings {escalation_policy}; without it the service's own escalation policy. Nobody on call is a value (two empty
lists), which the summary must show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from bot.errors import Permanent
from bot.facts.base import FactRequest
from bot.facts.settings import FactSettings, settings_of


class OnCalls(Protocol):
    """What this needs of the PagerDuty client."""

    async def oncalls(self, escalation_policy_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Entries of `GET /oncalls`, lowest level first."""
        ...


class OnCallSettings(FactSettings):
    """escalation_policy: PagerDuty id; '' for the service's own."""

    escalation_policy: str = ""


class OnCallFact:
    """Observes facts of kind `oncall`."""

    kind = "oncall"

    def __init__(self, client: OnCalls) -> None:
        self._client = client

    async def observe(self, request: FactRequest) -> dict[str, Any]:
        """Ask PagerDuty. Raises Permanent without an escalation policy, and what the client raises."""
        policy = settings_of(OnCallSettings, request.settings).escalation_policy or request.service.escalation_policy
        if not policy:
            raise Permanent("services.yaml names no escalation policy")
        people: dict[str, str] = {}
        for entry in await self._client.oncalls([policy]):
            user = entry.get("user") or {}
            identity = str(user.get("id") or "")
            if identity:
                people.setdefault(identity, str(user.get("summary") or user.get("name") or identity)[:80])
        return {"people": list(people.values()), "ids": list(people)}
