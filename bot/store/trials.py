"""Trials: how one exact version of a runbook did, from its ended runs (mission R5, R8; case T41).

Read by bot/stages/promoted.py before every step (`setback`), by `runbookctl promote` (`ended`) and by answers about
runbooks (`setbacks`). What is read was written once, when a run ended: a demotion is not kept a second time. Must not write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlmodel import Session

from bot.store import runs
from bot.store.attempts import ATTEMPT
from bot.store.automation_events import EVENT, REQUIRES_MANUAL
from bot.store.columns import run
from bot.store.runs import RUN
from bot.store.statement import Statement
from bot.transcript import Outcome

E, R, A = EVENT.c, RUN.c, ATTEMPT.c
TELLING = (Outcome.SUCCEEDED.value, Outcome.FAILED.value, Outcome.ROLLED_BACK.value, Outcome.UNKNOWN.value)
"""How a run may end that says something about its runbook; a refused, stopped or expired one tried nothing."""
MOST, PER_RUNBOOK = 2_000, 10  # newest failures that are looked at for what needs a review


@dataclass(frozen=True, slots=True)
class Setback:
    """A run after which people had to do it themselves. outcome: failed, rolled_back or unknown. at: when it ended."""

    run_id: str
    environment: str
    at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One ended run. steps: ids of the runbook's steps that changed something and were carried out."""

    run_id: str
    ended_at: datetime
    outcome: str
    steps: frozenset[str]

    @property
    def succeeded(self) -> bool:
        """Whether it did what it was to do, proved where the runbook says how."""
        return self.outcome == Outcome.SUCCEEDED.value


FIRST = Statement(
    select(E.run_id, E.environment, E.at, R.outcome)
    .join_from(EVENT, RUN, R.id == E.run_id)
    .where(
        E.status == REQUIRES_MANUAL,
        E.runbook == bindparam("runbook"),
        E.environment == bindparam("environment"),
        E.at > bindparam("since"),
        R.plan.like(bindparam("version")),
    )
    .order_by(E.at, E.id)
    .limit(1)
)

LEFT = Statement(
    select(E.runbook, E.run_id, E.environment, E.at)
    .where(E.status == REQUIRES_MANUAL, E.at > bindparam("since"))
    .order_by(E.at.desc(), E.id.desc())
    .limit(MOST)
)
VERSION = Statement(select(R.outcome).where(R.id == bindparam("run"), R.plan.like(bindparam("version"))))


def of_version(digest: str) -> str:
    """A LIKE pattern for plans of that runbook digest. Raises ValueError for what is no digest: it would find others."""
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise ValueError(f"{digest!r} is not the digest of a runbook")
    return f'%"runbook_digest":"{digest}"%'


def setback(session: Session, runbook: str, digest: str, environment: str, since: datetime) -> Setback | None:
    """The first run of this version in this environment that ended after `since` and left it to people; None for none."""
    found = FIRST.first(session, runbook=runbook, environment=environment, since=since, version=of_version(digest))
    return None if found is None else Setback(*found)


def setbacks(
    session: Session, digest_of: Callable[[str], str], since: datetime, environment: str = ""
) -> dict[str, Setback]:
    """The newest such run since then, for each runbook whose present version has one (mission R8).

    environment: only in this one, empty for any.

    digest_of: runbook id -> its present digest, empty for a runbook that is gone. Of each runbook the newest PER_RUNBOOK
    are looked at: whoever edits it leaves the older ones behind.
    """
    looked: Counter[str] = Counter()
    found: dict[str, Setback] = {}
    for runbook, run_id, place, at in LEFT.rows(session, since=since):
        digest = digest_of(runbook)
        if not digest or runbook in found or looked[runbook] == PER_RUNBOOK or environment not in ("", place):
            continue
        looked[runbook] += 1
        row = VERSION.first(session, run=run_id, version=of_version(digest))
        if row is not None:
            found[runbook] = Setback(run_id, place, at, row[0])
    return found


def ended(session: Session, runbook: str, digest: str, environment: str) -> list[Trial]:
    """Every ended run of this version in this environment that tried something, in the order they ended."""
    wanted = (
        select(R.id, R.finished_at, R.outcome)
        .where(
            R.runbook == runbook,
            R.environment == environment,
            R.state == "closed",
            R.outcome.in_(TELLING),
            R.plan.like(of_version(digest)),
        )
        .order_by(R.finished_at, R.id)
    )
    rows = [tuple(row) for row in run(session, wanted)]
    return [Trial(name, at, outcome, frozenset(_carried_out(session, name))) for name, at, outcome in rows]


def _carried_out(session: Session, run_id: str) -> set[str]:
    """Ids of the runbook's steps whose act changed something. An increment counts for its step."""
    done = {
        row[0]
        for row in run(session, select(A.step_id).where(A.run_id == run_id, A.purpose == "change", A.state == "done"))
    }
    whole = runs.get(session, run_id)
    return {step.runbook_step for step in whole.plan.steps if step.id in done} if whole is not None else set()
