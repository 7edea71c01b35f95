"""The flow of one run over the real store: every ending, crashes in the middle, and what is never done twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from bot.errors import Ambiguous, Permanent
from bot.flow import Flow
from bot.incident import Incident, IncidentStatus
from bot.membership import Groups
from bot.plan import Act
from bot.requests import Requests
from bot.services import People, Person
from bot.stages.base import Equipment
from bot.stages.correlate import correlate
from bot.stages.reply import Reply
from bot.store import approvals, attempts, entries, incidents, leases, runs
from bot.store.inbox import Delivered
from bot.transcript import EntryKind
from guards import Calendar, Deny, Period, Policy
from tests.fakes.equipment import PEOPLE, POLICY, START, Clock, ListJournal, World, alert, make_equipment


class Crash(BaseException):
    """Stands for kill -9: nothing in the flow may catch it."""


@dataclass
class Stage:
    equipment: Equipment
    world: World
    clock: Clock
    requests: Requests
    incident: Incident
    started: list[str] = field(default_factory=list)
    woken: list[tuple[str, str]] = field(default_factory=list)

    def person(self, name: str) -> Person:
        found = self.equipment.people.by_id(name)
        assert found is not None
        return found

    async def ask(self, who: str = "ana", runbook: str = "restart-service") -> Reply:
        return await self.requests.run_runbook(runbook, "payments", None, self.person(who), "C0PAY")

    async def approval(self) -> str:
        found = await self.equipment.store.read(lambda s: approvals.for_run(s, self.started[-1]))
        return found[-1].id

    async def kinds(self) -> list[str]:
        found = await self.equipment.store.read(lambda s: entries.for_incident(s, self.incident.id))
        return [entry.kind.value for entry in found]

    async def run(self) -> runs.Run:
        found = await self.equipment.store.read(lambda s: runs.get(s, self.started[-1]))
        assert found is not None
        return found

    async def carry_out(self, journal: ListJournal) -> str:
        async def look(_incident_id: str) -> None:
            return None

        return await Flow(self.equipment, look).carry_out(self.started[-1], journal)

    async def approve(self, who: str = "ben") -> Reply:
        return await self.requests.vote(await self.approval(), self.person(who), True, "", "", "")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    equipment, world, clock = await make_equipment(tmp_path)
    delivered = Delivered(id=1, source="pagerduty", key="E1", headers={}, body=b"{}", received_at=START)
    folded = await equipment.store.write(lambda s: correlate(s, [(delivered, alert())], equipment, clock()))
    incident = next(iter(folded.enrich.values()))
    started: list[str] = []
    woken: list[tuple[str, str]] = []

    async def start(run_id: str) -> None:
        started.append(run_id)

    async def wake(run_id: str, topic: str) -> bool:
        woken.append((run_id, topic))
        return True

    yield Stage(equipment, world, clock, Requests(equipment, start, wake), incident, started, woken)
    await equipment.store.close()


async def test_approved_step_runs_once_is_proved_and_resolves(stage: Stage) -> None:
    assert (await stage.ask()).ok
    assert (await stage.approve()).ok
    assert await stage.carry_out(ListJournal()) == "succeeded"
    assert [operation for operation, _ in stage.world.acts] == ["supervisor.tail_log", "supervisor.restart"]
    kinds = await stage.kinds()
    wanted = ["opened", "acknowledged", "requested", "asked", "voted", "approved", "started", "executed", "verified"]
    assert [k for k in kinds if k in wanted and k != "started"][:7] == [k for k in wanted if k != "started"][:7]
    assert kinds[-2:] == ["finished", "resolved"]
    after = await stage.equipment.store.read(lambda s: incidents.get(s, stage.incident.id))
    assert after is not None
    assert after.status is IncidentStatus.RESOLVED
    assert await stage.equipment.store.read(leases.holders) == {}


async def test_secret_in_output_is_redacted_before_it_is_stored(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    await stage.carry_out(ListJournal())
    found = await stage.equipment.store.read(lambda s: entries.for_incident(s, stage.incident.id))
    texts = " ".join(str(entry.data) for entry in found)
    assert "hunter2" not in texts
    assert "redacted" in texts


async def test_T01_requester_cannot_approve(stage: Stage) -> None:
    await stage.ask("cora")
    reply = await stage.approve("cora")
    assert (reply.ok, reply.data["code"]) == (False, "self_approval")
    assert (await stage.run()).state == "waiting"


async def test_T02_outsider_cannot_approve(stage: Stage) -> None:
    await stage.ask()
    reply = await stage.approve("dev")
    assert (reply.ok, reply.data["code"]) == (False, "not_approver")


async def test_viewer_cannot_ask(stage: Stage) -> None:
    reply = await stage.ask("dev")
    assert (reply.ok, reply.data["code"]) == (False, "wrong_role")
    assert stage.started == []


async def test_T08_expired_approval_runs_nothing(stage: Stage) -> None:
    await stage.ask()

    async def late(_topic: str) -> None:
        stage.clock.now += timedelta(minutes=16)

    assert await stage.carry_out(ListJournal(late)) == "expired"
    assert stage.world.acts == []
    assert "expired" in await stage.kinds()
    reply = await stage.approve()
    assert not reply.ok


async def test_T03_approver_who_left_the_group_voids_the_approval(stage: Stage, tmp_path: Path) -> None:
    await stage.ask()
    await stage.approve()
    people = stage.equipment.people.model_copy(update={"groups": {"payments-oncall": ("cora",)}})
    stage.equipment = _with(stage.equipment, people=people)
    assert await stage.carry_out(ListJournal()) == "refused"
    assert stage.world.acts == []


async def test_T09_changed_policy_voids_the_approval(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    changed = Policy.from_mapping({**POLICY, "confirmation_timeout": "60s"})
    stage.equipment = _with(stage.equipment, policy=changed)
    assert await stage.carry_out(ListJournal()) == "refused"
    assert stage.world.acts == []


async def test_T11_an_approval_is_used_up(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    await stage.carry_out(ListJournal())
    approval = await stage.equipment.store.read(lambda s: approvals.for_run(s, stage.started[-1]))
    assert [a.state for a in approval] == ["consumed"]


async def test_T06_reject_before_the_first_intent_wins(stage: Stage) -> None:
    await stage.ask()
    await stage.approve("ben")
    reply = await stage.requests.vote(await stage.approval(), stage.person("cora"), False, "no", "", "")
    assert reply.ok
    assert await stage.carry_out(ListJournal()) == "refused"
    assert stage.world.acts == []


async def test_T55_kill_switch_between_approval_and_act(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    await stage.equipment.kill_switch.engage("all", "", "storm", "ana")
    assert await stage.carry_out(ListJournal()) == "refused"
    assert stage.world.acts == []


async def test_T42_hard_block_in_the_adapter(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    stage.world.forbidden = Deny("forbidden", "never", "nothing")
    assert await stage.carry_out(ListJournal()) == "refused"
    assert stage.world.acts == []


async def test_T36_wrong_target_at_the_moment_of_acting(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    stage.world.identity = Deny("wrong_target", "it is another one", "look")
    assert await stage.carry_out(ListJournal()) == "refused"
    assert stage.world.acts == []


async def test_T23_resolved_in_the_monitor_meanwhile(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    stage.world.live = IncidentStatus.RESOLVED
    assert await stage.carry_out(ListJournal()) == "refused"
    assert stage.world.acts == []


async def test_no_longer_needed(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    stage.world.up = True
    assert await stage.carry_out(ListJournal()) == "refused"
    assert [operation for operation, _ in stage.world.acts] == ["supervisor.tail_log"]


async def test_unproved_effect_pages_and_is_not_called_success(stage: Stage) -> None:
    stage.world.mends = False
    await stage.ask()
    await stage.approve()
    assert await stage.carry_out(ListJournal()) == "failed"
    kinds = await stage.kinds()
    assert "verify_failed" in kinds
    assert "escalated" in kinds
    assert "resolved" not in kinds


async def test_failed_change_is_rolled_back_and_escalated(stage: Stage) -> None:
    await stage.ask(runbook="roll-back-setting")
    await stage.approve()
    assert await stage.carry_out(ListJournal()) == "rolled_back"
    assert [operation for operation, _ in stage.world.acts] == ["settings.set", "settings.restore"]
    kinds = await stage.kinds()
    assert kinds.index("verify_failed") < kinds.index("rolled_back") < kinds.index("escalated")


async def test_T60_rollback_that_fails_keeps_the_lease_and_pages(stage: Stage) -> None:
    async def fail(act: Act) -> None:
        if act.operation == "settings.restore":
            raise Permanent("no such file")

    stage.world.during = fail
    await stage.ask(runbook="roll-back-setting")
    await stage.approve()
    assert await stage.carry_out(ListJournal()) == "failed"
    kinds = await stage.kinds()
    assert "rollback_failed" in kinds
    assert "escalated" in kinds
    assert list((await stage.equipment.store.read(leases.holders)).values()) == [stage.started[-1]]


@pytest.mark.parametrize(("answer", "outcome"), [("done", "succeeded"), ("retry", "succeeded"), ("abort", "unknown")])
async def test_T51_ambiguous_outcome_is_asked_of_a_person(stage: Stage, answer: str, outcome: str) -> None:
    async def cut_off(act: Act) -> None:
        if act.operation == "supervisor.restart" and len(stage.world.acts) == 2:
            stage.world.up = answer == "done"
            raise Ambiguous("the connection broke")

    async def say(topic: str) -> None:
        question = await stage.equipment.store.read(lambda s: approvals.get(s, topic))
        if question is not None and question.kind == "unknown":
            assert (await stage.requests.answer_unknown(topic, stage.person("cora"), answer)).ok

    stage.world.during = cut_off
    await stage.ask()
    await stage.approve()
    assert await stage.carry_out(ListJournal(say)) == outcome
    restarts = [key for operation, key in stage.world.acts if operation == "supervisor.restart"]
    assert len(restarts) == (2 if answer == "retry" else 1)
    assert len(set(restarts)) == len(restarts)
    assert "unknown" in await stage.kinds()


async def test_only_an_operator_answers_an_unknown_outcome(stage: Stage) -> None:
    async def cut_off(act: Act) -> None:
        if act.operation == "supervisor.restart":
            raise Ambiguous("the connection broke")

    refusals: list[str] = []

    async def say(topic: str) -> None:
        question = await stage.equipment.store.read(lambda s: approvals.get(s, topic))
        if question is not None and question.kind == "unknown":
            refusals.append((await stage.requests.answer_unknown(topic, stage.person("ana"), "done")).data["code"])
            stage.clock.now += timedelta(hours=2)

    stage.world.during = cut_off
    await stage.ask()
    await stage.approve()
    assert await stage.carry_out(ListJournal(say)) == "unknown"
    assert refusals == ["wrong_role"]
    assert list((await stage.equipment.store.read(leases.holders)).values()) == [stage.started[-1]]


async def test_T51_killed_in_the_act_is_never_repeated_by_itself(stage: Stage) -> None:
    async def die(act: Act) -> None:
        if act.operation == "supervisor.restart":
            raise Crash

    journal = ListJournal()
    stage.world.during = die
    await stage.ask()
    await stage.approve()
    with pytest.raises(Crash):
        await stage.carry_out(journal)
    stage.world.during = None
    stage.world.up = True
    question: list[str] = []

    async def say(topic: str) -> None:
        found = await stage.equipment.store.read(lambda s: approvals.get(s, topic))
        if found is not None and found.kind == "unknown":
            question.append(topic)
            await stage.requests.answer_unknown(topic, stage.person("cora"), "done")

    again = ListJournal(say)
    again.done = journal.done
    assert await stage.carry_out(again) == "succeeded"
    assert len(question) == 1
    assert [operation for operation, _ in stage.world.acts].count("supervisor.restart") == 1


async def test_T51_every_cut_between_two_steps_ends_the_same(tmp_path: Path, stage: Stage) -> None:
    """Cut after each finished journal step in turn: the replay ends the run with one restart, and one only."""
    await stage.ask()
    await stage.approve()
    whole = ListJournal()

    class Cut(ListJournal):
        def __init__(self, done: dict[str, object]) -> None:
            super().__init__()
            self.done = done
            self.fresh = 0

        async def step(self, name: str, work: object) -> object:
            known = name in self.done
            result = await super().step(name, work)  # type: ignore[arg-type]  # reason: same protocol, test double
            if not known:
                self.fresh += 1
                if self.fresh == 1:
                    raise Crash
            return result

    done: dict[str, object] = whole.done
    for _ in range(60):
        try:
            outcome = await stage.carry_out(Cut(done))
        except Crash:
            continue
        break
    assert outcome == "succeeded"
    assert [operation for operation, _ in stage.world.acts].count("supervisor.restart") == 1


async def test_T54_second_run_waits_for_the_target_and_gives_up_with_a_reason(stage: Stage) -> None:
    await stage.equipment.store.write(
        lambda s: leases.acquire(s, ["supervisor_program:prod/payments"], "run_other", stage.clock())
    )
    reply = await stage.ask()
    assert reply.data["code"] == "target_busy"


async def test_stop_button_prevents_the_next_step(stage: Stage) -> None:
    async def stop(act: Act) -> None:
        if act.operation == "supervisor.tail_log":
            assert (await stage.requests.stop(stage.started[-1], stage.person("ana"))).ok

    stage.world.during = stop
    await stage.ask()
    await stage.approve()
    assert await stage.carry_out(ListJournal()) == "stopped"
    assert [operation for operation, _ in stage.world.acts] == ["supervisor.tail_log"]


async def test_T53_worker_that_lost_its_place_does_not_act(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    stage.equipment = _with(stage.equipment, boot="an older boot")
    assert await stage.carry_out(ListJournal()) == "refused"
    assert stage.world.acts == []
    found = await stage.equipment.store.read(lambda s: attempts.for_run(s, stage.started[-1]))
    assert [a.state for a in found] == ["failed"]


async def test_rate_of_one_restart_per_hour_in_prod(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    assert await stage.carry_out(ListJournal()) == "succeeded"
    stage.world.up = False
    delivered = Delivered(id=2, source="pagerduty", key="E2", headers={}, body=b"{}", received_at=START)
    second = alert("E2", "PINC2", occurred_at=stage.clock())
    await stage.equipment.store.write(lambda s: correlate(s, [(delivered, second)], stage.equipment, stage.clock()))
    reply = await stage.ask()
    assert (reply.ok, reply.data.get("code")) == (False, "rate_limited")


async def test_two_people_ask_at_once_and_one_run_starts(stage: Stage) -> None:
    first, second = await stage.ask("ana"), await stage.ask("ben")
    assert (first.ok, second.ok) == (True, False)
    assert len(stage.started) == 1


async def test_T05_two_approvers_at_once_give_one_decision(stage: Stage) -> None:
    import asyncio

    await stage.ask()
    replies = await asyncio.gather(stage.approve("ben"), stage.approve("cora"))
    assert sorted(reply.ok for reply in replies) == [False, True]
    assert [kind for kind in await stage.kinds() if kind == EntryKind.APPROVED.value] == ["approved"]


def _with(equipment: Equipment, **changes: Any) -> Equipment:
    """Other parts, as after a restart with another configuration: new people are in new groups."""
    if "people" in changes:
        changes.setdefault("groups", Groups(changes["people"], "T1", equipment.clock))
    return replace(equipment, **changes)


async def test_I4_reassign_from_slack_goes_to_pagerduty(stage: Stage) -> None:
    from bot.store import outbox

    refused = await stage.requests.reassign(stage.incident.id, stage.person("ana"), "nobody")
    assert refused.data["code"] == "unknown_person"
    people = stage.equipment.people.model_copy(
        update={
            "people": tuple(
                p.model_copy(update={"pagerduty": f"P{p.id.upper()}"}) for p in stage.equipment.people.people
            )
        }
    )
    requests = Requests(_with(stage.equipment, people=people), stage.requests._start, stage.requests._wake)
    assert (await requests.reassign(stage.incident.id, stage.person("ana"), "Ben")).ok
    now = stage.clock() + timedelta(hours=1)
    rows = await stage.equipment.store.read(lambda s: outbox.heads(s, "pagerduty", now, 50))
    found = await stage.equipment.store.read(lambda s: incidents.get(s, stage.incident.id))
    assert found is not None
    assert found.assignees == ("Ben",)
    kinds = []
    while rows:
        kinds.append((rows[0].kind, rows[0].payload))
        done = rows[0].id
        await stage.equipment.store.write(
            lambda s, done=done: (outbox.sending(s, done), outbox.sent(s, done, "x", now))
        )
        rows = await stage.equipment.store.read(lambda s: outbox.heads(s, "pagerduty", now, 50))
    assert ("reassign", {"user_ids": ["PBEN"]}) in kinds


async def test_planned_work_opens_a_thread_of_its_own_and_closes_it(stage: Stage) -> None:
    await stage.requests.resolve(stage.incident.id, stage.person("ana"))
    refused = await stage.requests.run_runbook("roll-back-setting", "payments", None, stage.person("dev"), "C0PAY")
    assert refused.data["code"] == "wrong_role"
    assert (await stage.ask(runbook="roll-back-setting")).ok
    run = await stage.run()
    assert run.incident_id != stage.incident.id
    await stage.approve()
    stage.world.mends = True

    async def mend(act: Act) -> None:
        stage.world.up = True

    stage.world.during = mend
    assert await stage.carry_out(ListJournal()) == "succeeded"
    opened = await stage.equipment.store.read(lambda s: incidents.get(s, run.incident_id))
    assert opened is not None
    assert (opened.source, opened.status) == ("slack", IncidentStatus.RESOLVED)


async def test_a_named_runbook_gives_one_changing_step_and_no_step_is_an_answer(stage: Stage) -> None:
    stage.world.up = True
    reply = await stage.ask()
    assert (reply.ok, reply.data["code"]) == (False, "no_safe_step")


async def test_a_mistake_inside_the_run_ends_it_as_unknown_and_pages(stage: Stage) -> None:
    async def mistake(act: Act) -> None:
        if act.operation == "supervisor.restart":
            raise ZeroDivisionError

    stage.world.during = mistake
    await stage.ask()
    await stage.approve()
    assert await stage.carry_out(ListJournal()) == "unknown"
    assert (await stage.kinds())[-2:] == ["escalated", "finished"]
    assert list((await stage.equipment.store.read(leases.holders)).values()) == [stage.started[-1]]
    assert [operation for operation, _ in stage.world.acts].count("supervisor.restart") == 1


async def test_a_confirmation_is_waited_for_before_an_approval(stage: Stage) -> None:
    await stage.ask()
    first = (await stage.equipment.store.read(lambda s: approvals.for_run(s, stage.started[-1])))[0]
    confirmation = replace(first, id="apr_zzzz", kind="confirmation")
    await stage.equipment.store.write(lambda s: approvals.open(s, confirmation))
    journal = ListJournal()
    assert await stage.carry_out(journal) == "expired"
    assert journal.waited == ["apr_zzzz"]


# -- a freeze that begins in the middle of a run -------------------------------------------------------------------
@dataclass
class Frost:
    """A freeze that begins during the first step and lasts an hour."""

    stage: Stage
    began: list[datetime] = field(default_factory=list)
    problems: tuple[tuple[str, str], ...] = ()
    asked: list[approvals.Approval] = field(default_factory=list)

    def calendar(self, _now: datetime) -> Calendar:
        periods = [Period("freeze", "audit", ("prod",), (), at, at + timedelta(hours=1)) for at in self.began]
        return Calendar(tuple(periods), self.problems)

    async def begin(self, act: Act) -> None:
        if act.operation == "supervisor.tail_log":
            self.began.append(self.stage.clock())

    async def question(self, topic: str) -> str:
        """The id of the question when it is about the pause, else empty."""
        found = await self.stage.equipment.store.read(lambda s: approvals.get(s, topic))
        if found is None or found.kind != "paused":
            return ""
        self.asked.append(found)
        return found.id

    async def answer(self, topic: str, who: str, word: str) -> Reply:
        return await self.stage.requests.answer_unknown(topic, self.stage.person(who), word)


@pytest.fixture
async def frost(stage: Stage) -> Frost:
    """Asked and approved; the freeze begins while the log is read."""
    made = Frost(stage)
    stage.equipment = _with(stage.equipment, calendar=made.calendar)
    stage.requests = Requests(stage.equipment, stage.requests._start, stage.requests._wake)
    stage.world.during = made.begin
    assert (await stage.ask()).ok
    assert (await stage.approve()).ok
    return made


async def told(stage: Stage, kind: EntryKind) -> list[dict[str, Any]]:
    found = await stage.equipment.store.read(lambda s: entries.for_incident(s, stage.incident.id))
    return [entry.data for entry in found if entry.kind is kind]


def acted(stage: Stage) -> list[str]:
    return [operation for operation, _ in stage.world.acts]


async def test_T56_X11_a_freeze_in_the_middle_pauses_the_run_says_so_and_pages(frost: Frost) -> None:
    stage = frost.stage

    async def look(topic: str) -> None:
        if await frost.question(topic):
            raise Crash

    with pytest.raises(Crash):
        await stage.carry_out(ListJournal(look))
    assert acted(stage) == ["supervisor.tail_log"]
    (question,) = frost.asked
    (paused,) = await told(stage, EntryKind.PAUSED)
    assert (paused["step"], paused["approval_id"]) == ("restart", question.id)
    assert "Changes are frozen in prod (audit)" in paused["reason"]
    (escalated,) = await told(stage, EntryKind.ESCALATED)
    assert "the run is paused before Restart the program" in escalated["reason"]
    assert (await stage.run()).state == "running"
    assert list((await stage.equipment.store.read(leases.holders)).values()) == [stage.started[-1]]


@pytest.mark.parametrize("who", ["ana", "cora"])
async def test_X11_after_the_freeze_the_requester_or_an_operator_lets_it_go_on(frost: Frost, who: str) -> None:
    stage = frost.stage

    async def go_on(topic: str) -> None:
        if await frost.question(topic):
            stage.clock.now += timedelta(minutes=61 - 2)
            assert not (await frost.answer(topic, "dev", "retry")).ok
            assert not (await frost.answer(topic, who, "done")).ok, "a pause is not an unknown outcome"
            assert (await frost.answer(topic, who, "retry")).ok
            stage.clock.now += timedelta(minutes=2)

    assert await stage.carry_out(ListJournal(go_on)) == "succeeded"
    assert acted(stage) == ["supervisor.tail_log", "supervisor.restart"]
    assert len(frost.asked) == 1
    assert await stage.equipment.store.read(leases.holders) == {}


async def test_X11_going_on_while_it_is_still_frozen_asks_again(frost: Frost) -> None:
    async def go_on(topic: str) -> None:
        if await frost.question(topic):
            assert (await frost.answer(topic, "ana", "retry" if len(frost.asked) < 3 else "abort")).ok

    assert await frost.stage.carry_out(ListJournal(go_on)) == "refused"
    assert [question.step_id for question in frost.asked] == ["restart/1", "restart/2", "restart/3"]
    assert acted(frost.stage) == ["supervisor.tail_log"]


async def test_T56_a_calendar_that_becomes_unreadable_pauses_as_well(frost: Frost) -> None:
    stage, freeze = frost.stage, {"name": "x", "environments": ["prod"], "timezone": "UTC"}
    times = {"start": "2030-01-01T00:00", "end": "2030-01-02T00:00"}
    stage.equipment = _with(stage.equipment, policy=Policy.from_mapping({**POLICY, "freezes": [{**freeze, **times}]}))
    stage.requests = Requests(stage.equipment, stage.requests._start, stage.requests._wake)
    await stage.equipment.store.write(lambda s: closed(s, stage.started.pop()))
    assert (await stage.ask()).ok
    assert (await stage.approve()).ok

    async def lose(act: Act) -> None:
        frost.problems = (("prod", "the file cannot be read"),)

    async def abort(topic: str) -> None:
        if await frost.question(topic):
            assert (await frost.answer(topic, "ana", "abort")).ok

    stage.world.during = lose
    assert await stage.carry_out(ListJournal(abort)) == "refused"
    assert len(frost.asked) == 1
    (paused,) = await told(stage, EntryKind.PAUSED)
    assert "the file cannot be read" in paused["reason"]


def closed(session: Session, run_id: str) -> None:
    """The run is over, and nobody need answer."""
    runs.close(session, run_id, "stopped", "", START)


NOBODY = [("abort", "refused"), ("", "refused")]


@pytest.mark.parametrize(("word", "outcome"), NOBODY, ids=["abort", "nobody answers"])
async def test_X11_without_a_yes_the_paused_run_ends_and_lets_its_target_go(
    frost: Frost, word: str, outcome: str
) -> None:
    stage = frost.stage

    async def say(topic: str) -> None:
        if await frost.question(topic):
            if word:
                assert (await frost.answer(topic, "ana", word)).ok
            else:
                stage.clock.now += timedelta(hours=2)  # the freeze is over by now, and so is the question

    assert await stage.carry_out(ListJournal(say)) == outcome
    assert acted(stage) == ["supervisor.tail_log"]
    assert (await told(stage, EntryKind.REFUSED))[-1]["code"] == "frozen"
    assert await stage.equipment.store.read(leases.holders) == {}
    assert len(await told(stage, EntryKind.ESCALATED)) == 1


async def test_T51_killed_while_it_is_paused_the_same_question_stands(frost: Frost) -> None:
    stage, first = frost.stage, ListJournal()

    async def die(topic: str) -> None:
        if await frost.question(topic):
            raise Crash

    first._answer = die
    with pytest.raises(Crash):
        await stage.carry_out(first)
    for name in [name for name in first.done if name.startswith("ask paused")]:
        del first.done[name]

    async def abort(topic: str) -> None:
        if await frost.question(topic):
            assert (await frost.answer(topic, "ana", "abort")).ok

    first._answer = abort
    assert await stage.carry_out(first) == "refused"
    assert len({question.id for question in frost.asked}) == 1
    assert len(await told(stage, EntryKind.PAUSED)) == 1


async def test_a_freeze_that_began_before_the_first_step_is_a_refusal(frost: Frost) -> None:
    frost.stage.world.during = None
    frost.began.append(START)
    assert not (await frost.stage.ask()).ok
    reason = (await told(frost.stage, EntryKind.REFUSED))[-1]
    assert reason["code"] == "frozen"


# -- members that cannot be looked up ------------------------------------------------------------------------------
async def test_T03_members_that_cannot_be_looked_up_at_dispatch_refuse_the_run(stage: Stage) -> None:
    people = People.model_validate({**PEOPLE, "groups": {"payments-oncall": {"slack_usergroup": "S0ONCALL"}}})
    answers: list[list[str] | Exception] = [["U2"]]

    async def lookup(_name: str) -> list[str]:
        found = answers[-1]
        if isinstance(found, Exception):
            raise found
        return found

    groups = Groups(people, "T1", stage.clock, usergroup=lookup)
    stage.equipment = _with(stage.equipment, people=people, groups=groups)
    stage.requests = Requests(stage.equipment, stage.requests._start, stage.requests._wake)
    await stage.ask()
    assert (await stage.approve("ben")).ok
    answers.append(Permanent("the token was revoked"))
    stage.clock.now += timedelta(seconds=61)
    assert await stage.carry_out(ListJournal()) == "refused"
    assert stage.world.acts == []
    assert (await told(stage, EntryKind.REFUSED))[-1]["code"] == "authz_unavailable"


# -- standing approvals --------------------------------------------------------------------------------------------
async def test_P6_a_standing_approval_answers_and_is_on_the_attempt_until_it_is_used_up(stage: Stage) -> None:
    given = {
        "id": "payments-restart", "runbook": "restart-service", "action": "supervisor.restart", "service": "payments",
        "environment": "prod", "max": 1, "until": "2026-12-31T00:00:00Z", "by": ["cora", "dev"],
    }  # fmt: skip
    stage.equipment = _with(stage.equipment, policy=Policy.from_mapping({**POLICY, "standing": [given]}))
    stage.requests = Requests(stage.equipment, stage.requests._start, stage.requests._wake)
    assert (await stage.ask()).ok
    assert await stage.equipment.store.read(lambda s: approvals.for_run(s, stage.started[-1])) == []
    assert await stage.carry_out(ListJournal()) == "succeeded"
    rows = select(attempts.C.step_id, attempts.C.standing).order_by(attempts.C.started_at)
    used = await stage.equipment.store.read(lambda s: s.connection().execute(rows).all())
    assert [tuple(row) for row in used] == [("diagnose", ""), ("restart", "payments-restart")]
    stage.clock.now += timedelta(days=2)
    stage.world.up = False
    delivered = Delivered(id=2, source="pagerduty", key="E2", headers={}, body=b"{}", received_at=START)
    second = alert("E2", "PINC2", occurred_at=stage.clock())
    await stage.equipment.store.write(lambda s: correlate(s, [(delivered, second)], stage.equipment, stage.clock()))
    assert (await stage.ask()).ok
    asked = await stage.equipment.store.read(lambda s: approvals.for_run(s, stage.started[-1]))
    assert [question.kind for question in asked] == ["approval"], "it is used up, however long ago"


async def test_T53_a_run_that_was_closed_does_nothing_more_and_holds_nothing(stage: Stage) -> None:
    """Another worker took it for dead and told people; then this one comes back."""
    await stage.ask()
    await stage.approve()
    run, now = await stage.run(), stage.clock()
    await stage.equipment.store.write(lambda s: runs.close(s, run.id, "unknown", "the engine ended it", now))
    assert await stage.carry_out(ListJournal()) == "unknown"
    assert stage.world.acts == []
    assert await stage.equipment.store.read(leases.holders) == {}
    assert (await stage.run()).note == "the engine ended it"


async def test_T53_a_run_that_is_closed_in_the_middle_begins_no_further_step(stage: Stage) -> None:
    await stage.ask()
    await stage.approve()
    run = await stage.run()

    async def taken_for_dead(act: Act) -> None:
        now = stage.clock()
        await stage.equipment.store.write(lambda s: runs.close(s, run.id, "unknown", "the engine ended it", now))

    stage.world.during = taken_for_dead
    assert await stage.carry_out(ListJournal()) == "unknown"
    assert [operation for operation, _ in stage.world.acts] == ["supervisor.tail_log"]
