"""Is this Slack account one of our own people's: no guest, no other organisation, no bot, not switched off (case T07)?

Made by bot/slack/room.py, asked by bot/slack/desk.py before anything that changes something. Who a person is says the
directory (bot/slack/actors.py); this asks Slack what has become of the account. Must not decide what a person may do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.errors import CountersignError
from bot.telemetry import log
from guards.decision import Deny

FRESH = timedelta(seconds=60)  # as long as group membership may be believed (trust case T02)
PATIENCE = 2.0  # seconds for one lookup
UNAVAILABLE = "authz_unavailable"
NOT_KNOWN = Deny(
    UNAVAILABLE,
    "Slack does not say now whether this account is one of ours.",
    "Try again in a moment; `runbookctl` works without Slack.",
)
GUEST = Deny("guest_refused", "Guest accounts may look, not act.", "Ask with an account of a full member.")
FOREIGN = Deny(
    "foreign_account", "This account belongs to another organisation.", "Ask with an account of this workspace."
)
BOT = Deny("foreign_account", "This account is a bot's, not a person's.", "Ask with an account of your own.")
DELETED = Deny("foreign_account", "This account is switched off in Slack.", "Ask a workspace admin about it.")
FLAGS = (
    ("deleted", DELETED),
    ("is_bot", BOT),
    ("is_stranger", FOREIGN),
    ("is_restricted", GUEST),
    ("is_ultra_restricted", GUEST),
)
"""Flags of a user object (reference/apis.md 1.7), each with what it means for us."""


class Accounts:
    """user_info: Slack user id -> the user object of `users.info`, raising our errors. team: id of our workspace.

    clock: UTC now. patience: seconds that one lookup may take.
    """

    def __init__(
        self,
        user_info: Callable[[str], Awaitable[Mapping[str, Any]]],
        team: str,
        clock: Callable[[], datetime],
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._user_info = user_info
        self._team = team
        self._clock = clock
        self._patience = patience
        self._known: dict[str, tuple[datetime, Deny | None]] = {}  # only people of the directory: it stays small

    async def refusal(self, user: str) -> Deny | None:
        """Why this account may change nothing, None when it may; what is known stays so for a minute. Never raises.

        user: Slack id of a verified payload. What cannot be learned in time is a refusal, and is asked again next time.
        """
        now = self._clock()
        at, found = self._known.get(user, (None, None))
        if at is not None and timedelta() <= now - at <= FRESH:  # a clock set back makes nothing fresh (T65)
            return found
        try:
            async with asyncio.timeout(self._patience):
                told = await self._user_info(user)
        except (CountersignError, TimeoutError) as error:
            log().warning("slack: an account could not be looked up", user=user, error=str(error))
            return NOT_KNOWN
        if told.get("id") != user or not told.get("team_id"):
            log().warning("slack: the answer is not about this account", user=user)
            return NOT_KNOWN
        found = self._judged(told)
        self._known[user] = (now, found)
        return found

    def _judged(self, told: Mapping[str, Any]) -> Deny | None:
        if told["team_id"] != self._team:
            return FOREIGN
        return next((denial for flag, denial in FLAGS if told.get(flag)), None)
