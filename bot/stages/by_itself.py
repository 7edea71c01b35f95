"""By itself: whether the bot may ask for the offered step without a person, and what is told where it may only watch.

Called by bot/triage.py after an offer; bot/stages/asking.py then treats the bot like anybody who asks, and the guards
decide (mission G2, G11; docs/policy.md, autonomy). Must not ask or start anything, and must not decide: what is read here
only saves asking the guards in vain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

import guards
from bot.incident import Incident, IncidentStatus
from bot.plan import Plan, PlanStep
from bot.services import People, Person
from bot.stages.base import Equipment
from bot.store import entries, incidents, proposals, runs, shadow
from bot.store.shadow import BOT, WATCHED
from bot.transcript import Entry, EntryKind
from guards.autonomy import LEVELS
from guards.chain import conclude
from guards.decision import Ask, Decision, Deny
from guards.policy import Policy
from guards.require_approval import approval_or_refusal
from runbooks.model import Runbook

ALONE = ("approve", "auto")
SUGGEST = "suggest"

SHORT = 12  # characters of a digest that an entry carries

STALE = "stale"
"""The detail that a source gives an event which came too late (bot/sources/pagerduty.py)."""

OLD_NEWS = Deny("old_news", "This is only known from an event that came too late.", "A person may ask for it.")


def level_of(policy: Policy, runbook: Runbook, steps: Iterable[PlanStep]) -> str:
    """What the bot may do with these steps by itself: `shadow`, `suggest`, `approve` or `auto`.

    The lowest of what runbook and policy say of each step that changes something; steps that only read are the business
    of the runbook alone, and of nobody when it does not say.
    """
    own = {step.id: step.safety.autonomy for step in runbook.steps if step.safety is not None}
    ceilings = {(environment, risk): word for environment, risk, word in policy.autonomy}
    found = [
        min(
            own.get(step.runbook_step, SUGGEST),
            ceilings.get((step.act.target.environment, step.risk), SUGGEST),
            key=LEVELS.index,
        )
        for step in steps
        if not step.read_only
    ]
    return min(found or [own[step.id] for step in runbook.steps if step.id in own] or [SUGGEST], key=LEVELS.index)


def asked_by(people: People, requester: str) -> Person | None:
    """Who asked for a run, for the guards: None is the bot itself. requester: as the run has it.

    Somebody who left the directory is a person without roles, whom every policy refuses, and never the bot.
    """
    return None if requester == BOT else people.by_id(requester) or Person(id=requester, name=requester)


async def old_news(equipment: Equipment, incident: Incident) -> Deny | None:
    """Why the bot starts nothing: the event that opened the incident came too late, and its monitor cannot be asked or says
    that it is over (T19). People are offered the step all the same.
    """
    if not incident.details.get(STALE):
        return None
    live = await equipment.live_status(incident)
    return OLD_NEWS if live in (None, IncidentStatus.RESOLVED) else None


def asked_before(session: Session, plan: Plan) -> bool:
    """Whether this very step is not the bot's to ask for: it did so in this incident, or a person skipped it.

    The step as the runbook has it today: an edited runbook is another step.
    """
    step = plan.steps[-1].runbook_step
    if (plan.runbook, step) in shadow.skipped(session, plan.incident_id):
        return True
    return any(
        run.requester == BOT
        and (run.plan.runbook, run.plan.runbook_digest) == (plan.runbook, plan.runbook_digest)
        and run.plan.steps[-1].runbook_step == step
        for run in runs.for_incident(session, plan.incident_id)
    )


def offered(session: Session, plan: Plan, level: str) -> str | None:
    """Id of the open offer that the bot may take, empty where it only watches and nothing is offered; None for neither."""
    if asked_before(session, plan):
        return None
    if level == "shadow":
        return ""
    current = proposals.current(session, plan.incident_id)
    if current is None or current.state != "open":
        return None
    return current.id if (current.runbook, current.step_id) == (plan.runbook, plan.steps[-1].runbook_step) else None


def cut_off(session: Session, equipment: Equipment, most: int) -> list[Incident]:
    """Open incidents with an offer that the bot may have wanted to ask for when the last process ended."""
    if not any(word in ALONE for _, _, word in equipment.policy.autonomy):
        return []
    found: list[Incident] = []
    for incident in incidents.open_incidents(session, most):
        current = proposals.current(session, incident.id)
        runbook = equipment.library.get(current.runbook) if current is not None and current.state == "open" else None
        if runbook is not None and any(s.safety is not None and s.safety.autonomy in ALONE for s in runbook.steps):
            found.append(incident)
    return found


def unconfirmed(policy: Policy, context: guards.Context, decision: Decision) -> Decision:
    """Nobody is there to confirm what the bot asks for, so a confirmation counts as approval (docs/policy.md, matrix)."""
    asked = [question for question in decision.questions if question.kind == "confirmation"]
    if not asked:
        return decision
    question = policy.approval(context.environment, context.tier, asked[0].message)
    instead = approval_or_refusal(question, context, "Nobody can confirm what the bot asks for")
    if isinstance(instead, Ask):
        rest = (other for other in decision.questions if other not in asked)
        return replace(decision, questions=(*rest, instead))
    denials = (instead,) if isinstance(instead, Deny) else ()
    return replace(decision, outcome="deny", denials=denials, questions=(), standing="")


def answer_of(policy: Policy, context: guards.Context, decisions: Sequence[Decision]) -> str:
    """What the guards would have said to the bot if this were not only watched; follows `would have run ... and`."""
    found = [
        unconfirmed(policy, context, conclude(tuple(f for f in decision.trace if not _watched(f.verdict))))
        for decision in decisions
    ]
    denials = [denial for decision in found for denial in decision.denials]
    if denials:
        return f"been refused: {denials[0].code}"
    return "asked for approval" if any(decision.questions for decision in found) else "run it alone"


def _watched(verdict: object) -> bool:
    return isinstance(verdict, Deny) and verdict.code in WATCHED


@dataclass(frozen=True, slots=True)
class Restraint:
    """What is recorded when the guards refuse the bot: what it would have done where it only watches, else each reason
    code once per incident, however often it looks. Given to `ask_for` as `denied`.
    """

    equipment: Equipment
    plan: Plan

    def __call__(self, session: Session, incident: Incident, decisions: Sequence[Decision], now: datetime) -> bool:
        """True when nothing more is to be recorded."""
        denials = [denial for decision in decisions for denial in decision.denials]
        said = entries.for_incident(session, incident.id)
        if not any(_watched(denial) for denial in denials):
            codes = {
                e.data.get("code") for e in said if e.kind is EntryKind.REFUSED and e.actor == BOT and not e.run_id
            }
            return denials[0].code in codes
        step, digest = self.plan.steps[-1].runbook_step, self.plan.runbook_digest[:SHORT]
        told = {
            (e.data.get("runbook"), e.data.get("step"), e.data.get("version"))
            for e in said
            if e.kind is EntryKind.WOULD_HAVE
        }
        if (self.plan.runbook, step, digest) not in told:
            data = {
                "runbook": self.plan.runbook,
                "step": step,
                "version": digest,
                "steps": [each.act.shown for each in self.plan.steps],
                "answer": self._answer(decisions),
            }
            entry = Entry(incident_id=incident.id, kind=EntryKind.WOULD_HAVE, at=now, actor=BOT, data=data)
            self.equipment.record(session, incident, entry)
        return True

    def _answer(self, decisions: Sequence[Decision]) -> str:
        context = guards.Context(environment=self.plan.environment, tier=self.plan.tier)
        return answer_of(self.equipment.policy, context, decisions)
