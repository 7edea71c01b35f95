"""Enrichment: the latest facts gathered for an incident, as JSON values.

Written by bot/triage.py after the enrich stage, read by match, propose and the board. Must not observe anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Insert, Text, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel

from bot.store.columns import JsonText, UtcText, table
from bot.store.statement import Statement


@dataclass(frozen=True, slots=True)
class Enrichment:
    """facts: each `Fact.model_dump(mode="json")`. at: UTC, when they were gathered."""

    incident_id: str
    facts: list[dict[str, Any]]
    at: datetime


class EnrichmentRow(SQLModel, table=True):
    """One row per incident: the latest."""

    __tablename__ = "enrichment"

    incident_id: str = Field(primary_key=True, sa_type=Text)
    facts: list[Any] = Field(sa_type=JsonText)
    at: datetime = Field(sa_type=UtcText)


ENRICHMENT = table(EnrichmentRow)
C = ENRICHMENT.c


def _saving(into: sqlite.Insert | postgresql.Insert) -> Insert:
    rest = {"facts": into.excluded.facts, "at": into.excluded.at}
    return into.on_conflict_do_update(index_elements=["incident_id"], set_=rest)


SAVE = Statement(_saving(sqlite.insert(ENRICHMENT)), elsewhere=_saving(postgresql.insert(ENRICHMENT)))
ONE = Statement(select(C.incident_id, C.facts, C.at).where(C.incident_id == bindparam("wanted")))


def save(session: Session, incident_id: str, facts: list[dict[str, Any]], at: datetime) -> None:
    """Replace the incident's facts."""
    SAVE.change(session, incident_id=incident_id, facts=facts, at=at)


def get(session: Session, incident_id: str) -> Enrichment | None:
    """The latest facts of an incident."""
    row = ONE.first(session, wanted=incident_id)
    return None if row is None else Enrichment(*row)
