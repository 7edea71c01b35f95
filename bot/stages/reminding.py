"""Reminding: a question that waits is said again before it ends, and opened to more people when nobody answered (P2).

Called by bot/reconciler.py again and again. The question's own row says when and to whom, frozen when it was asked, so a
changed policy changes no question that stands. Must not decide a question.
"""

from __future__ import annotations

from sqlmodel import Session

from bot.stages.base import Equipment
from bot.stages.closing import load, note
from bot.store import approvals
from bot.store.approvals import Approval
from bot.transcript import EntryKind


async def remind(equipment: Equipment) -> int:
    """Tell every thread that is due; how many were told. Each is told once, in one transaction with its mark."""
    now = equipment.clock()
    due = await equipment.store.read(lambda session: approvals.due(session, now))
    if not due:
        return 0

    def write(session: Session) -> int:
        return sum(_tell(session, equipment, approval) for approval in approvals.due(session, now))

    told = await equipment.store.write(write)
    equipment.wake()
    return told


def _tell(session: Session, equipment: Equipment, approval: Approval) -> int:
    now = equipment.clock()
    run, incident = load(session, approval.run_id)
    widened = approval.widen_at is not None and approval.widened_at is None and approval.widen_at <= now
    reminded = approval.remind_at is not None and approval.reminded_at is None and approval.remind_at <= now
    expires = approval.expires_at.isoformat()
    if widened:
        data = {"groups": approval.widen_to, "expires_at": expires, "approval_id": approval.id}
        note(session, equipment, run, incident, EntryKind.WIDENED, data)
    if reminded:
        groups = [*approval.approvers.get("any_of", ()), *approval.approvers.get("all_of", ())]
        data = {"groups": groups, "expires_at": expires, "approval_id": approval.id}
        note(session, equipment, run, incident, EntryKind.REMINDED, data)
    approvals.mark_told(session, approval.id, widened=now if widened else None, reminded=now if reminded else None)
    return 1
