"""Asking: refused with a record, or a run with its questions, in one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from bot.errors import Permanent
from bot.incident import IncidentStatus
from bot.plan import Plan
from bot.services import Catalogue
from bot.stages.asking import ask_for, consider
from bot.store import approvals, proposals, runs
from bot.store.automation_events import AutomationEventRow
from bot.store.proposals import Proposal
from guards import Calendar, Deny, Period, Policy
from tests.bot.stages.test_plan import plan
from tests.fakes.equipment import POLICY, SERVICES, START, alert
from tests.fakes.scene import Scene


async def asked(scene: Scene, made: Plan | Deny | None = None, who: str = "ana", proposal: str = "") -> Any:
    incident = await scene.incident()
    found = made or plan(scene, incident=incident, created_at=scene.clock())
    return await ask_for(scene.equipment, incident, found, "restart-service", scene.person(who), proposal)


async def events(scene: Scene) -> list[Any]:
    return await scene.read(lambda s: [row.model_dump() for row in s.exec(select(AutomationEventRow))])


async def test_a_plan_that_may_be_asked_for_becomes_a_waiting_run(trouble: Scene) -> None:
    outcome = await asked(trouble)
    assert outcome.reply.ok
    run = await trouble.read(lambda s: runs.get(s, outcome.run_id))
    assert run is not None
    assert (run.state, run.requester, run.digest) == ("waiting", "ana", run.plan.digest)
    (question,) = await trouble.read(lambda s: approvals.for_run(s, outcome.run_id))
    assert (question.kind, question.digest, question.state) == ("approval", run.digest, "pending")
    assert question.approvers == {"count": 1, "any_of": ["payments-oncall"], "all_of": []}
    assert question.expires_at <= run.plan.expires_at
    assert (await trouble.kinds()) == ["opened", "acknowledged", "requested", "asked"]


async def test_asking_acknowledges_here_and_in_the_monitor_once(trouble: Scene) -> None:
    await asked(trouble)
    assert (await trouble.incident()).status is IncidentStatus.ACKNOWLEDGED
    assert [row["payload"] for row in await trouble.outbox("pagerduty", "status")] == [{"status": "acknowledged"}]


async def test_T23_what_happened_to_the_incident_during_planning_is_not_lost(trouble: Scene) -> None:
    before = await trouble.incident()
    made = plan(trouble, incident=before, created_at=trouble.clock())
    await trouble.fold(alert("E2"), alert("E3"))
    outcome = await ask_for(trouble.equipment, before, made, "restart-service", trouble.person("ana"), "")
    assert outcome.reply.ok
    after = await trouble.incident()
    assert (after.occurrences, after.status) == (3, IncidentStatus.ACKNOWLEDGED)


async def test_T23_resolved_during_planning_is_refused_and_stays_resolved(trouble: Scene) -> None:
    before = await trouble.incident()
    made = plan(trouble, incident=before, created_at=trouble.clock())
    await trouble.requests.resolve(before.id, trouble.person("ana"))
    outcome = await ask_for(trouble.equipment, before, made, "restart-service", trouble.person("ana"), "")
    assert (outcome.run_id, outcome.reply.data["code"]) == ("", "incident_resolved")
    assert (await trouble.incident()).status is IncidentStatus.RESOLVED


async def test_nothing_is_told_to_a_monitor_that_did_not_send_it(empty: Scene) -> None:
    empty.change(pagerduty=False)
    await empty.fold(alert())
    await asked(empty)
    assert await empty.outbox("pagerduty") == []


@pytest.mark.parametrize(
    ("environment", "kinds", "word"),
    [("dev", [], "Started"), ("staging", ["confirmation"], "confirm"), ("prod", ["approval"], "approval")],
)
async def test_how_much_is_asked_depends_on_where(
    trouble: Scene, environment: str, kinds: list[str], word: str
) -> None:
    where = {"services": [{**SERVICES["services"][0], "environment": environment}]}
    catalogue = Catalogue.model_validate(where)
    trouble.change(catalogue=catalogue)
    incident = (await trouble.incident()).model_copy(update={"environment": environment})
    made = plan(trouble, incident=incident, service=catalogue.services[0], created_at=trouble.clock())
    outcome = await ask_for(trouble.equipment, incident, made, "restart-service", trouble.person("ana"), "")
    found = await trouble.read(lambda s: approvals.for_run(s, outcome.run_id))
    assert [question.kind for question in found] == kinds
    assert word in outcome.reply.data["text"]


async def test_a_refusal_has_no_side_effect_and_one_audited_entry(trouble: Scene) -> None:
    outcome = await asked(trouble, Deny("cannot_plan", "It holds hunter2.", "Mend it."))
    assert (outcome.run_id, outcome.reply.name) == ("", "refused")
    assert (await trouble.kinds()) == ["opened", "refused"]
    assert (await trouble.entries())[-1].data["code"] == "cannot_plan"
    assert "hunter2" not in str((await trouble.entries())[-1].data)
    assert [(row["status"], row["requester"]) for row in await events(trouble)] == [("refused", "ana")]
    assert (await trouble.incident()).status is IncidentStatus.TRIGGERED


async def test_T09_guards_refuse_and_the_first_reason_is_told(trouble: Scene) -> None:
    outcome = await asked(trouble, who="dev")
    assert (outcome.run_id, outcome.reply.data["code"]) == ("", "wrong_role")
    assert await trouble.read(runs.open_runs) == []


async def test_T27_one_run_per_incident_at_a_time(trouble: Scene) -> None:
    first, second = await asked(trouble), await asked(trouble, who="ben")
    assert first.run_id
    assert (second.run_id, second.reply.name) == ("", "already")
    assert len(await trouble.read(runs.open_runs)) == 1


async def test_T05_an_offer_is_taken_once(trouble: Scene) -> None:
    incident = await trouble.incident()
    offer = Proposal("prop_1", incident.id, "restart-service", "restart", "w", "taken", None, 1.0, [], created_at=START)
    await trouble.write(lambda s: proposals.save(s, offer))
    outcome = await asked(trouble, proposal="prop_1")
    assert (outcome.run_id, outcome.reply.name) == ("", "already")
    assert await trouble.read(runs.open_runs) == []


async def test_T63_when_the_record_cannot_be_written_there_is_no_run(trouble: Scene) -> None:
    full = "create trigger full before insert on audit begin select raise(abort, 'no room'); end"
    await trouble.write(lambda s: s.connection().exec_driver_sql(full))
    with pytest.raises(Permanent):
        await asked(trouble)
    assert await trouble.read(runs.open_runs) == []
    assert await trouble.read(approvals.pending) == []
    assert (await trouble.incident()).status is IncidentStatus.TRIGGERED


async def test_consider_decides_for_every_step(trouble: Scene) -> None:
    made = plan(trouble)
    assert isinstance(made, Plan)
    person, now = trouble.person("ana"), trouble.clock()
    found = await trouble.read(lambda s: consider(s, trouble.equipment, made, person, "", (), now))
    assert [decision.outcome for decision in found.decisions] == ["allow", "ask"]
    assert [context.action for context in found.contexts] == ["supervisor.tail_log", "supervisor.restart"]
    assert ([question.kind for question in found.asks], found.denials) == (["approval"], [])


FREEZE = Calendar((Period("freeze", "audit", ("prod",), (), START - timedelta(hours=1), START + timedelta(hours=1)),))
GLASS = Policy.from_mapping({**POLICY, "break_glass": {"any_of": ["payments-oncall"], "timeout": "5m"}})


@pytest.mark.parametrize(("reason", "code"), [("", "frozen"), ("the shop is down", "")])
async def test_T14_breaking_the_glass_asks_people_where_a_freeze_would_refuse(
    trouble: Scene, reason: str, code: str
) -> None:
    trouble.change(policy=GLASS, calendar=lambda _now: FREEZE)
    made = plan(trouble, incident=await trouble.incident(), created_at=trouble.clock())
    assert isinstance(made, Plan)
    outcome = await asked(trouble, made.model_copy(update={"break_glass": reason}))
    assert outcome.reply.data.get("code", "") == code
    if not code:
        (question,) = await trouble.read(lambda s: approvals.for_run(s, outcome.run_id))
        assert (question.kind, question.approvers["any_of"]) == ("approval", ["payments-oncall"])
        assert question.expires_at - question.created_at <= timedelta(minutes=5)
        assert (question.widen_to, question.widen_at) == ([], None)


REMINDED = {"remind_before": "4m", "escalate": {"after": "5m", "to": ["leads"]}}


async def test_P2_when_to_remind_and_to_widen_is_frozen_in_the_question(trouble: Scene) -> None:
    rule = {"count": 1, "any_of": ["payments-oncall"], "timeout": "10m", **REMINDED}
    trouble.change(policy=Policy.from_mapping({**POLICY, "approvals": {"staging": rule, "prod": rule}}))
    outcome = await asked(trouble)
    (question,) = await trouble.read(lambda s: approvals.for_run(s, outcome.run_id))
    assert question.widen_to == ["leads"]
    assert question.widen_at == question.created_at + timedelta(minutes=5)
    assert question.remind_at == question.expires_at - timedelta(minutes=4)


async def test_P2_a_question_that_ends_before_it_would_be_widened_never_is(trouble: Scene) -> None:
    rule = {"count": 1, "any_of": ["payments-oncall"], "timeout": "14m", **REMINDED}
    trouble.change(policy=Policy.from_mapping({**POLICY, "approvals": {"staging": rule, "prod": rule}}))
    old = plan(trouble, incident=await trouble.incident(), created_at=trouble.clock())
    assert isinstance(old, Plan)
    trouble.clock.now = old.expires_at - timedelta(minutes=3)
    outcome = await asked(trouble, old)
    (question,) = await trouble.read(lambda s: approvals.for_run(s, outcome.run_id))
    assert (question.expires_at, question.widen_at, question.remind_at) == (old.expires_at, None, None)


async def test_T14_the_glass_is_not_broken_where_nothing_stands_in_the_way(trouble: Scene) -> None:
    trouble.change(policy=GLASS)
    made = plan(trouble, incident=await trouble.incident(), created_at=trouble.clock())
    assert isinstance(made, Plan)
    outcome = await asked(trouble, made.model_copy(update={"break_glass": "to be on the safe side"}))
    assert (outcome.run_id, outcome.reply.data["code"]) == ("", "glass_not_needed")
    assert "glass_broken" not in await trouble.kinds()
