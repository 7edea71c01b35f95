"""Incidents that nothing fits and nobody took, for bot/stages/unclaimed.py. One query; must not decide anything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlmodel import Session

from bot.incident import Incident, IncidentStatus
from bot.store.entries import ENTRY
from bot.store.incidents import INCIDENT
from bot.store.proposals import PROPOSAL
from bot.transcript import EntryKind

I, P, E = INCIDENT.c, PROPOSAL.c, ENTRY.c
B = ENTRY.alias("reopening").c


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """why: the reason that no step was offered. known: what was seen and where to look, in words."""

    incident: Incident
    why: str
    known: tuple[str, ...]


def unclaimed(session: Session, ranks: Collection[int], opened_before: datetime, most: int) -> list[Unclaimed]:
    """Open, not acknowledged, no safe step, and people were not called yet; the most severe and oldest first.

    ranks: of the severities that count, 0 is critical. What was opened again counts from then on, as if it were new.
    """
    again = select(func.max(B.seq)).where(B.incident_id == I.id, B.kind == EntryKind.REOPENED.value)
    before = func.coalesce(again.correlate(INCIDENT).scalar_subquery(), 0)
    called = exists().where(E.incident_id == I.id, E.kind == EntryKind.ESCALATED.value, E.seq > before)
    lately = exists().where(E.incident_id == I.id, E.kind == EntryKind.REOPENED.value, E.at > opened_before)
    wanted = (
        select(I.body, P.why, P.reasons)
        .join(PROPOSAL, P.incident_id == I.id)
        .where(I.is_open == 1, I.status == IncidentStatus.TRIGGERED.value, I.rank.in_(tuple(ranks)))
        .where(I.opened_at <= opened_before, P.state == "none", ~called, ~lately)
        .order_by(I.rank, I.opened_at, I.id)
        .limit(most)
    )
    rows = session.connection().execute(wanted)
    return [Unclaimed(Incident.model_validate_json(body), why, tuple(known)) for body, why, known in rows]


def called_since(session: Session, since: datetime) -> int:
    """How often the bot called people since then, for whatever reason."""
    counted = select(func.count()).where(E.kind == EntryKind.ESCALATED.value, E.actor == "bot", E.at >= since)
    return int(session.connection().execute(counted).scalar_one())
