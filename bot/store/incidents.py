"""Incidents: the group of alerts that one thread is about.

Written by bot/triage.py, read by everything that shows or plans. The whole incident is one JSON document; the columns
beside it are what is searched by. Must not decide which incident a signal belongs to (bot/stages/correlate.py does).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Index, Insert, Text, bindparam, desc, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel

from bot.incident import Incident, IncidentStatus, Severity
from bot.store.among import among, among_elsewhere, listed
from bot.store.columns import UtcText, table
from bot.store.statement import Row, Statement

RANK = {severity.value: rank for rank, severity in enumerate(Severity)}


class IncidentRow(SQLModel, table=True):
    """rank: 0 critical … 3 info. is_open: 1 until resolved. body: the Incident as JSON."""

    __tablename__ = "incident"
    __table_args__ = (
        Index(
            "ux_incident_external",
            "source",
            "external_id",
            unique=True,
            sqlite_where=text("external_id <> ''"),
            postgresql_where=text("external_id <> ''"),
        ),
        Index("ix_incident_open", "is_open", "rank", desc("opened_at")),
        Index("ix_incident_service", "service", "environment", "is_open"),
        Index("ix_incident_similar", "service", "alert_name", "is_open", "opened_at"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    source: str = Field(sa_type=Text)
    external_id: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    service: str = Field(sa_type=Text)
    environment: str = Field(sa_type=Text)
    alert_name: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    rank: int
    is_open: int
    opened_at: datetime = Field(sa_type=UtcText)
    updated_at: datetime = Field(sa_type=UtcText)
    body: str = Field(sa_type=Text)


INCIDENT = table(IncidentRow)
AT_ONCE = 500  # names in one look
C = INCIDENT.c
BODY = select(C.body)
OPEN = BODY.where(C.is_open == 1)


def _saving(into: sqlite.Insert | postgresql.Insert) -> Insert:
    rest = {column.name: into.excluded[column.name] for column in INCIDENT.columns if column.name != "id"}
    return into.on_conflict_do_update(index_elements=["id"], set_=rest)


SAVE = Statement(_saving(sqlite.insert(INCIDENT)), elsewhere=_saving(postgresql.insert(INCIDENT)))
ONE = Statement(BODY.where(C.id == bindparam("wanted")))
# Said again so that the partial index is used: SQLite does not know that the value looked for is not empty.
NAMED = BODY.where(C.source == bindparam("sender"), C.external_id != text("''"))
EXTERNAL = Statement(NAMED.where(C.external_id == bindparam("wanted")))
EXTERNALS = Statement(
    NAMED.where(among(C.external_id, "wanted")), elsewhere=NAMED.where(among_elsewhere(C.external_id, "wanted"))
)
URGENT = OPEN.order_by(C.rank, C.opened_at.desc(), C.id).limit(bindparam("most"))
OPEN_ALL = Statement(URGENT)
OPEN_OF = Statement(URGENT.where(C.service == bindparam("wanted")))
SIMILAR = Statement(
    BODY.where(
        C.service == bindparam("wanted"),
        C.alert_name == bindparam("alert"),
        C.is_open == 0,
        C.opened_at < bindparam("before"),
    )
    .order_by(C.opened_at.desc())
    .limit(bindparam("most"))
)
OPEN_HERE = Statement(
    OPEN.where(C.service == bindparam("wanted"), C.environment == bindparam("where")).order_by(C.opened_at.desc(), C.id)
)


def get(session: Session, incident_id: str) -> Incident | None:
    """The incident with that id."""
    return _one(ONE.first(session, wanted=incident_id))


def find(session: Session, source: str, external_id: str) -> Incident | None:
    """The incident that the sender calls `external_id`; never found by an empty one."""
    return _one(EXTERNAL.first(session, sender=source, wanted=external_id)) if external_id else None


def find_all(session: Session, source: str, external_ids: Collection[str]) -> dict[str, Incident]:
    """The incidents of one sender among these ids, by the sender's id."""
    wanted = [external_id for external_id in external_ids if external_id]
    found: list[Incident] = []
    for start in range(0, len(wanted), AT_ONCE):
        some = listed(wanted[start : start + AT_ONCE])
        found += _all(EXTERNALS.rows(session, sender=source, wanted=some))
    return {incident.external_id: incident for incident in found}


def save(session: Session, incident: Incident) -> None:
    """Insert it or replace the one with the same id. A second id for one (source, external_id) is refused (T21)."""
    save_all(session, [incident])


def save_all(session: Session, some: Sequence[Incident]) -> None:
    """`save` for many, in one statement."""
    SAVE.add_all(session, [_row(incident) for incident in some])


def open_incidents(session: Session, limit: int = 50, service: str | None = None) -> list[Incident]:
    """At most `limit` that are not resolved, critical first, then newest."""
    if service is None:
        return _all(OPEN_ALL.rows(session, most=limit))
    return _all(OPEN_OF.rows(session, most=limit, wanted=service))


def similar(session: Session, service: str, alert_name: str, before: datetime, limit: int) -> list[Incident]:
    """Resolved incidents of the same service and alert opened before an instant, newest first."""
    return _all(SIMILAR.rows(session, wanted=service, alert=alert_name, before=before, most=limit))


def open_for_service(session: Session, service: str, environment: str) -> list[Incident]:
    """The incidents of one service in one environment that are not resolved, newest first."""
    return _all(OPEN_HERE.rows(session, wanted=service, where=environment))


def _one(row: Row | None) -> Incident | None:
    return None if row is None else Incident.model_validate_json(row[0])


def _all(rows: Sequence[Row]) -> list[Incident]:
    return [Incident.model_validate_json(row[0]) for row in rows]


def _row(incident: Incident) -> dict[str, object]:
    return {
        "id": incident.id,
        "source": incident.source,
        "external_id": incident.external_id,
        "title": incident.title,
        "service": incident.service,
        "environment": incident.environment,
        "alert_name": incident.alert_name,
        "status": incident.status.value,
        "rank": RANK[incident.severity.value],
        "is_open": int(incident.status is not IncidentStatus.RESOLVED),
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "body": incident.model_dump_json(),
    }
