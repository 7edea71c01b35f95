"""A rehearsal as JSON values, for `runbookctl simulate --json`. Pure."""

from __future__ import annotations

from typing import Any

from bot.render import Message
from bot.simulation.rehearsal import Rehearsal, lines_of
from bot.stages.base import Equipment


def values(equipment: Equipment, rehearsal: Rehearsal) -> dict[str, Any]:
    """Everything that the text says, and the blocks of every message. outcome: no_step, offered, refused, asked or starts."""
    plan, proposal = rehearsal.plan, rehearsal.offered.proposal
    return {
        "outcome": outcome(rehearsal),
        "incident": rehearsal.incident.model_dump(mode="json"),
        "facts": [dict(fact) for fact in _facts(rehearsal)],
        "why": proposal.why if proposal is not None else "",
        "ranking": list(proposal.alternatives) if proposal is not None else [],
        "asked_by": "bot" if rehearsal.by_itself else rehearsal.asker.id if rehearsal.asker else "",
        "by_itself": rehearsal.by_itself,
        "messages": {
            name: _message(message)
            for name, message in (
                ("summary", rehearsal.summary),
                ("summary_after", rehearsal.summary_after),
                ("card", rehearsal.card),
                ("answer", rehearsal.answer),
            )
            if message is not None
        },
        "plan": plan.model_dump(mode="json") if plan is not None else None,
        "digest": rehearsal.run.digest if rehearsal.run is not None else "",
        "guards": [
            {"step": one.step_id, "action": one.action, "outcome": one.outcome, "findings": one.findings}
            for one in rehearsal.decisions
        ],
        "questions": [
            {
                "kind": one.kind,
                "message": one.message,
                "approvers": one.approvers,
                "not": one.requester if one.kind == "approval" else "",
                "until": one.expires_at.isoformat(),
            }
            for one in rehearsal.questions
        ],
        "transcript": [
            {"text": text, "to": list(places), "shown_on": shown}
            for text, places, shown in lines_of(equipment, rehearsal)
        ],
        "audit": [
            {
                "seq": row.seq,
                "at": row.at,
                "actor": row.actor,
                "event": row.event,
                "subject": row.subject,
                "data": row.data_text,
                "hash": row.hash,
            }
            for row in rehearsal.audit
        ],
    }


def outcome(rehearsal: Rehearsal) -> str:
    """In one word."""
    if rehearsal.run is not None:
        return "asked" if rehearsal.questions else "starts"
    if rehearsal.reply is not None:
        return "refused"
    proposal = rehearsal.offered.proposal
    return "offered" if proposal is not None and proposal.state == "open" else "no_step"


def _facts(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    """Without how long it took: that differs every time."""
    return [{name: value for name, value in fact.items() if name != "took_ms"} for fact in rehearsal.offered.facts]


def _message(message: Message) -> dict[str, Any]:
    return {"text": message.text, "blocks": message.blocks}
