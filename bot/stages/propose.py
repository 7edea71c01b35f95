"""Propose: turn the chosen step into one offer in the thread, with its plan, proof and undo; or say that there is none.

Called by bot/triage.py after match. Writes the proposal and its entry; must not start anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from bot.incident import Incident, IncidentStatus
from bot.plan import Plan
from bot.stages.base import Equipment
from bot.stages.by_itself import level_of
from bot.stages.plan import make_plan
from bot.store import incidents, proposals
from bot.store.proposals import Proposal
from bot.store.record import announce
from bot.transcript import Entry, EntryKind
from guards.decision import Deny
from runbooks.match import Ranked
from runbooks.model import Runbook
from runbooks.next_step import NextStep, NoStep

PREVIEW_REQUESTER = "(whoever runs it)"
WATCHED = "{} is only watched here (shadow): the thread says what would have been done, and nothing is."


def offer(
    equipment: Equipment,
    incident: Incident,
    chosen: NextStep | NoStep,
    ranked: Sequence[Ranked],
    facts: Mapping[str, Mapping[str, Any]],
) -> tuple[Proposal, Plan | None, dict[str, Any]]:
    """The proposal, its preview plan, and the data of its transcript entry. Pure apart from clock and new id.

    What is only watched (`shadow`) has a plan and is not offered, for nobody may run it; its entry is another one
    (bot/stages/by_itself.py), so there is no data.
    """
    now = equipment.clock()
    service = equipment.service_of(incident)
    alternatives: list[dict[str, Any]] = equipment.redactor.data(
        [{"runbook": r.runbook.id, "score": r.score, "reasons": list(r.reasons), "blocked": r.blocked} for r in ranked]
    )
    if service is None:
        why = (
            f"The service {incident.service_label or '(none named)'} is not in services.yaml, so its environment and "
            "targets are unknown. Add it there with this monitor's service id under `match`."
        )
        return _none(equipment, incident, why, alternatives), None, {"why": why}
    if isinstance(chosen, NoStep):
        data = equipment.redactor.data(
            {
                "why": chosen.why,
                "looks": list(chosen.looks),
                "evidence": list(chosen.evidence),
                "escalate": chosen.escalate,
                "severity": chosen.severity,
            }
        )
        known = [*(f"Known: {seen}" for seen in data["evidence"]), *(f"Look: {look}" for look in data["looks"])]
        return _none(equipment, incident, data["why"], alternatives, known), None, data
    made = make_plan(
        equipment,
        incident=incident,
        service=service,
        runbook=chosen.runbook,
        steps=chosen.steps,
        given={},
        facts=facts,
        requester=PREVIEW_REQUESTER,
        why=chosen.why,
        created_at=now,
    )
    if isinstance(made, Deny):
        why = f"{chosen.runbook.title} matches, but no plan can be made: {made.reason} {made.remedy}"
        return _none(equipment, incident, why, alternatives), None, {"why": why}
    if level_of(equipment.policy, chosen.runbook, made.steps) == "shadow":
        return _none(equipment, incident, WATCHED.format(chosen.runbook.title), alternatives), made, {}
    proposal = Proposal(
        id=equipment.new_id("prop"),
        incident_id=incident.id,
        runbook=chosen.runbook.id,
        step_id=chosen.steps[-1].id,
        why=chosen.why,
        state="open",
        plan={
            **made.model_dump(mode="json"),
            "success": chosen.success,
            "undo": undo_in_full(made, chosen.undo),
            "who": who_may(equipment, made, chosen.runbook),
        },
        score=chosen.score,
        reasons=[],
        alternatives=alternatives,
        created_at=now,
    )
    data = {
        "runbook": chosen.runbook.id,
        "title": chosen.runbook.title,
        "step": made.steps[-1].title,
        "why": chosen.why,
        "success": chosen.success,
        "undo": undo_in_full(made, chosen.undo),
        "shown": [step.act.shown for step in made.steps],
    }
    return proposal, made, data


def undo_in_full(plan: Plan, words: str) -> str:
    """How the plan's changing step is undone: the exact acts where there are any, else the runbook's words."""
    rollback = plan.steps[-1].rollback
    return "by " + ", then ".join(act.shown for act in rollback) if rollback else words


def who_may(equipment: Equipment, plan: Plan, runbook: Runbook) -> str:
    """Who may ask for this plan and whose yes it needs, in words: the policy's matrix, and what asks beside it.

    What depends on the person and the moment (limits, freezes, the emergency stop) is said when somebody asks.
    """
    asking = f"{' or '.join(equipment.policy.requesters)} may ask"
    word = equipment.policy.word(plan.environment, plan.risk, plan.tier)
    if word in ("auto", "confirm") and _asks_others(equipment, plan, runbook):
        word = "approve"
    rule = equipment.policy.approvers(plan.environment, plan.tier)
    if word == "auto":
        return f"{asking}; nobody else needs to agree"
    if word == "confirm":
        return f"{asking}, and confirms it"
    if word == "approve" and rule is not None:
        groups = " or ".join(rule.any_of) or " and ".join(rule.all_of)
        people = "one other person" if rule.count == 1 else f"{rule.count} other people"
        return f"{asking}; {people} of {groups} must approve"
    return "nobody: policy forbids it here"


def _asks_others(equipment: Equipment, plan: Plan, runbook: Runbook) -> bool:
    """Whether the runbook or a change of size asks other people where the matrix alone would not."""
    strict = {step.id for step in runbook.steps if step.safety is not None and step.safety.requires_approval}
    sizes = [size for step in plan.steps if (size := plan.change_of(step)) is not None]
    most = equipment.policy.scale.percent
    large = any(abs(size.wanted - size.current) * 100 > size.current * most for size in sizes)
    return large or any(step.runbook_step in strict for step in plan.steps)


def _none(
    equipment: Equipment, incident: Incident, why: str, alternatives: list[dict[str, Any]], known: Sequence[str] = ()
) -> Proposal:
    """No offer. known: what was seen and where to look, for the people who take over."""
    return Proposal(
        id=equipment.new_id("prop"),
        incident_id=incident.id,
        runbook="",
        step_id="",
        why=why,
        state="none",
        plan=None,
        score=0.0,
        reasons=list(known),
        alternatives=alternatives,
        created_at=equipment.clock(),
    )


def propose(session: Session, equipment: Equipment, incident_id: str, proposal: Proposal, data: dict[str, Any]) -> bool:
    """Store the offer. False when the incident was resolved meanwhile or the same thing is already offered.

    data: of its entry; without any none is written.
    """
    incident = incidents.get(session, incident_id)
    if incident is None or incident.status is IncidentStatus.RESOLVED:
        return False
    current = proposals.current(session, incident_id)
    if current is not None and current.state in ("open", "none"):
        same = (current.runbook, current.step_id, current.why) == (proposal.runbook, proposal.step_id, proposal.why)
        if same and current.state == proposal.state:
            announce(session, incident, equipment.routes(incident))
            return False
    proposals.save(session, proposal)
    if not data:
        announce(session, incident, equipment.routes(incident))
        return True
    equipment.record(
        session,
        incident,
        Entry(
            incident_id=incident_id,
            kind=EntryKind.PROPOSED if proposal.state == "open" else EntryKind.NO_STEP,
            at=equipment.clock(),
            actor="bot",
            data=data,
        ),
    )
    return True
