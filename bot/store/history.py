"""The recent past that guards look at: every act that was to change something, and what became of it.

Called by bot/stages/gate.py, before every step, in the transaction that writes the intent. Reads `attempt` and `run`; an
act that has ended in a run that has ended never changes again, so a session that the store keeps reads it only once.
`lived` and `Past` tell the same of any moment of the past, for bot/backtest.py. Must not judge: limits and breakers are
guards.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Text, bindparam, literal_column, or_, select, type_coerce
from sqlmodel import Session

from bot.store.attempts import ATTEMPT
from bot.store.decisions import DECISION, RecordedDecision
from bot.store.runs import RUN
from bot.store.statement import Row, Statement
from bot.transcript import Outcome
from guards.context import PastAct

KEPT = "past acts"  # in Session.info, which lives as long as the connection and is emptied when a transaction fails
MOST = 50_000
FINAL = ("done", "failed")

A, R = ATTEMPT.c, RUN.c
KEYS = select(A.run_id, A.step_id, A.attempt, A.purpose, A.state).where(
    A.run_id != bindparam("but"), A.purpose != "look"
)
ORDER = (A.started_at, A.run_id, A.step_id, A.attempt)
LATELY = Statement(KEYS.where(A.started_at >= bindparam("since")).order_by(*ORDER))
# Two more ways in, each with an index of its own: as one WHERE they would read every attempt there ever was.
OF_INCIDENT = select(R.id).where(R.incident_id == bindparam("incident"))
EARLIER_HERE = Statement(KEYS.add_columns(*ORDER).where(A.started_at < bindparam("since"), A.run_id.in_(OF_INCIDENT)))
EARLIER_STANDING = Statement(
    KEYS.add_columns(*ORDER).where(A.started_at < bindparam("since"), A.standing != literal_column("''"))
)
ONE = Statement(
    select(
        A.operation, R.service, A.environment, A.target, R.requester, A.started_at, R.incident_id,
        A.cost, A.standing, R.state.label("run_state"), R.outcome,
    )
    .join(RUN, R.id == A.run_id, isouter=True)
    .where(A.run_id == bindparam("run"), A.step_id == bindparam("step"), A.attempt == bindparam("number"))
)  # fmt: skip

LAST = Statement(
    select(A.step_id, A.attempt)
    .where(A.run_id == bindparam("run"), A.purpose == "change")
    .order_by(A.started_at.desc(), A.step_id.desc(), A.attempt.desc())
    .limit(1)
)


def past_acts(session: Session, since: datetime, *, except_run: str = "", incident: str = "") -> tuple[PastAct, ...]:
    """Every act since an instant that was to change something, oldest first, for guards (rate, breaker).

    Acts of this incident, and those that used up a standing approval, are there however old they are: a breaker and a
    budget count them without a window (docs/policy.md).
    except_run: leaves out one run's own acts, so that a retry that a person asked for is not held up by its first try.
    An act counts as failed also when the run it ended was not proved to work (failed, rolled back): the proof decides,
    not the exit code. An intent without a result is `running` in an open run and `unknown` in a closed one.
    """
    rows = _earlier(session, since, except_run, incident) + LATELY.rows(session, since=since, but=except_run)
    kept: dict[Row, PastAct] = session.info.setdefault(KEPT, {})
    if len(kept) > MOST:
        kept.clear()
    return tuple([kept.get(row) or _read(session, row, kept) for row in rows])


def _earlier(session: Session, since: datetime, except_run: str, incident: str) -> list[Row]:
    """The keys of what counts without a window, oldest first."""
    found = EARLIER_STANDING.rows(session, since=since, but=except_run)
    if incident:
        found = found + EARLIER_HERE.rows(session, since=since, but=except_run, incident=incident)
    return [row[:5] for row in sorted(set(found), key=lambda row: row[5:])]


def _read(session: Session, row: Row, kept: dict[Row, PastAct]) -> PastAct:
    """One act of the past. kept: where it goes when it is over for good; its state is part of the key."""
    run_id, step_id, number, _, state = row
    found = ONE.first(session, run=run_id, step=step_id, number=number)
    if found is None:
        raise LookupError(f"attempt {run_id}/{step_id}/{number} went away in the middle of a transaction")
    action, service, environment, target, actor, at, incident, cost, standing, run_state, outcome = found
    if run_state is None:  # nobody knows what became of it, but it counts
        return PastAct(action, "", environment, target, "", at, "unknown", "", cost, standing)
    last_of_run = LAST.first(session, run=run_id) == (step_id, number)
    result = _result(state, run_state, outcome, last_of_run=last_of_run)
    act = PastAct(action, service, environment, target, actor, at, result, incident, cost, standing)
    if run_state == "closed" and state in FINAL:
        kept[row] = act
    return act


def _result(state: str, run_state: str, outcome: str, *, last_of_run: bool) -> str:
    open_run = run_state != "closed"
    if state == "intended":
        return "running" if open_run else "unknown"
    if state != "done":
        return state
    if open_run:
        return "running"
    if last_of_run and outcome in (Outcome.FAILED, Outcome.ROLLED_BACK):
        return "failed"
    if last_of_run and outcome == Outcome.UNKNOWN:
        return "unknown"
    return "succeeded"


# -- the past as it was --------------------------------------------------------------------------------------------
D = DECISION.c
DECIDED = select(D.incident_id).where(D.at >= bindparam("decided"), D.incident_id != "")
OF_DECIDED = select(R.id).where(R.incident_id.in_(DECIDED))
ALL = Statement(
    select(
        A.run_id, A.purpose, A.state, A.started_at, A.finished_at, R.state.label("run_state"), R.finished_at.label("ended"),
        R.outcome, A.operation, R.service, A.environment, A.target, R.requester, R.incident_id, A.cost, A.standing,
    )
    .join(RUN, R.id == A.run_id, isouter=True)
    .where(or_(A.started_at >= bindparam("since"), A.standing != "", A.run_id.in_(OF_DECIDED)), A.purpose != "look")
    .order_by(A.started_at, A.run_id, A.step_id, A.attempt)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lived:
    """One act with the moments at which it changed. act: as it is known now. run_ended: None while the run is open.

    state: of the attempt since `finished_at`, `intended` before. last: its run's last act that was to change something.
    orphan: its run is not recorded, so it was unknown from the beginning.
    """

    run_id: str
    act: PastAct
    state: str
    finished_at: datetime | None
    run_ended: datetime | None
    outcome: str
    last: bool
    orphan: bool = False

    def seen(self, now: datetime) -> PastAct:
        """What was known of it at that moment, which is not before it began."""
        if self.orphan:
            return self.act
        state = self.state if self.finished_at is not None and self.finished_at <= now else "intended"
        run_state = "closed" if self.run_ended is not None and self.run_ended <= now else "open"
        result = _result(state, run_state, self.outcome, last_of_run=self.last)
        return self.act if result == self.act.result else replace(self.act, result=result)

    @property
    def settled(self) -> datetime | None:
        """From when on it is as it is known now; None when it may still change."""
        if self.orphan:
            return self.act.at
        if self.run_ended is None or self.finished_at is None:
            return self.run_ended
        return max(self.run_ended, self.finished_at)


def lived(session: Session, since: datetime, decided: datetime) -> tuple[Lived, ...]:
    """Every act since an instant, once, for `Past`: also older ones of incidents decided about since `decided`, and those
    that used up a standing approval.

    What a person corrected afterwards (an unknown act that turned out to be done) is told as it was corrected; before
    that moment it counts as an intent without a result.
    """
    rows = ALL.rows(session, since=since, decided=decided)
    last = {row[0]: number for number, row in enumerate(rows) if row[1] == "change"}
    return tuple(_lived(row, last=last.get(row[0]) == number) for number, row in enumerate(rows))


def _lived(row: Row, *, last: bool) -> Lived:
    run_id, _, state, at, finished, run_state, ended, outcome, action, service, environment, target, *rest = row
    actor, incident, cost, standing = rest
    if run_state is None:
        act = PastAct(action, "", environment, target, "", at, "unknown", "", cost, standing)
        return Lived(run_id, act, state, finished, None, "", last, orphan=True)
    result = _result(state, run_state, outcome, last_of_run=last)
    act = PastAct(action, service, environment, target, actor, at, result, incident, cost, standing)
    return Lived(run_id, act, state, finished, ended if run_state == "closed" else None, outcome, last)


class Past:
    """The acts of `lived`, oldest first, and what `past_acts` would have said of them at any moment. Pure.

    An act that began at the very moment counts as seen: the guards' own transaction came after it.
    """

    def __init__(self, acts: Sequence[Lived]) -> None:
        self._acts = tuple(acts)
        self._began = [each.act.at for each in acts]
        self._settled = [each.settled for each in acts]
        self._standing = [place for place, each in enumerate(acts) if each.act.standing]
        self._of_incident: dict[str, list[int]] = {}
        for place, each in enumerate(acts):
            if each.act.incident:
                self._of_incident.setdefault(each.act.incident, []).append(place)

    def __len__(self) -> int:
        return len(self._acts)

    def at(self, now: datetime, since: datetime, *, except_run: str = "", incident: str = "") -> tuple[PastAct, ...]:
        """As `past_acts(session, since, ...)` at the moment `now`, oldest first."""
        first, end = bisect_left(self._began, since), bisect_right(self._began, now)
        first = min(first, end)
        mine = self._of_incident.get(incident, []) if incident else []
        older = {*mine[: bisect_left(mine, first)], *self._standing[: bisect_left(self._standing, first)]}
        acts, settled = self._acts, self._settled
        found: list[PastAct] = []
        for place in (*sorted(older), *range(first, end)):
            each, final = acts[place], settled[place]
            if each.run_id == except_run:
                continue
            found.append(each.act if final is not None and final <= now else each.seen(now))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Written:
    """A recorded decision whose context and findings are still text: most of both need not be read to decide again."""

    decision: RecordedDecision
    context: str
    findings: str


HEAD = [name for name in RecordedDecision.__slots__ if name not in ("context", "findings", "id")]
DECIDED_SINCE = Statement(
    select(*(D[name] for name in HEAD), type_coerce(D.context, Text), type_coerce(D.findings, Text), D.id)
    .where(D.at >= bindparam("since"), D.id > bindparam("after"))
    .order_by(D.id)
    .limit(bindparam("most"))
)


def written(session: Session, since: datetime, after: int, limit: int) -> list[Written]:
    """As `bot.store.decisions.page`, with the JSON as text."""
    return [
        Written(RecordedDecision(**dict(zip(HEAD, head, strict=True)), id=number), context, findings)
        for *head, context, findings, number in DECIDED_SINCE.rows(session, since=since, after=after, most=limit)
    ]
