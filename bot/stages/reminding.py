"""Reminding: a question that waits is said again before it ends, and opened to more people when nobody answered (P2).

Called by bot/reconciler.py again and again. The question's own row says when and to whom, one group after the other,
frozen when it was asked, so a changed policy changes no question that stands. Who may answer depends on the time alone
(bot/stages/permission.py), never on whether the thread was told in time. Must not decide a question.
"""

from __future__ import annotations

from sqlmodel import Session

from bot.stages.base import Equipment
from bot.stages.closing import load, note
from bot.stages.permission import approvers_of, chain_of
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
    about = {"expires_at": approval.expires_at.isoformat(), "approval_id": approval.id}
    since = approval.widen_at if approval.widened_at is None else None
    widened = since is not None and since <= now
    reminded = approval.remind_at is not None and approval.reminded_at is None and approval.remind_at <= now
    chain = chain_of(approval)
    if since is not None and widened:  # several at once when nobody looked for a while
        groups = [group for at, to in chain if since <= at <= now for group in to] or approval.widen_to
        data = {"groups": list(dict.fromkeys(groups)), **about}
        note(session, equipment, run, incident, EntryKind.WIDENED, data)
    if reminded:
        asked = approvers_of(approval, now)
        data = {"groups": list(dict.fromkeys((*asked.any_of, *asked.all_of))), **about}
        note(session, equipment, run, incident, EntryKind.REMINDED, data)
    approvals.mark_told(
        session,
        approval.id,
        widened=now if widened else None,
        reminded=now if reminded else None,
        following=next(((at, to) for at, to in chain if at > now), None) if widened else None,
    )
    return 1
