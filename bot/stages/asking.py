"""Asking: a finished plan meets the guards; it is refused, or it becomes a run with the questions people must answer.

Called by bot/requests.py for a person, and by bot/triage.py where the bot may ask by itself. One transaction writes run,
questions, entries and outbox rows together; the engine is started after the commit, and a run that was committed but not
started is started by the reconciler.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

import guards
from bot.incident import Incident, IncidentStatus
from bot.kill_switch import together
from bot.plan import Plan
from bot.services import Person
from bot.stages.base import Equipment
from bot.stages.by_itself import old_news, unconfirmed
from bot.stages.earlier import compared
from bot.stages.gate import actor_of, decide_step, looked_back, questions, snapshot
from bot.stages.kept import keep_decision
from bot.stages.known import NOTHING, Known, known
from bot.stages.paging import status_to_pagerduty
from bot.stages.promoted import setback_of
from bot.stages.question import question_of
from bot.stages.reply import Reply, already, done, refused
from bot.store import approvals, automation_events, incidents, kill_switch, overview, proposals, runs
from bot.store.runs import Run
from bot.transcript import Entry, EntryKind
from guards.decision import Deny

GLASS_NOT_NEEDED = Deny(
    "glass_not_needed",
    "No rule that can be broken stands in the way.",
    "Ask for the step in the usual way: `/runbook run`.",
)
SHORT = 12  # characters of a digest that people see, as Plan.short_digest
CARD = "the card in the thread"
ASKED_FOR = {
    frozenset(): f"Started; {CARD} shows how it goes.",
    frozenset({"approval"}): f"Asked for approval: {CARD} waits for somebody else than you.",
    frozenset({"confirmation"}): f"One question first: {CARD} waits for your confirmation.",
    frozenset({"confirmation", "approval"}): (
        f"Two questions: {CARD} waits for your confirmation, then for somebody else's approval."
    ),
}

Denied = Callable[[Session, Incident, Sequence[guards.Decision], datetime], bool]


@dataclass(frozen=True, slots=True)
class Considered:
    """One context and one decision per step of a plan, and the questions for all of it."""

    contexts: tuple[guards.Context, ...]
    decisions: tuple[guards.Decision, ...]
    asks: tuple[guards.Ask, ...]

    @property
    def broken(self) -> tuple[str, ...]:
        """The rules that only a broken glass lets this pass (T14)."""
        found = [f.rule for decision in self.decisions for f in decision.trace if "broken" in f.inputs]
        return tuple(dict.fromkeys(found))

    @property
    def denials(self) -> list[Deny]:
        """Every refusal, in the order of the steps."""
        return [denial for decision in self.decisions for denial in decision.denials]


@dataclass(frozen=True, slots=True)
class Decided:
    """A refusal by the guards: their decision is recorded, so it can be explained."""

    denial: Deny


@dataclass(frozen=True, slots=True)
class AskOutcome:
    """run_id is empty when nothing was started."""

    reply: Reply
    run_id: str = ""


def consider(
    session: Session,
    equipment: Equipment,
    plan: Plan,
    person: Person | None,
    run_id: str,
    stopped_here: Sequence[guards.Stop],
    now: datetime,
    seen: Known = NOTHING,
) -> Considered:
    """The guards' decision for every step of the plan, and what must be asked for all of it.

    person: None when the bot asks by itself. stopped_here: what file and signal stop (`KillSwitch.here`); the rows are
    read in this transaction. seen: what was observed before it.
    """
    stops = together(stopped_here, kill_switch.engaged(session))
    contexts = tuple(snapshot(session, equipment, plan, step, person, run_id, stops, now, seen) for step in plan.steps)
    setback = setback_of(session, equipment, plan)
    decisions = tuple(
        decide_step(equipment, plan, step, context, setback=setback)
        for step, context in zip(plan.steps, contexts, strict=True)
    )
    if person is None:
        pairs = zip(contexts, decisions, strict=True)
        decisions = tuple(unconfirmed(equipment.policy, context, decision) for context, decision in pairs)
    return Considered(contexts, decisions, questions(equipment, plan, decisions))


def keep(session: Session, equipment: Equipment, plan: Plan, found: Considered, run_id: str) -> None:
    """Every decision, so that it can be explained and replayed (G12). run_id: empty when nothing was started."""
    for step, context, decision in zip(plan.steps, found.contexts, found.decisions, strict=True):
        back = looked_back(equipment, plan, step)
        keep_decision(session, plan, step, context, decision, phase="asked", looked_back=back, run_id=run_id)


async def ask_for(
    equipment: Equipment,
    incident: Incident,
    made: Plan | Deny,
    runbook: str,
    person: Person | None,
    proposal_id: str,
    denied: Denied | None = None,
    run_id: str = "",
) -> AskOutcome:
    """Refuse with a record, or open the run, with that id where one is given.

    person: None when the bot asks by itself (bot/stages/by_itself.py says when). denied: sees what the guards refused, in
    the same transaction; when it says True nothing more is recorded of it.
    """
    asker = actor_of(person)
    if isinstance(made, Deny):
        return AskOutcome(await _refuse(equipment, incident, made, runbook, asker))
    if person is None and (old := await old_news(equipment, incident)) is not None:
        return AskOutcome(_said(old))
    stopped_here = equipment.kill_switch.here()
    seen = await known(equipment, incident)
    now = equipment.clock()

    def write(session: Session) -> AskOutcome | Deny | Decided:
        fresh = incidents.get(session, incident.id) or incident  # planning took a while, and it may have moved (T23)
        if fresh.status is IncidentStatus.RESOLVED:
            return Deny("incident_resolved", "This incident is resolved.", "Nothing needs to be done.")
        found = consider(session, equipment, made, person, "", stopped_here, now, seen)
        if found.denials:
            keep(session, equipment, made, found, "")
            silent = denied is not None and denied(session, fresh, found.decisions, now)
            first = found.denials[0]
            return AskOutcome(_said(first, incident.id)) if silent else Decided(first)
        if made.break_glass and not found.broken:
            return GLASS_NOT_NEEDED
        if overview.under_way(session, incident.id):
            return AskOutcome(already("A run of this incident is already under way; its card is in the thread."))
        if proposal_id and not proposals.take(session, proposal_id):
            return AskOutcome(already("Somebody else was faster; the card is in the thread."))
        outcome = _open(session, equipment, fresh, made, found.asks, asker, proposal_id, run_id, now)
        keep(session, equipment, made, found, outcome.run_id)
        if made.break_glass:
            data = {"reason": made.break_glass, "by": asker.id, "rules": list(found.broken)}
            _write(session, equipment, fresh, EntryKind.GLASS_BROKEN, asker.id, now, data, outcome.run_id)
        return outcome

    outcome = await equipment.store.write(write)
    equipment.wake()
    if isinstance(outcome, Decided):
        return AskOutcome(await _refuse(equipment, incident, outcome.denial, runbook, asker, incident.id))
    if isinstance(outcome, Deny):
        return AskOutcome(await _refuse(equipment, incident, outcome, runbook, asker))
    return outcome


def _open(
    session: Session,
    equipment: Equipment,
    incident: Incident,
    plan: Plan,
    asks: Sequence[guards.Ask],
    asker: guards.Actor,
    proposal_id: str,
    run_id: str,
    now: datetime,
) -> AskOutcome:
    run_id, digest = run_id or equipment.new_id("run"), plan.digest  # made once: it is a hash over the whole plan
    changed = compared(session, plan)
    runs.create(
        session,
        Run(
            id=run_id,
            incident_id=incident.id,
            proposal_id=proposal_id,
            plan=plan,
            digest=digest,
            state="waiting",
            outcome="",
            requester=asker.id,
            created_at=now,
            started_at=None,
            finished_at=None,
            stop_requested_by="",
            note="",
        ),
    )
    if incident.status is IncidentStatus.TRIGGERED and not asker.is_bot:  # paging goes on until a person is there
        incident = incident.model_copy(update={"status": IncidentStatus.ACKNOWLEDGED, "updated_at": now})
        incidents.save(session, incident)
        by = {"by": asker.name, "via": "slack"}
        _write(session, equipment, incident, EntryKind.ACKNOWLEDGED, asker.id, now, by)
        if equipment.pagerduty and incident.source == "pagerduty":
            status_to_pagerduty(session, incident, IncidentStatus.ACKNOWLEDGED, now)
    data: dict[str, Any] = {
        "runbook": plan.runbook,
        "digest": digest[:SHORT],
        "requester": asker.name,
        "steps": [step.act.shown for step in plan.steps],
        **changed,
    }
    _write(session, equipment, incident, EntryKind.REQUESTED, asker.id, now, data, run_id)
    for question in asks:
        approval = question_of(equipment.policy, equipment.new_id("apr"), run_id, plan, digest, question, asker.id, now)
        approvals.open(session, approval)
        approvers = question.approvers
        data = {
            "kind": question.kind,
            "message": question.message,
            "digest": digest[:SHORT],
            "needed": approvers.count if approvers else 1,
            "groups": [*approvers.any_of, *approvers.all_of] if approvers else [],
            "expires_at": approval.expires_at.isoformat(),
            "approval_id": approval.id,
        }
        _write(session, equipment, incident, EntryKind.ASKED, "bot", now, data, run_id)
    return AskOutcome(done(ASKED_FOR[frozenset(question.kind for question in asks)]), run_id)


def _write(
    session: Session,
    equipment: Equipment,
    incident: Incident,
    kind: EntryKind,
    actor: str,
    now: datetime,
    data: dict[str, Any],
    run_id: str = "",
) -> None:
    equipment.record(
        session,
        incident,
        Entry(incident_id=incident.id, run_id=run_id, kind=kind, at=now, actor=actor, data=data),
    )


async def _refuse(
    equipment: Equipment, incident: Incident, denial: Deny, runbook: str, asker: guards.Actor, explained: str = ""
) -> Reply:
    """A refusal has no side effect, one audited entry with its reason code, and an answer (trust 1.5).

    explained: id of the incident when the guards' decision about it is recorded.
    """
    now = equipment.clock()
    equipment.metrics.refusals.labels(denial.code).inc()

    def write(session: Session) -> None:
        data = {"code": denial.code, "reason": denial.reason, "remedy": denial.remedy, "runbook": runbook}
        _write(session, equipment, incident, EntryKind.REFUSED, asker.id, now, data)
        automation_events.add(
            session,
            at=now,
            action=runbook,
            service=incident.service,
            environment=incident.environment,
            status="refused",
            run_id="",
            incident_id=incident.id,
            runbook=runbook,
            requester=asker.id,
            approvers=[],
            duration_seconds=0.0,
        )

    await equipment.store.write(write)
    equipment.wake()
    return _said(denial, explained)


def _said(denial: Deny, explained: str = "") -> Reply:
    return refused(denial.code, denial.reason, denial.remedy, explained)
