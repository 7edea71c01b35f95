"""Runs: one frozen plan being carried out.

Written by bot/requests.py (create) and bot/flow.py (running, close); read by the board and the CLI.
Must not change a plan: it is stored once and its digest beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Index, Select, Text, bindparam, func, insert, select, update
from sqlmodel import Field, Session, SQLModel

from bot.plan import Plan
from bot.store.columns import UtcText, changed, run, table, utc_text
from bot.store.statement import Statement
from bot.transcript import Outcome


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
NAMES = [column.name for column in COLUMNS]
PLANS_KEPT = 64
ONE = Statement(select(*COLUMNS).where(C.id == bindparam("wanted")))
STATE = Statement(select(C.state).where(C.id == bindparam("wanted")))
STOPPER = Statement(select(C.stop_requested_by).where(C.id == bindparam("wanted")))


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
    row = ONE.first(session, wanted=run_id)
    return None if row is None else _run(row)


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


def stop_requested_by(session: Session, run_id: str) -> str:
    """Who wants it stopped, empty when nobody does or it is not there; to be read where the next step is decided (T06)."""
    row = STOPPER.first(session, wanted=run_id)
    return "" if row is None else str(row[0])


def is_closed(session: Session, run_id: str) -> bool:
    """Whether it has ended; to be read where the next step is decided (T53)."""
    row = STATE.first(session, wanted=run_id)
    return row is not None and row[0] == "closed"


def set_note(session: Session, run_id: str, note: str) -> bool:
    """The latest line of what it is doing, already redacted; False when it is closed: its last note stays."""
    return changed(session, update(RUN).where(C.id == run_id, C.state != "closed").values(note=note))


@lru_cache(maxsize=PLANS_KEPT)
def _plan(text: str) -> Plan:
    """A plan is frozen and the same text is the same plan; every step of a run asks for it several times."""
    return Plan.model_validate_json(text)


def _run(row: Sequence[Any]) -> Run:
    values = dict(zip(NAMES, row, strict=True))
    return Run(**{**values, "plan": _plan(values["plan"])})


def _runs(session: Session, wanted: Select[Any]) -> list[Run]:
    return [_run(row) for row in run(session, wanted)]
