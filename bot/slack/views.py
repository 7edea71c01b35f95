"""The windows people send back: today the reason for a rejection (mission P2).

Registered by bot/slack/bolt.py. The acknowledgement says what happens to the window, so it is given at once; the vote
follows after it. Must not trust private_metadata beyond what bot/requests.py checks against the store.
"""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping
from typing import Any

from bot.services import Person
from bot.slack.actions import FORGED
from bot.slack.actors import caller
from bot.slack.desk import Desk, Place, Said
from bot.telemetry import log

LONGEST = 500


class Views:
    """Checks a submission, then gives the work that follows the acknowledgement."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def check_reject(self, body: Mapping[str, Any]) -> dict[str, str]:
        """Errors per input, empty when the window may close."""
        reason = self._reason(body)
        if not reason.strip():
            return {"reason": "Please say in one sentence why not."}
        return {"reason": f"Please keep it under {LONGEST} characters."} if len(reason) > LONGEST else {}

    def reject(self, body: Mapping[str, Any]) -> Coroutine[Any, Any, None]:
        """The vote, and its answer to the person; run after the acknowledgement."""
        return self._reject(body)

    async def _reject(self, body: Mapping[str, Any]) -> None:
        who = caller(body, self._desk.people, self._desk.team)
        belongs_to = self._metadata(body)
        channel, ts = belongs_to.get("channel", ""), belongs_to.get("ts", "")
        place = Place(channel or who.user, who.user, "", belongs_to.get("thread", ""))
        if who.person is None:
            await self._desk.tell(place, Said("stranger", {"team": who.team, "user": who.user}))
            return
        if not channel or not ts:  # a window that we opened names its card; without one nothing could be compared (T12)
            log().warning("slack: a window that names no card", user=who.user)
            await self._desk.tell(place, FORGED)
            return
        await self._desk.settle(place, self._vote(belongs_to, who.person, self._reason(body), channel, ts), "stops")

    async def _vote(self, belongs_to: Mapping[str, str], person: Person, reason: str, channel: str, ts: str) -> Any:
        return await self._desk.asking.vote(belongs_to.get("approval", ""), person, False, reason.strip(), channel, ts)

    @staticmethod
    def _reason(body: Mapping[str, Any]) -> str:
        values = ((body.get("view") or {}).get("state") or {}).get("values") or {}
        return str(((values.get("reason") or {}).get("text") or {}).get("value") or "")

    @staticmethod
    def _metadata(body: Mapping[str, Any]) -> dict[str, str]:
        try:
            found = json.loads((body.get("view") or {}).get("private_metadata") or "{}")
        except ValueError:
            return {}
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
