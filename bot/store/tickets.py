"""Tickets: which Jira issue or ServiceNow record belongs to an incident, or is the follow-up of a run.

Written by the ticket recorders, and for follow-ups by bot/stages/follow_up.py; read by the board. Must not open or change a ticket.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Text, bindparam, select
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import run, table, upsert
from bot.store.statement import Statement


@dataclass(frozen=True, slots=True)
class Ticket:
    """incident_id: what it is about, a run's id for its follow-up. system: `jira` or `servicenow`. key: what people call it. url: where they find it."""

    incident_id: str
    system: str
    key: str
    url: str


class TicketRow(SQLModel, table=True):
    """One row per incident and system."""

    __tablename__ = "ticket"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    system: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(sa_type=Text)
    url: str = Field(sa_type=Text)


TICKET = table(TicketRow)
C = TICKET.c
OF_INCIDENT = Statement(select(TICKET).where(C.incident_id == bindparam("wanted")).order_by(C.system))


def get(session: Session, incident_id: str, system: str) -> Ticket | None:
    """The incident's ticket in one system."""
    row = run(session, select(TICKET).where(C.incident_id == incident_id, C.system == system)).mappings().one_or_none()
    return None if row is None else Ticket(**row)


def save(session: Session, incident_id: str, system: str, key: str, url: str) -> None:
    """Insert it or replace the one of the same incident and system."""
    values = {"incident_id": incident_id, "system": system, "key": key, "url": url}
    upsert(session, TICKET, ("incident_id", "system"), values)


def for_incident(session: Session, incident_id: str) -> list[Ticket]:
    """Every ticket of an incident, by system."""
    return [Ticket(*row) for row in OF_INCIDENT.rows(session, wanted=incident_id)]
