"""Questions that wait for an answer, for those who answer with `runbookctl approve` while Slack is down (mission P5).

Base of bot/incident_requests.py; called by bot/signed_answers.py. Reads only; who may answer is decided by bot/stages/voting.py.
"""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from bot.answers import Answers
from bot.services import Person
from bot.stages.reply import Reply, refused
from bot.store import approvals, runs
from bot.store.approvals import Approval
from bot.store.runs import Run

ANSWERABLE = ("approval", "confirmation")
MOST = 50


class Questions(Answers):
    """What waits, and one of them with its whole plan."""

    async def question(self, approval_id: str, person: Person) -> Reply:
        """One question with its plan and whole digest; anybody in the directory with a key may look."""

        def read(session: Session) -> tuple[Approval, Run] | None:
            asked = approvals.get(session, approval_id)
            run = runs.get(session, asked.run_id) if asked is not None and asked.kind in ANSWERABLE else None
            return None if asked is None or run is None else (asked, run)

        found = await self._equipment.store.read(read)
        if found is None:
            return refused(
                "unknown_question", "This question is not known here.", f"{person.name}, list those that wait."
            )
        asked, run = found
        return Reply(True, "question", {**_line(asked), "plan": run.plan.model_dump(mode="json")})

    async def open_questions(self, person: Person) -> Reply:
        """Every question that waits, the one that ends first at the front; those of `person` are marked as theirs."""
        waiting = await self._equipment.store.read(approvals.pending)
        lines = [
            {**_line(asked), "yours": asked.requester == person.id}
            for asked in waiting[:MOST]
            if asked.kind in ANSWERABLE
        ]
        return Reply(True, "questions", {"questions": lines})


def _line(asked: Approval) -> dict[str, Any]:
    return {
        "id": asked.id,
        "kind": asked.kind,
        "digest": asked.digest,
        "message": asked.message,
        "state": asked.state,
        "expires_at": asked.expires_at.isoformat(timespec="seconds"),
    }
