"""Shadow: what the bot would have done by itself, what people did then, and which steps they skipped (mission G11).

Read by `runbookctl report shadow` and by bot/stages/by_itself.py. Reads entries, runs, incidents and proposals; must not
write anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlmodel import Session

from bot.store.columns import run
from bot.store.entries import ENTRY
from bot.store.incidents import INCIDENT
from bot.store.proposals import PROPOSAL
from bot.store.runs import RUN
from bot.store.statement import Statement
from bot.transcript import EntryKind

BOT = "bot"
WATCHED = ("shadow", "monitor_only")
AGREED, DIFFERED, RESOLVED, NOTHING = "agreed", "differed", "resolved", "nothing"

E, R = ENTRY.c, RUN.c
WOULD_HAVE = E.kind == EntryKind.WOULD_HAVE.value
SKIPPED = Statement(
    select(PROPOSAL.c.runbook, PROPOSAL.c.step_id).where(
        PROPOSAL.c.incident_id == bindparam("incident"), PROPOSAL.c.state == "skipped"
    )
)


@dataclass(frozen=True, slots=True)
class Line:
    """One runbook in one environment. times: how often the bot would have acted. answers: what the guards would have said
    -> how often. agreed: people ran the same runbook afterwards, in the same incident; differed: another one; resolved:
    none, and the incident is over; nothing: none, and it is not.
    """

    runbook: str
    environment: str
    times: int
    agreed: int = 0
    differed: int = 0
    resolved: int = 0
    nothing: int = 0
    answers: dict[str, int] = field(default_factory=dict)

    @property
    def agreement(self) -> float | None:
        """Share of the same runbook among the times that people ran one, 0 to 1; None when they never did."""
        ran = self.agreed + self.differed
        return self.agreed / ran if ran else None


@dataclass(frozen=True, slots=True)
class _Wish:
    """One time that the bot would have acted."""

    incident_id: str
    environment: str
    over: bool
    at: datetime
    runbook: str
    answer: str


def skipped(session: Session, incident_id: str) -> frozenset[tuple[str, str]]:
    """(runbook, step) of every offer that a person skipped in this incident."""
    return frozenset((row[0], row[1]) for row in SKIPPED.rows(session, incident=incident_id))


def report(session: Session, since: datetime) -> list[Line]:
    """A line for each runbook and environment in which the bot would have acted since then, by name.

    A run counts when it began; so does asking for a runbook that only the watching refused, for that is all that people
    can do about it in Slack.
    """
    done = _done_by_people(session, since)
    counted: dict[tuple[str, str], list[tuple[_Wish, str]]] = {}
    for wish in _wishes(session, since):
        became = _became(wish, done.get(wish.incident_id, ()))
        counted.setdefault((wish.runbook, wish.environment), []).append((wish, became))
    return [_line(runbook, environment, some) for (runbook, environment), some in sorted(counted.items())]


def _line(runbook: str, environment: str, some: list[tuple[_Wish, str]]) -> Line:
    became = Counter(what for _, what in some)
    answers = Counter(wish.answer for wish, _ in some)
    return Line(
        runbook,
        environment,
        len(some),
        agreed=became[AGREED],
        differed=became[DIFFERED],
        resolved=became[RESOLVED],
        nothing=became[NOTHING],
        answers=dict(sorted(answers.items())),
    )


def _became(wish: _Wish, done: Iterable[tuple[datetime, str]]) -> str:
    ran = {runbook for at, runbook in done if at >= wish.at}
    if wish.runbook in ran:
        return AGREED
    if ran:
        return DIFFERED
    return RESOLVED if wish.over else NOTHING


def _wishes(session: Session, since: datetime) -> list[_Wish]:
    wanted = (
        select(E.incident_id, INCIDENT.c.environment, INCIDENT.c.is_open, E.at, E.data)
        .join(INCIDENT, INCIDENT.c.id == E.incident_id)
        .where(WOULD_HAVE, E.at >= since)
        .order_by(E.seq)
    )
    return [
        _Wish(
            incident_id=row["incident_id"],
            environment=row["environment"],
            over=not row["is_open"],
            at=row["at"],
            runbook=str(row["data"].get("runbook", "")),
            answer=str(row["data"].get("answer", "")),
        )
        for row in run(session, wanted).mappings()
    ]


def _done_by_people(session: Session, since: datetime) -> dict[str, list[tuple[datetime, str]]]:
    """Incident -> (when, runbook) of what people ran there, or would have if it were not watched."""
    there = select(E.incident_id).where(WOULD_HAVE, E.at >= since)
    found: dict[str, list[tuple[datetime, str]]] = {}
    ran = select(R.incident_id, R.created_at, R.runbook).where(
        R.incident_id.in_(there), R.requester != BOT, R.started_at.is_not(None)
    )
    for row in run(session, ran).mappings():
        found.setdefault(row["incident_id"], []).append((row["created_at"], row["runbook"]))
    wanted = select(E.incident_id, E.at, E.data).where(
        E.incident_id.in_(there), E.kind == EntryKind.REFUSED.value, E.actor != BOT
    )
    for row in run(session, wanted).mappings():
        if row["data"].get("code") in WATCHED:
            found.setdefault(row["incident_id"], []).append((row["at"], str(row["data"].get("runbook", ""))))
    return found
