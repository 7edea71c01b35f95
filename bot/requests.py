"""What people may ask for: the one authorisation path of slash command, mention, button and CLI.

Called by bot/slack and bot/cli with a Person from the directory (never with typed names). Every refusal is a Reply with
a reason and what would make it possible, and is recorded. Answers come from the store, never from the card (T12).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from bot.incident import Incident, IncidentStatus
from bot.incident_requests import IncidentRequests
from bot.plan import Plan
from bot.services import Person
from bot.stages import paging
from bot.stages.asking import AskOutcome, ask_for, consider
from bot.stages.base import Equipment
from bot.stages.enrich import observe, values
from bot.stages.known import known
from bot.stages.match import PastRun, choose, past_runs, step_of
from bot.stages.plan import digest_of, make_plan
from bot.stages.planned_work import open_planned, run_of
from bot.stages.promoted import put_into_scopes
from bot.stages.reply import Reply, already, refused
from bot.stages.voting import Click, answer_doubt, vote
from bot.store import incidents, overview, proposals
from bot.store.overview import Offer
from bot.telemetry import log
from guards.decision import Deny, Finding
from runbooks.next_step import NextStep, NoStep

SHORTEST_REASON, LONGEST_REASON = 10, 300
LOOKS = 20
BETWEEN_LOOKS = 0.25  # seconds
ClickedAt = tuple[str, str]  # channel and ts of a message, as in the signed payload
WRONG_CARD = (
    "wrong_card",
    "This button does not belong to the message it was clicked in.",
    "Use the newest summary or card of the incident.",
)


class Requests(IncidentRequests):
    """start: starts a run in the engine; wake: wakes a parked run (run id, topic)."""

    def __init__(
        self,
        equipment: Equipment,
        start: Callable[[str], Coroutine[Any, Any, None]],
        wake: Callable[[str, str], Coroutine[Any, Any, object]],
    ) -> None:
        super().__init__(equipment)
        self._start = start
        self._wake = wake
        self._telling: set[asyncio.Future[object]] = set()

    async def run_step(self, proposal_id: str, person: Person, place: ClickedAt | None = None) -> Reply:
        """The Run button: plan with fresh facts, ask the guards, then start or ask for approval.

        place: the message that was clicked, which must be the one that shows the offer (T12); None from the CLI.
        """
        found = await self._offer(proposal_id, place)
        if isinstance(found, Reply):
            return found
        if found.state != "open":
            return already("This step was taken, skipped or replaced meanwhile; the thread shows the newest offer.")
        return await self._ask(found.incident, found.runbook, person, proposal_id, tried=found.tried)

    async def _offer(self, proposal_id: str, place: ClickedAt | None) -> Offer | Reply:
        """The stored offer, or the refusal of a click that is not known here or comes from another message.

        A message can be on the screen before its place is recorded (the bot was killed in between, and the outbox finds
        it again): then this waits a moment for the record instead of turning an honest click away.
        """
        store = self._equipment.store
        found = await store.read(lambda s: overview.offer(s, proposal_id))
        for _ in range(LOOKS if place is not None else 0):
            if found is None or found.place is not None:
                break
            await self._equipment.sleep(BETWEEN_LOOKS)
            found = await store.read(lambda s: overview.offer(s, proposal_id))
        if found is None:
            return refused("unknown_proposal", "This offer is not known here.", "Use the newest summary.")
        if place is not None and place != found.place:
            log().warning("a button of another message", proposal=proposal_id)
            return refused(*WRONG_CARD)
        return found

    async def run_runbook(
        self,
        runbook: str,
        service: str,
        environment: str | None,
        person: Person,
        channel: str,
        glass: str = "",
        once: str = "",
    ) -> Reply:
        """`/runbook run`: the same path, for the newest open incident of that service. glass: see `break_glass`. once: id of
        this one command; offered again after a crash it begins no second run.
        """
        run_id, begun = await run_of(self._equipment, once)
        if begun:
            return already("That was asked for before I was restarted; its card is in the thread.")
        entry = self._equipment.catalogue.named(service, environment)
        if entry is None:
            return self._unknown_service(service, environment)
        if self._equipment.library.get(runbook) is None:
            return refused("unknown_runbook", f"No runbook is called {runbook}.", "`/runbook list` shows all.")
        found = await self._equipment.store.read(lambda s: incidents.open_for_service(s, entry.name, entry.environment))
        if not found and not set(self._equipment.policy.requesters) & set(person.roles):
            return self._role_refusal()  # whoever may not ask must not open threads either
        mine = False
        if found:
            incident = found[0]
        else:
            incident, mine = await open_planned(self._equipment, entry, runbook, person)
        current = await self._equipment.store.read(lambda s: proposals.current(s, incident.id))
        proposal = current.id if current and current.state == "open" and current.runbook == runbook else ""
        reply = await self._ask(incident, runbook, person, proposal, glass=glass, run_id=run_id)
        if mine and not reply.ok:  # what may not be done is over, unless somebody else's run has begun there
            await self._equipment.store.write(
                lambda s: overview.under_way(s, incident.id) or paging.resolve(s, self._equipment, incident, "bot")
            )
            self._equipment.wake()
        return reply

    async def break_glass(
        self,
        runbook: str,
        service: str,
        environment: str | None,
        person: Person,
        channel: str,
        reason: str,
        once: str = "",
    ) -> Reply:
        """`/runbook breakglass`: past the rules that policy lets be broken, with a reason and a second person (T14)."""
        if self._equipment.policy.break_glass is None:
            return refused("no_break_glass", "Policy has no glass to break.", "Add `break_glass` to policy.yaml.")
        reason = self._equipment.redactor.text(reason)
        if len(reason.strip()) < SHORTEST_REASON:
            return refused("reason_needed", "Say why in a sentence.", "`... because payments loses orders since 14:02`")
        why = reason.strip()[:LONGEST_REASON]
        return await self.run_runbook(runbook, service, environment, person, channel, glass=why, once=once)

    async def _ask(
        self,
        incident: Incident,
        runbook: str,
        person: Person,
        proposal_id: str,
        *,
        tried: bool = True,
        glass: str = "",
        run_id: str = "",
    ) -> Reply:
        made = await self._plan(incident, runbook, person, tried=tried, glass=glass)
        outcome: AskOutcome = await ask_for(
            self._equipment, incident, made, runbook, person, proposal_id, run_id=run_id
        )
        if outcome.run_id:
            await self._tell_engine(self._start(outcome.run_id))
        return outcome.reply

    async def _tell_engine(self, work: Coroutine[Any, Any, object]) -> None:
        """Have the engine start or wake a run, without making the person wait for it.

        What was asked for is committed and the answer is true already; when the engine fails now the reconciler tells it.
        """
        task = asyncio.ensure_future(work)
        self._telling.add(task)
        task.add_done_callback(self._told)
        await asyncio.sleep(0)

    def _told(self, task: asyncio.Future[object]) -> None:
        self._telling.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log().error("the engine was not told; the reconciler will", error=repr(task.exception()))

    async def _plan(
        self, incident: Incident, runbook_id: str, person: Person, *, tried: bool = True, glass: str = ""
    ) -> Plan | Deny:
        """The plan of this runbook's next step for this incident, from facts observed now.

        tried: False when the incident is known to have no runs. glass: the reason to break it; such a plan ends soon.
        """
        equipment = self._equipment
        service = equipment.service_of(incident)
        runbook = equipment.library.get(runbook_id)
        if service is None:
            return Deny("unknown_service", "The catalogue does not know this service.", "Add it to services.yaml.")
        if runbook is None:
            return Deny("unknown_runbook", f"No runbook is called {runbook_id}.", "`/runbook list` shows all.")
        scopes = sorted({scope for step in runbook.steps if step.safety for scope in step.safety.scopes})
        equipment.promotions.refresh()
        there = put_into_scopes(equipment.promotions, runbook.id, digest_of(runbook), service.environment)
        if scopes and service.environment not in scopes and not there:
            reason = f"{runbook.title} is for {', '.join(scopes)}, not for {service.environment}."
            return Deny("wrong_environment", reason, f"Run it in {', '.join(scopes)}, or have it promoted.")
        if incident.status is IncidentStatus.RESOLVED:
            return Deny("incident_resolved", "This incident is resolved.", "Nothing needs to be done.")
        live, observed, past = await asyncio.gather(
            equipment.live_status(incident), observe(equipment, service, incident), self._past(incident, tried=tried)
        )
        if live is IncidentStatus.RESOLVED:
            return Deny("incident_resolved", "The monitor says this incident is over.", "Nothing needs to be done.")
        facts = values(observed)
        best, _ = choose(equipment, incident, facts, past)
        matches = isinstance(best, NextStep) and best.runbook.id == runbook_id
        chosen = best if matches else step_of(equipment, incident, runbook, facts, past, f"{person.name} asked for it")
        if isinstance(chosen, NoStep):
            return Deny("no_safe_step", chosen.why, "Look at the incident by hand, or choose another runbook.")
        now, broken = equipment.clock(), equipment.policy.break_glass
        return make_plan(
            equipment,
            incident=incident,
            service=service,
            runbook=chosen.runbook,  # whose steps they are: the catalogue may have been replaced meanwhile
            steps=chosen.steps,
            given={},
            facts=facts,
            requester=person.id,
            why=chosen.why,
            created_at=now,
            expires_at=now + timedelta(seconds=broken.timeout) if glass and broken else None,
            break_glass=glass,
        )

    async def _past(self, incident: Incident, *, tried: bool) -> list[PastRun]:
        return await self._equipment.store.read(lambda s: past_runs(s, incident.id)) if tried else []

    async def show_plan(self, proposal_id: str, person: Person, place: ClickedAt | None = None) -> Reply:
        """The exact plan and what the guards would say to this person; nothing is started. place: as of `run_step`."""
        found = await self._offer(proposal_id, place)
        if isinstance(found, Reply):
            return found
        if not found.runbook:
            return refused("unknown_proposal", "This offer is not known here.", "Use the newest summary.")
        return await self._show(found.incident, found.runbook, person, tried=found.tried)

    async def plan_runbook(self, runbook: str, service: str, environment: str | None, person: Person) -> Reply:
        """`/runbook plan`: for the newest open incident of that service."""
        entry = self._equipment.catalogue.named(service, environment)
        if entry is None:
            return self._unknown_service(service, environment)
        found = await self._equipment.store.read(lambda s: incidents.open_for_service(s, entry.name, entry.environment))
        if not found:
            return refused("no_incident", f"{entry.name} has no open incident.", "Plans are made for incidents.")
        return await self._show(found[0], runbook, person)

    async def _show(self, incident: Incident, runbook: str, person: Person, *, tried: bool = True) -> Reply:
        made = await self._plan(incident, runbook, person, tried=tried)
        if isinstance(made, Deny):
            return refused(made.code, made.reason, made.remedy)
        stopped_here, now = self._equipment.kill_switch.here(), self._equipment.clock()
        seen = await known(self._equipment, incident)
        found = await self._equipment.store.read(
            lambda s: consider(s, self._equipment, made, person, "", stopped_here, now, seen)
        )
        return Reply(
            True,
            "plan",
            {
                "plan": made.model_dump(mode="json"),
                "digest": made.short_digest,
                "decision": [_finding(f) for d in found.decisions for f in d.trace],
                "asks": [{"kind": a.kind, "message": a.message} for a in found.asks],
            },
        )

    async def vote(self, approval_id: str, person: Person, approve: bool, reason: str, channel: str, ts: str) -> Reply:
        """Approve or reject; every click gets an answer (P4)."""
        reply, wake = await vote(self._equipment, approval_id, Click(person, approve, reason, channel, ts))
        if wake:
            await self._tell_engine(self._wake(*wake))
        return reply

    async def vote_signed(self, approval_id: str, person: Person, approve: bool, reason: str) -> Reply:
        """The same with a signed statement instead of a click (P5): same path, same rules, no card to compare with."""
        reply, wake = await vote(self._equipment, approval_id, Click(person, approve, reason, via="key"))
        if wake:
            await self._tell_engine(self._wake(*wake))
        return reply

    async def answer_unknown(self, approval_id: str, person: Person, answer: str) -> Reply:
        """It happened / it did not, do it again / stop."""
        reply, wake = await answer_doubt(self._equipment, approval_id, person, answer)
        if wake:
            await self._tell_engine(self._wake(*wake))
        return reply


def _finding(found: Finding) -> dict[str, str]:
    reason = getattr(found.verdict, "reason", "")
    return {"rule": found.rule, "verdict": type(found.verdict).__name__.lower(), "reason": reason}
