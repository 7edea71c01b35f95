"""Whether a button belongs to the message it was clicked in: value, channel and ts must match the record (case T12).

Used by bot/slack/actions.py through the desk. Reads the store only; a card whose place was never recorded does not count.
"""

from __future__ import annotations

from sqlmodel import Session

from bot.store import approvals, messages, proposals
from bot.store.session import Store

OF_PROPOSAL = frozenset({"step_run", "step_plan", "step_skip"})
OF_APPROVAL = frozenset({"plan_approve", "plan_reject", "unknown_done", "unknown_retry", "unknown_abort"})


class Records:
    """Looks up in the store which message shows a proposal, a run or an incident."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def belongs(self, action_id: str, value: str, channel: str, ts: str) -> bool:
        """True when (channel, ts) is the recorded message of what `value` names."""

        def look(session: Session) -> bool:
            key = _key(session, action_id, value)
            message = messages.get(session, key) if key else None
            return message is not None and (message.channel, message.ts) == (channel, ts)

        return await self._store.read(look)


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
