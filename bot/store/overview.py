"""Overview: what an answer in chat shows, in one statement each and only the columns that are shown.

Read by bot/answers.py (`status`, `history`), bot/requests.py (the offer that was clicked) and bot/stages/asking.py. The
board (bot/store/board.py) has everything about one incident and costs a dozen statements; a person who waits for an
answer gets these instead. Must not write, word or decide anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Text, and_, bindparam, exists, literal, or_, select, type_coerce
from sqlmodel import Session

from bot.incident import Incident, Severity
from bot.store.approvals import APPROVAL, VOTE
from bot.store.incidents import INCIDENT
from bot.store.messages import MESSAGE, SUMMARY
from bot.store.proposals import PROPOSAL
from bot.store.runs import RUN
from bot.store.statement import Statement

SHOWN = ("runbook", "service", "environment", "state", "outcome", "requester", "finished_at")  # of a run
SEVERITIES = tuple(severity.value for severity in Severity)  # by rank, as bot/store/incidents.py stores it


@dataclass(frozen=True, slots=True)
class Line:
    """One open incident in a list. opened_at: ISO 8601 UTC. next_step: runbook of the open offer, or empty.

    running: (run id, runbook, state) of runs that have not ended, oldest first.
    """

    id: str
    title: str
    status: str
    severity: str
    service: str
    environment: str
    opened_at: str
    next_step: str
    running: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """One run in a list. outcome: empty until it has ended. finished_at: ISO 8601 UTC, or empty.

    approvers: ids of those who said yes, in the order of the questions.
    """

    id: str
    runbook: str
    service: str
    environment: str
    state: str
    outcome: str
    requester: str
    finished_at: str
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A stored offer and its incident. place: (channel, ts) of the message that shows it, None when not recorded yet.

    tried: whether the incident has runs, ended or not; without any there is no past to read.
    """

    id: str
    runbook: str
    state: str
    incident: Incident
    place: tuple[str, str] | None
    tried: bool


def _open(*only: Any) -> Statement:
    incident = INCIDENT.c
    shown = (
        select(
            incident.id,
            incident.title,
            incident.status,
            incident.rank,
            incident.service,
            incident.environment,
            type_coerce(incident.opened_at, Text).label("opened_at"),
        )
        .where(incident.is_open == 1, *only)
        .order_by(incident.rank, incident.opened_at.desc(), incident.id)
        .limit(bindparam("most"))
        .subquery("shown")
    )
    offered = and_(PROPOSAL.c.incident_id == shown.c.id, PROPOSAL.c.state == "open")
    under_way = and_(RUN.c.incident_id == shown.c.id, or_(RUN.c.state == "waiting", RUN.c.state == "running"))
    return Statement(
        select(*shown.c, PROPOSAL.c.runbook, RUN.c.id, RUN.c.runbook, RUN.c.state)
        .select_from(shown.outerjoin(PROPOSAL, offered).outerjoin(RUN, under_way))
        .order_by(shown.c.rank, shown.c.opened_at.desc(), shown.c.id, RUN.c.created_at, RUN.c.id)
    )


def _done(*only: Any) -> Statement:
    kept = [RUN.c[name] for name in ("id", "created_at", *SHOWN)]
    newest = select(*kept).where(*only).order_by(RUN.c.created_at.desc(), RUN.c.id).limit(bindparam("most"))
    shown = newest.subquery("shown")
    run = shown.c
    said_yes = and_(VOTE.c.approval_id == APPROVAL.c.id, VOTE.c.approve.is_(True))
    return Statement(
        select(run.id, *(type_coerce(run[name], Text) for name in SHOWN), VOTE.c.person)
        .select_from(shown.outerjoin(APPROVAL, APPROVAL.c.run_id == run.id).outerjoin(VOTE, said_yes))
        .order_by(run.created_at.desc(), run.id, APPROVAL.c.created_at, APPROVAL.c.id, VOTE.c.at, VOTE.c.person)
    )


OPEN, OPEN_OF_SERVICE = _open(), _open(INCIDENT.c.service == bindparam("service"))
DONE, DONE_OF_SERVICE = _done(), _done(RUN.c.service == bindparam("service"))
UNDER_WAY = Statement(
    select(RUN.c.id)
    .where(RUN.c.incident_id == bindparam("incident"), or_(RUN.c.state == "waiting", RUN.c.state == "running"))
    .limit(1)
)
CLICKED = Statement(
    select(
        PROPOSAL.c.runbook,
        PROPOSAL.c.state,
        INCIDENT.c.body,
        MESSAGE.c.channel,
        MESSAGE.c.ts,
        exists().where(RUN.c.incident_id == INCIDENT.c.id),
    )
    .select_from(
        PROPOSAL.join(INCIDENT, INCIDENT.c.id == PROPOSAL.c.incident_id).outerjoin(
            MESSAGE, MESSAGE.c.key == literal(SUMMARY) + PROPOSAL.c.incident_id
        )
    )
    .where(PROPOSAL.c.id == bindparam("proposal"))
)


def open_lines(session: Session, most: int, service: str | None = None) -> list[Line]:
    """At most `most` incidents that are not resolved (of one service), critical first, then newest."""
    rows = (
        OPEN.rows(session, most=most) if service is None else OPEN_OF_SERVICE.rows(session, most=most, service=service)
    )
    found: dict[str, Line] = {}
    for number, title, status, rank, name, environment, opened_at, offered, *run in rows:
        line = found.get(number) or Line(
            number, title, status, SEVERITIES[rank], name, environment, opened_at, offered or ""
        )
        found[number] = replace(line, running=(*line.running, tuple(run))) if run[0] else line
    return list(found.values())


def done_lines(session: Session, most: int, service: str | None = None) -> list[Done]:
    """At most `most` of the newest runs (of one service), ended or not, newest first."""
    rows = (
        DONE.rows(session, most=most) if service is None else DONE_OF_SERVICE.rows(session, most=most, service=service)
    )
    found: dict[str, Done] = {}
    for number, runbook, name, environment, state, outcome, requester, finished_at, person in rows:
        line = found.get(number) or Done(
            number, runbook, name, environment, state, outcome, requester, finished_at or ""
        )
        found[number] = replace(line, approvers=(*line.approvers, person)) if person else line
    return list(found.values())


def under_way(session: Session, incident_id: str) -> bool:
    """Whether a run of that incident has not ended."""
    return UNDER_WAY.first(session, incident=incident_id) is not None


def offer(session: Session, proposal_id: str) -> Offer | None:
    """The offer with that id, whatever became of it; None when it or its incident is not stored."""
    row = CLICKED.first(session, proposal=proposal_id)
    if row is None:
        return None
    runbook, state, body, channel, ts, tried = row
    place = None if ts is None else (channel, ts)
    return Offer(proposal_id, runbook, state, Incident.model_validate_json(body), place, bool(tried))
