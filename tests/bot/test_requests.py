"""Requests: the one authorisation path of button, command, mention and terminal, from stored state only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.incident import IncidentStatus, ServiceReference, SignalKind
from bot.plan import Plan
from bot.stages.match import choose
from bot.stages.propose import offer, propose
from bot.store import incidents, proposals, runs
from guards import Policy
from tests.fakes.equipment import POLICY, alert
from tests.fakes.scene import Scene, scene

DOWN = {"health": {"status": 0, "ok": False}, "state": {"state": "EXITED"}}


@pytest.fixture
async def trouble(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        await made.fold(alert())
        yield made


async def offered(made: Scene) -> str:
    incident = await made.incident()
    chosen, ranked = choose(made.equipment, incident, DOWN, [])
    proposal, _, data = offer(made.equipment, incident, chosen, ranked, DOWN)
    await made.write(lambda s: propose(s, made.equipment, incident.id, proposal, data))
    return proposal.id


async def test_the_run_button_asks_with_fresh_facts_and_takes_the_offer(trouble: Scene) -> None:
    proposal = await offered(trouble)
    reply = await trouble.requests.run_step(proposal, trouble.person("ana"))
    assert reply.ok
    run = await trouble.run()
    assert (run.proposal_id, run.requester, run.plan.runbook) == (proposal, "ana", "restart-service")
    taken = await trouble.read(lambda s: proposals.get(s, proposal))
    assert taken is not None
    assert taken.state == "taken"


async def test_T05_a_taken_offer_cannot_be_taken_again(trouble: Scene) -> None:
    proposal = await offered(trouble)
    await trouble.requests.run_step(proposal, trouble.person("ana"))
    again = await trouble.requests.run_step(proposal, trouble.person("ben"))
    assert (again.ok, again.name, len(trouble.started)) == (False, "already", 1)


@pytest.mark.parametrize("forged", ["", "prop_404", "inc_0001", "*"])
async def test_T12_an_offer_that_is_none_of_ours(trouble: Scene, forged: str) -> None:
    for ask in (trouble.requests.run_step, trouble.requests.show_plan):
        reply = await ask(forged, trouble.person("ana"))
        assert (reply.ok, reply.data["code"]) == (False, "unknown_proposal")


async def test_the_fix_is_not_started_when_the_trouble_is_over(trouble: Scene) -> None:
    proposal = await offered(trouble)
    trouble.world.live = IncidentStatus.RESOLVED
    reply = await trouble.requests.run_step(proposal, trouble.person("ana"))
    assert reply.data["code"] == "incident_resolved"
    assert trouble.started == []


async def test_T23_nothing_runs_for_a_resolved_incident(trouble: Scene) -> None:
    proposal = await offered(trouble)
    trouble.world.live = None
    await trouble.requests.resolve((await trouble.incident()).id, trouble.person("ana"))
    reply = await trouble.requests.run_step(proposal, trouble.person("ana"))
    assert not reply.ok
    assert trouble.started == []


@pytest.mark.parametrize(
    ("runbook", "service", "environment", "code"),
    [
        ("no-such", "payments", None, "unknown_runbook"),
        ("restart-service", "checkout", None, "unknown_service"),
        ("restart-service", "payments", "staging", "unknown_service"),
        ("restart-service", "*", None, "unknown_service"),
        ("restart-service", "", None, "unknown_service"),
        ("clear-cache", "payments", None, "wrong_environment"),
    ],
)
async def test_T34_what_is_not_there_is_not_guessed(
    trouble: Scene, runbook: str, service: str, environment: str | None, code: str
) -> None:
    reply = await trouble.requests.run_runbook(runbook, service, environment, trouble.person("ana"), "C0PAY")
    assert (reply.ok, reply.data["code"]) == (False, code)
    assert trouble.started == []


async def test_a_plan_is_shown_for_an_incident(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        reply = await made.requests.plan_runbook("restart-service", "payments", None, made.person("ana"))
        assert (reply.ok, reply.data["code"]) == (False, "no_incident")


async def test_planned_work_has_a_thread_and_the_same_guards(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        assert (await made.ask("dev")).data["code"] == "wrong_role"
        assert await made.read(incidents.open_incidents) == []
        assert (await made.ask("ana")).ok
        (opened,) = await made.read(incidents.open_incidents)
        assert (opened.source, opened.service, opened.environment) == ("slack", "payments", "prod")
        assert [row["kind"] for row in await made.outbox("pagerduty")] == []
        assert (await made.vote("ben")).ok
        assert await made.carry_out() == "succeeded"
        assert await made.read(incidents.open_incidents) == []


async def test_the_command_takes_the_offer_of_the_same_runbook(trouble: Scene) -> None:
    proposal = await offered(trouble)
    assert (await trouble.ask()).ok
    assert (await trouble.run()).proposal_id == proposal


async def test_the_command_leaves_the_offer_of_another_runbook(trouble: Scene) -> None:
    proposal = await offered(trouble)
    assert (await trouble.ask(runbook="roll-back-setting")).ok
    assert (await trouble.run()).proposal_id == ""
    still = await trouble.read(lambda s: proposals.get(s, proposal))
    assert still is not None
    assert still.state == "open"


async def test_showing_a_plan_starts_nothing_and_shows_what_running_would_do(trouble: Scene) -> None:
    proposal = await offered(trouble)
    shown = await trouble.requests.show_plan(proposal, trouble.person("ana"))
    assert (shown.ok, shown.name) == (True, "plan")
    assert await trouble.read(runs.open_runs) == []
    made = Plan.model_validate(shown.data["plan"])
    assert shown.data["digest"] == made.short_digest
    assert [ask["kind"] for ask in shown.data["asks"]] == ["approval"]
    rules = {finding["rule"]: finding["verdict"] for finding in shown.data["decision"]}
    assert rules["kill_switch"] == "allow"
    await trouble.requests.run_step(proposal, trouble.person("ana"))
    assert [step.act for step in (await trouble.run()).plan.steps] == [step.act for step in made.steps]


async def test_the_plan_by_name_is_the_same_path(trouble: Scene) -> None:
    person = trouble.person("dev")
    shown = await trouble.requests.plan_runbook("restart-service", "payments", None, person)
    assert shown.ok
    assert {f["rule"]: f["verdict"] for f in shown.data["decision"]}["require_role"] == "deny"
    missing = await trouble.requests.plan_runbook("no-such", "payments", None, person)
    assert missing.data["code"] == "unknown_runbook"
    nowhere = await trouble.requests.plan_runbook("restart-service", "checkout", None, person)
    assert nowhere.data["code"] == "unknown_service"


async def test_T35_a_runbook_for_staging_does_not_run_in_prod(trouble: Scene) -> None:
    """clear-cache is for staging; the service of this incident is in prod, whatever the alert says."""
    await trouble.fold(alert("E2", "PINC2", labels={"environment": "staging"}))
    reply = await trouble.ask(runbook="clear-cache")
    assert not reply.ok
    assert trouble.started == []


async def test_T35_an_incident_of_an_unknown_service_runs_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as made:
        await made.fold(alert(service=ServiceReference(id="PNOBODY", name="payments")))
        await made.ask()
        assert (await made.run()).incident_id != (await made.incident()).id
        assert (await made.incident()).environment == ""


async def test_T29_T57_limits_per_person_hold_across_incidents(trouble: Scene) -> None:
    limits = [{"max": 1, "per": "person", "window": "10m"}]
    trouble.change(policy=Policy.from_mapping({**POLICY, "limits": limits}))
    await trouble.ask("ana")
    await trouble.vote("ben")
    assert await trouble.carry_out() == "succeeded"
    trouble.world.up = False
    await trouble.fold(alert("E2", "PINC2", occurred_at=trouble.clock()))
    reply = await trouble.ask("ana", runbook="roll-back-setting")
    assert (reply.ok, reply.data["code"]) == (False, "rate_limited")
    assert (await trouble.ask("ben", runbook="roll-back-setting")).ok


async def test_T54_the_target_of_a_running_run_is_busy_for_another_incident(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote("ben")
    replies = []

    async def ask_meanwhile(_act: object) -> None:
        trouble.world.during = None
        await trouble.fold(alert("E2", "PINC2", occurred_at=trouble.clock()))
        replies.append(await trouble.ask("ben"))

    trouble.world.during = ask_meanwhile
    assert await trouble.carry_out() == "succeeded"
    assert [reply.data["code"] for reply in replies] == ["target_busy"]


async def test_deciding_wakes_the_run_and_nothing_else_does(trouble: Scene) -> None:
    await trouble.ask()
    assert trouble.woken == []
    await trouble.vote("dev")
    assert trouble.woken == []
    await trouble.vote("ben")
    assert trouble.woken == [(trouble.started[0], (await trouble.approval()).id)]


async def test_after_a_reopening_the_step_can_be_asked_for_again(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote("ben", approve=False)
    assert await trouble.carry_out() == "refused"
    at = trouble.clock()
    await trouble.fold(alert("E2", kind=SignalKind.RESOLVED, status=None, occurred_at=at))
    await trouble.fold(alert("E3", kind=SignalKind.REOPENED, status=None, occurred_at=trouble.clock()))
    assert (await trouble.ask()).ok
    assert len(trouble.started) == 2
