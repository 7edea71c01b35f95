"""A rehearsal: one alert goes the bot's whole way and stops where people would be asked (mission R4).

Called by bot/cli/simulate.py with still equipment. Ingest, correlate, enrich, match, propose, the click and the guards
are the bot's own (bot/triage.py, bot/requests.py); nothing of them is done again here. What is read afterwards is what the
store holds. Must not word anything: bot/simulation/told.py does, and the templates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlmodel import Session

from bot.audit import AuditRow
from bot.errors import Permanent
from bot.incident import Incident
from bot.plan import Plan
from bot.render import Message, Renderer
from bot.requests import Requests
from bot.services import Person
from bot.simulation.alert import KEY, SOURCE, Delivery
from bot.simulation.still import Still
from bot.stages.base import Equipment
from bot.stages.reply import Reply
from bot.store import approvals, audit, board, decisions, incidents
from bot.store.approvals import Approval
from bot.store.board import Board
from bot.store.decisions import RecordedDecision
from bot.store.inbox import Inbox
from bot.store.outbox import OUTBOX
from bot.store.runs import Run
from bot.triage import Triage

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
COMMAND = "/runbook"
MOST = 1000


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it. offered: the board when the step was offered; after: when it was asked for, else the same.

    summary, summary_after: the incident's message at both moments. card: of the run, None without one. answer: what the
    person who asked is told, None when nobody asked. plan: what is to be carried out (or would have been, had it not been
    refused), None when none can be made. written: (entry seq or kind of message) -> destinations.
    """

    incident: Incident
    offered: Board
    after: Board
    summary: Message
    summary_after: Message
    asker: Person | None = None
    by_itself: bool = False
    run: Run | None = None
    card: Message | None = None
    answer: Message | None = None
    reply: Reply | None = None
    plan: Plan | None = None
    questions: tuple[Approval, ...] = ()
    decisions: tuple[RecordedDecision, ...] = ()
    audit: tuple[AuditRow, ...] = ()
    written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


async def rehearse(
    here: Still,
    delivery: Delivery,
    *,
    asker: Person | None,
    runbook: str = "",
) -> Rehearsal:
    """Let the alert in and, where a step is offered, let `asker` ask for it; None lets nobody ask.

    runbook: asked for by name instead of what is offered. Raises Permanent when no incident came of the alert.
    """
    equipment = here.equipment
    incident = await _take_in(here, delivery)
    offered = await _board(equipment, incident.id)
    requests = Requests(equipment, _nothing, _nothing_woken)
    by_itself = bool(offered.runs)
    reply = None
    if asker is not None and not by_itself:
        reply = await _ask(requests, offered, asker, runbook)
    after = await _board(equipment, incident.id)
    run = after.runs[-1] if after.runs else None
    pictures = Pictures(equipment, Renderer(TEMPLATES))
    return Rehearsal(
        incident=after.incident,
        offered=offered,
        after=after,
        summary=pictures.summary(offered),
        summary_after=pictures.summary(after),
        asker=asker,
        by_itself=by_itself,
        run=run,
        card=pictures.card(after, run) if run is not None else None,
        answer=pictures.answer(reply) if reply is not None else None,
        reply=reply,
        plan=run.plan if run is not None else await _preview(requests, offered, asker, runbook),
        **await equipment.store.read(lambda session: _kept(session, incident.id, run)),
    )


async def _take_in(here: Still, delivery: Delivery) -> Incident:
    """Inbox, then triage: exactly what happens to a webhook after its signature was found good."""
    equipment = here.equipment
    inbox = Inbox.open(here.folder / "inbox.db")
    try:
        key = KEY if delivery.plain else equipment.sources[SOURCE].key({}, delivery.body)
        await inbox.accept(SOURCE, key, {}, delivery.body, equipment.clock())
        triage = Triage(equipment, inbox, _nothing_woken, start_run=_nothing)
        await triage.handle(await inbox.take(MOST))
        await triage.drain()
    finally:
        inbox.close()
    found = await equipment.store.read(lambda session: incidents.open_incidents(session, 1))
    if not found:
        raise Permanent("no incident came of this alert: the bot reads it and opens none")
    return found[0]


async def _nothing(_run_id: str) -> None:
    """Where the engine would be told to start a run."""


async def _nothing_woken(_run_id: str, _topic: str) -> None:
    """Where the engine would be told to wake a run."""


async def _ask(requests: Requests, offered: Board, asker: Person, runbook: str) -> Reply | None:
    if runbook:
        return await requests.run_runbook(runbook, offered.incident.service, offered.incident.environment, asker, "")
    if offered.proposal is None or offered.proposal.state != "open":
        return None
    return await requests.run_step(offered.proposal.id, asker)


async def _preview(requests: Requests, offered: Board, asker: Person | None, runbook: str) -> Plan | None:
    """The plan of what was refused, or of what nobody asked for; None when there is none to be made."""
    proposal, incident = offered.proposal, offered.incident
    if asker is not None and runbook:
        shown = await requests.plan_runbook(runbook, incident.service, incident.environment, asker)
    elif asker is not None and proposal is not None and proposal.state == "open":
        shown = await requests.show_plan(proposal.id, asker)
    elif proposal is not None and proposal.plan:
        shown = Reply(True, "plan", {"plan": proposal.plan})
    else:
        return None
    if not shown.ok:
        return None
    fields = {name: value for name, value in shown.data["plan"].items() if name in Plan.model_fields}
    try:
        return Plan.model_validate(fields)
    except ValidationError as error:
        raise Permanent(f"a stored plan could not be read: {error}") from error


async def _board(equipment: Equipment, incident_id: str) -> Board:
    found = await equipment.store.read(lambda session: board.load(session, incident_id))
    if found is None:
        raise Permanent(f"incident {incident_id} is not in the store")
    return found


def _kept(session: Session, incident_id: str, run: Run | None) -> dict[str, Any]:
    """What would be in the store, beside the board."""
    written: dict[str, list[str]] = {}
    for row in session.connection().execute(select(OUTBOX).order_by(OUTBOX.c.id)).mappings():
        about = str(row["subject"]) if row["kind"] in ("entry", "note", "comment") else str(row["kind"])
        written.setdefault(about, []).append(str(row["destination"]))
    return {
        "questions": tuple(approvals.for_run(session, run.id)) if run is not None else (),
        "decisions": tuple(reversed(decisions.for_incident(session, incident_id, MOST))),
        "audit": tuple(audit.every_row(session)),
        "written": {about: tuple(dict.fromkeys(places)) for about, places in written.items()},
    }


class Pictures:
    """The messages, made by the templates from the same data as bot/recorders/slack.py gives them (a test compares)."""

    def __init__(self, equipment: Equipment, renderer: Renderer) -> None:
        self._equipment = equipment
        self._renderer = renderer

    @property
    def name_of(self) -> Callable[[str], str]:
        """Display name of a directory id."""
        return lambda person_id: name_of(self._equipment, person_id)

    def summary(self, shown: Board) -> Message:
        """The one message of the incident."""
        service = self._equipment.service_of(shown.incident)
        return self._renderer.blocks(
            "summary", board=shown, service=service, names=self.name_of, now=self._equipment.clock()
        )

    def card(self, shown: Board, run: Run) -> Message:
        """The card of the run, in the incident's thread."""
        return self._renderer.blocks(
            "card",
            run=run,
            approvals=list(shown.approvals.get(run.id, ())),
            votes=shown.votes,
            entries=[entry for entry in shown.entries if entry.run_id == run.id],
            facts=shown.facts,
            incident=shown.incident,
            service=self._equipment.service_of(shown.incident),
            names=self.name_of,
            now=self._equipment.clock(),
        )

    def answer(self, reply: Reply) -> Message:
        """What only the person who asked sees."""
        return self._renderer.blocks(f"reply_{reply.name}", data={"command": COMMAND, **reply.data}, names=self.name_of)


def name_of(equipment: Equipment, person_id: str) -> str:
    """Display name of a directory id; `bot` is us; anything else as it is."""
    person = equipment.people.by_id(person_id)
    return person.name if person else "Countersign" if person_id == "bot" else str(person_id)


def lines_of(equipment: Equipment, rehearsal: Rehearsal) -> list[tuple[str, tuple[str, ...], str]]:
    """Every transcript entry as the ticket words it, the destinations that get a line of it, and the message that shows it."""
    renderer = Renderer(TEMPLATES)
    found = []
    for entry in rehearsal.after.entries:
        text = renderer.text("ticket", "entry", entry=entry, names=lambda person: name_of(equipment, person))
        shown = "card" if entry.run_id else "summary"
        found.append((text, rehearsal.written.get(str(entry.seq), ()), shown))
    return found
