"""Whether a button belongs to the message it was clicked in: value, channel and ts must match the record (case T12).

Used by bot/slack/actions.py through the desk. Reads the store only; a card whose place was never recorded does not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sqlmodel import Session

from bot.store import approvals, messages, proposals
from bot.store.messages import SlackMessage
from bot.store.session import Store

LOOKS = 20
BETWEEN_LOOKS = 0.25  # seconds

OF_PROPOSAL = frozenset({"step_run", "step_plan", "step_skip"})
OF_APPROVAL = frozenset({"plan_approve", "plan_reject", "unknown_done", "unknown_retry", "unknown_abort"})


class Records:
    """Looks up in the store which message shows a proposal, a run or an incident."""

    def __init__(self, store: Store, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._store = store
        self._sleep = sleep

    async def belongs(self, action_id: str, value: str, channel: str, ts: str) -> bool:
        """True when (channel, ts) is the recorded message of what `value` names.

        A message can be on the screen before its place is recorded (the bot was killed in between, and the outbox finds
        it again): then this waits a moment for the record instead of turning an honest click away.
        """

        def look(session: Session) -> tuple[bool, SlackMessage | None]:
            key = _key(session, action_id, value)
            return bool(key), messages.get(session, key) if key else None

        for _ in range(LOOKS):
            named, message = await self._store.read(look)
            if message is not None or not named:
                break
            await self._sleep(BETWEEN_LOOKS)
        return message is not None and (message.channel, message.ts) == (channel, ts)


def _key(session: Session, action_id: str, value: str) -> str:
    if action_id in OF_PROPOSAL:
        proposal = proposals.get(session, value)
        return f"summary:{proposal.incident_id}" if proposal else ""
    if action_id in OF_APPROVAL:
        approval = approvals.get(session, value)
        return f"card:{approval.run_id}" if approval else ""
    if action_id == "run_stop":
        return f"card:{value}"
    return f"summary:{value}" if action_id == "incident_escalate" else ""
