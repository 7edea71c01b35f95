"""`automation_events`: one row per thing automation did or left to people, for plain SQL (mission W6).

Added by bot/flow.py and bot/triage.py; read by reports and by SQL users, who rely on table and column names:
`select action, count(*) as overrides from automation_events where status = 'requires_manual' group by action`.
Must not hold free text from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, Text, insert
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import JsonText, UtcText, run, table
from bot.transcript import Outcome

REQUIRES_MANUAL = "requires_manual"
STATUSES = frozenset({outcome.value for outcome in Outcome} | {REQUIRES_MANUAL})


class AutomationEventRow(SQLModel, table=True):
    """status: a run's outcome or `requires_manual`. approvers: JSON list of person ids. at: ISO text, UTC."""

    __tablename__ = "automation_events"
    __table_args__ = (
        Index("ix_automation_events_at", "at"),
        Index("ix_automation_events_status", "status", "action"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcText)
    action: str = Field(sa_type=Text)
    service: str = Field(sa_type=Text)
    environment: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    run_id: str = Field(sa_type=Text)
    incident_id: str = Field(sa_type=Text)
    runbook: str = Field(sa_type=Text)
    requester: str = Field(sa_type=Text)
    approvers: list[str] = Field(sa_type=JsonText)
    duration_seconds: float


EVENT = table(AutomationEventRow)


def add(
    session: Session,
    at: datetime,
    action: str,
    service: str,
    environment: str,
    status: str,
    run_id: str,
    incident_id: str,
    runbook: str,
    requester: str,
    approvers: Sequence[str],
    duration_seconds: float,
) -> None:
    """Add one row. duration_seconds: 0 when nothing ran. Raises ValueError for a status that is not documented."""
    if status not in STATUSES:
        raise ValueError(f"{status!r} is not a status of automation_events")
    values = {
        "at": at,
        "action": action,
        "service": service,
        "environment": environment,
        "status": str(status),
        "run_id": run_id,
        "incident_id": incident_id,
        "runbook": runbook,
        "requester": requester,
        "approvers": list(approvers),
        "duration_seconds": duration_seconds,
    }
    run(session, insert(EVENT).values(**values))
