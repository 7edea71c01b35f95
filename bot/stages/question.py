"""Question: what the guards ask for a plan, as the row that people answer: who may, until when, and who is told meanwhile.

Called by bot/stages/asking.py, which stores it. Pure: must not store, tell or count anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import guards
from bot.plan import Plan
from bot.store.approvals import Approval
from guards.policy import Policy


def question_of(
    policy: Policy,
    approval_id: str,
    run_id: str,
    plan: Plan,
    digest: str,
    question: guards.Ask,
    asker: str,
    now: datetime,
) -> Approval:
    """The pending question of one run. digest: the plan's, 64 hex characters. asker: person id, or `bot`.

    It ends with its own time or with the plan's, whichever is first. Who may answer is widened, one entry of the policy's
    chain after the other, and people are reminded, only before that; a broken glass is never widened (T14).
    """
    approvers = question.approvers
    ends = min(now + timedelta(seconds=question.timeout_seconds), plan.expires_at)
    chain = [
        {"at": (now + timedelta(seconds=each.after)).isoformat(), "to": list(each.to)}
        for each in (policy.escalations(plan.environment) if approvers and not plan.break_glass else ())
        if now + timedelta(seconds=each.after) < ends
    ]
    warning = policy.remind_before(plan.environment) if approvers else None
    remind_at = ends - timedelta(seconds=warning) if warning is not None else None
    return Approval(
        id=approval_id,
        run_id=run_id,
        step_id="",
        kind=question.kind,
        digest=digest,
        approvers={
            "count": approvers.count if approvers else 1,
            "any_of": list(approvers.any_of) if approvers else [],
            "all_of": list(approvers.all_of) if approvers else [],
            **({"chain": chain} if chain else {}),
        },
        requester=asker,
        message=question.message,
        state="pending",
        created_at=now,
        expires_at=ends,
        widen_to=list(chain[0]["to"]) if chain else [],
        widen_at=datetime.fromisoformat(str(chain[0]["at"])) if chain else None,
        remind_at=remind_at if remind_at is not None and remind_at > now else None,
    )
