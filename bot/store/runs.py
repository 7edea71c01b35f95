"""Runs: one frozen plan being carried out, and the recent past that guards look at.

Written by bot/requests.py (create) and bot/flow.py (running, close); read by the board and the CLI.
Must not change a plan: it is stored once and its digest beside it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Select, Text, func, insert, select, update
from sqlmodel import Field, Session, SQLModel

from bot.plan import Plan
from bot.store.attempts import ATTEMPT
from bot.store.columns import UtcText, changed, run, table, utc_text
from bot.transcript import Outcome
from guards.context import PastAct


@dataclass(frozen=True, slots=True)
class Run:
    """state: waiting, running or closed. outcome: empty until closed, then a bot.transcript.Outcome value."""

    id: str
    incident_id: str
    proposal_id: str
    plan: Plan
    digest: str
    state: str
    outcome: str
    requester: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stop_requested_by: str = ""
    note: str = ""


class RunRow(SQLModel, table=True):
    """plan: the Plan as JSON, never updated."""

    __tablename__ = "run"
    __table_args__ = (
        Index("ix_run_incident", "incident_id", "created_at"),
        Index("ix_run_state", "state", "created_at"),
        Index("ix_run_service", "service", "created_at"),
        Index("ix_run_created", "created_at"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    incident_id: str = Field(sa_type=Text)
    proposal_id: str = Field(sa_type=Text)
    runbook: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    service: str = Field(sa_type=Text)
    environment: str = Field(sa_type=Text)
    plan: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    outcome: str = Field(sa_type=Text)
    requester: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcText)
    started_at: datetime | None = Field(sa_type=UtcText, nullable=True)
    finished_at: datetime | None = Field(sa_type=UtcText, nullable=True)
    stop_requested_by: str = Field(sa_type=Text)
    note: str = Field(sa_type=Text)


RUN = table(RunRow)
C = RUN.c
COLUMNS = [column for column in C if column.name not in ("runbook", "action", "service", "environment")]


def create(session: Session, new: Run) -> None:
    """Store a new run. Raises ValueError when digest is not the plan's own; a second run with its id is refused."""
    if new.digest != new.plan.digest:
        raise ValueError("the digest of a run must be its plan's digest")
    values = {column.name: getattr(new, column.name) for column in COLUMNS}
    values |= {
        "plan": new.plan.model_dump_json(),
        "runbook": new.plan.runbook,
        "action": new.plan.action,
        "service": new.plan.service,
        "environment": new.plan.environment,
    }
    run(session, insert(RUN).values(**values))


def get(session: Session, run_id: str) -> Run | None:
    """The run with that id."""
    return next(iter(_runs(session, select(*COLUMNS).where(C.id == run_id))), None)


def open_runs(session: Session) -> list[Run]:
    """Every run that is not closed, oldest first."""
    return _runs(session, select(*COLUMNS).where(C.state.in_(("waiting", "running"))).order_by(C.created_at, C.id))


def for_incident(session: Session, incident_id: str) -> list[Run]:
    """Every run of an incident, oldest first."""
    return _runs(session, select(*COLUMNS).where(C.incident_id == incident_id).order_by(C.created_at, C.id))


def recent(session: Session, service: str | None = None, limit: int = 20) -> list[Run]:
    """The newest runs, of one service or of all."""
    wanted = select(*COLUMNS).order_by(C.created_at.desc(), C.id).limit(limit)
    return _runs(session, wanted if service is None else wanted.where(C.service == service))


def set_running(session: Session, run_id: str, now: datetime) -> bool:
    """Waiting to running; True also when it is running already (a recovered run), False when closed or not there."""
    return changed(
        session,
        update(RUN)
        .where(C.id == run_id, C.state.in_(("waiting", "running")))
        .values(state="running", started_at=func.coalesce(C.started_at, utc_text(now))),
    )


def close(session: Session, run_id: str, outcome: str, note: str, now: datetime) -> bool:
    """Close it once; False when it was closed already or is not there. Raises ValueError for an unknown outcome."""
    values = {"state": "closed", "outcome": Outcome(outcome).value, "note": note, "finished_at": now}
    return changed(session, update(RUN).where(C.id == run_id, C.state != "closed").values(**values))


def request_stop(session: Session, run_id: str, person: str) -> bool:
    """Note who wants it stopped, the first one only; False when closed, already asked, or not there."""
    return changed(
        session,
        update(RUN)
        .where(C.id == run_id, C.state != "closed", C.stop_requested_by == "")
        .values(stop_requested_by=person),
    )


def set_note(session: Session, run_id: str, note: str) -> bool:
    """The latest line of what it is doing, already redacted; False when it is closed: its last note stays."""
    return changed(session, update(RUN).where(C.id == run_id, C.state != "closed").values(note=note))


def past_acts(session: Session, since: datetime, *, except_run: str = "") -> tuple[PastAct, ...]:
    """Every act since an instant that changed something, oldest first, for guards (rate, breaker).

    except_run: leaves out one run's own acts, so that a retry that a person asked for is not held up by its first try.
    An act counts as failed also when the run it ended was not proved to work (failed, rolled back): the proof decides,
    not the exit code. An intent without a result is `running` in an open run and `unknown` in a closed one.
    """
    wanted = (
        select(
            ATTEMPT.c.run_id,
            ATTEMPT.c.step_id,
            ATTEMPT.c.state,
            ATTEMPT.c.act,
            ATTEMPT.c.started_at,
            C.plan,
            C.state.label("run_state"),
            C.outcome,
            C.requester,
            C.service,
        )
        .join(RUN, C.id == ATTEMPT.c.run_id)
        .where(ATTEMPT.c.started_at >= since, ATTEMPT.c.run_id != except_run)
        .order_by(ATTEMPT.c.started_at, ATTEMPT.c.run_id, ATTEMPT.c.step_id, ATTEMPT.c.attempt)
    )
    rows = [dict(row) for row in run(session, wanted).mappings()]
    steps = {row["run_id"]: _read_only(row["plan"]) for row in rows}
    last = {
        row["run_id"]: position
        for position, row in enumerate(rows)
        if steps[row["run_id"]].get(row["step_id"]) is False
    }
    acts: list[PastAct] = []
    for position, row in enumerate(rows):
        if steps[row["run_id"]].get(row["step_id"], False):
            continue
        act = json.loads(row["act"])
        target = act["target"]
        acts.append(
            PastAct(
                action=act["operation"],
                service=row["service"],
                environment=target["environment"],
                target=f"{target['kind']}:{target['environment']}/{target['name']}",
                actor=row["requester"],
                at=row["started_at"],
                result=_result(row, last_of_run=last.get(row["run_id"]) == position),
            )
        )
    return tuple(acts)


def _result(row: dict[str, Any], *, last_of_run: bool) -> str:
    open_run = row["run_state"] != "closed"
    if row["state"] == "intended":
        return "running" if open_run else "unknown"
    if row["state"] != "done":
        return str(row["state"])
    if open_run:
        return "running"
    if last_of_run and row["outcome"] in (Outcome.FAILED, Outcome.ROLLED_BACK):
        return "failed"
    if last_of_run and row["outcome"] == Outcome.UNKNOWN:
        return "unknown"
    return "succeeded"


def _read_only(plan: str) -> dict[str, bool]:
    return {step["id"]: step["read_only"] for step in json.loads(plan)["steps"]}


def _runs(session: Session, wanted: Select[Any]) -> list[Run]:
    return [Run(**{**row, "plan": Plan.model_validate_json(row["plan"])}) for row in run(session, wanted).mappings()]
