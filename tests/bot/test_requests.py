"""Requests: the one authorisation path of button, command, mention and terminal, from stored state only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Transient
from bot.incident import Incident, IncidentStatus, ServiceReference, SignalKind
from bot.plan import Plan
from bot.requests import BETWEEN_LOOKS, LOOKS, Requests
from bot.services import People
from bot.stages.match import choose
from bot.stages.propose import offer, propose
from bot.store import approvals, incidents, kill_switch, messages, proposals, runs
from bot.store.messages import SlackMessage
from guards import Calendar, Period, Policy
from runbooks.digest import digest
from runbooks.load import BUILTIN, Library
from tests.fakes.equipment import PEOPLE, POLICY, START, alert, everything_promoted
from tests.fakes.scene import Scene, scene

DOWN: dict[str, dict[str, Any]] = {"health": {"status": 0, "ok": False}, "state": {"state": "EXITED"}}


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


async def test_T09_a_catalogue_replaced_while_a_step_is_planned_never_mixes_two_versions(
    trouble: Scene, tmp_path: Path
) -> None:
    """The steps of the new version under the digest of the old one would be approved as what they are not."""
    file = tmp_path / "restart-service.yaml"
    file.write_text(next(BUILTIN.rglob(file.name)).read_text(encoding="utf-8"), encoding="utf-8")
    library, before = Library([tmp_path]), Library([tmp_path])
    file.write_text(file.read_text(encoding="utf-8").replace("lines: 50", "lines: 9"), encoding="utf-8")

    async def live(_incident: Incident) -> IncidentStatus:
        assert library.reload()
        return IncidentStatus.TRIGGERED

    both = everything_promoted(trouble.equipment.policy, before, Library([tmp_path]))
    trouble.change(library=library, live_status=live, promotions=both)
    assert (await trouble.ask()).ok
    plan = (await trouble.run()).plan
    old = plan.runbook_digest == digest(before.runbooks["restart-service"])
    assert ("last 50 lines" in plan.steps[0].act.shown) == old, plan.steps[0].act.shown


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


HERE = ("C0PAY", "1700000000.000001")


async def shown(made: Scene, place: tuple[str, str] = HERE) -> str:
    """An offer whose summary stands at that place."""
    proposal = await offered(made)
    incident = await made.incident()
    await made.write(lambda s: messages.save(s, SlackMessage(f"summary:{incident.id}", *place)))
    return proposal


@pytest.mark.parametrize("forged", [("C0PAY", "1.2"), ("C0OTHER", HERE[1]), ("", ""), ("", HERE[1]), ("C0PAY", "")])
async def test_T12_an_offer_clicked_in_another_message_is_refused(trouble: Scene, forged: tuple[str, str]) -> None:
    proposal = await shown(trouble)
    for ask in (trouble.requests.run_step, trouble.requests.show_plan):
        reply = await ask(proposal, trouble.person("ana"), forged)
        assert (reply.ok, reply.data["code"]) == (False, "wrong_card")
    assert trouble.started == []
    assert (await trouble.requests.show_plan(proposal, trouble.person("ana"), HERE)).ok
    assert (await trouble.requests.run_step(proposal, trouble.person("ana"), HERE)).ok


async def test_a_click_that_comes_before_its_place_is_recorded_waits_for_it(trouble: Scene) -> None:
    proposal = await offered(trouble)
    incident = await trouble.incident()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            await trouble.write(lambda s: messages.save(s, SlackMessage(f"summary:{incident.id}", *HERE)))

    trouble.change(sleep=sleep)
    assert (await trouble.requests.show_plan(proposal, trouble.person("ana"), HERE)).ok
    assert slept == [BETWEEN_LOOKS] * 3


async def test_T12_a_place_that_is_never_recorded_is_refused_in_the_end(trouble: Scene) -> None:
    proposal = await offered(trouble)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    trouble.change(sleep=sleep)
    reply = await trouble.requests.run_step(proposal, trouble.person("ana"), HERE)
    assert (reply.data["code"], len(slept), trouble.started) == ("wrong_card", LOOKS, [])
    unknown = await trouble.requests.run_step("prop_404", trouble.person("ana"), HERE)
    assert (unknown.data["code"], len(slept)) == ("unknown_proposal", LOOKS)


async def test_an_engine_that_cannot_start_now_does_not_unsay_the_answer(
    trouble: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    async def start(_run_id: str) -> None:
        raise Transient("the engine is busy")

    async def wake(_run_id: str, _topic: str) -> bool:
        raise Transient("the engine is busy")

    requests = Requests(trouble.equipment, start, wake)
    reply = await requests.run_runbook("restart-service", "payments", None, trouble.person("ana"), "C0PAY")
    assert reply.ok
    (run,) = await trouble.read(runs.open_runs)  # what the reconciler starts
    (question,) = await trouble.read(lambda s: approvals.for_run(s, run.id))
    answer = await requests.vote(question.id, trouble.person("ben"), True, "", "", "")
    assert answer.ok
    assert [each.id for each in await trouble.read(approvals.undelivered)] == [question.id]
    said = capsys.readouterr()
    assert (said.out + said.err).count("the engine was not told") == 2


@pytest.mark.parametrize("where", ["row", "here"])
async def test_T55_every_stop_is_seen_when_a_step_is_asked_for(trouble: Scene, where: str) -> None:
    proposal = await offered(trouble)
    now = trouble.clock()
    if where == "row":
        await trouble.write(lambda s: kill_switch.engage(s, "service", "payments", "x", "ana", now))
    else:
        trouble.equipment.kill_switch.signal()
    reply = await trouble.requests.run_step(proposal, trouble.person("ana"))
    assert (reply.data["code"], trouble.started) == ("kill_switch", [])
    shown_plan = await trouble.requests.show_plan(proposal, trouble.person("ana"))
    assert {f["rule"]: f["verdict"] for f in shown_plan.data["decision"]}["kill_switch"] == "deny"


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


async def test_T64_a_signed_answer_is_a_vote_and_wakes_the_run(trouble: Scene) -> None:
    await trouble.ask("ana")
    question = await trouble.approval()
    reply = await trouble.requests.vote_signed(question.id, trouble.person("ben"), True, "Slack is down")
    assert (reply.ok, reply.name) == (True, "done")
    (vote,) = await trouble.read(lambda s: approvals.votes(s, question.id))
    assert (vote.person, vote.approve, vote.reason, vote.via) == ("ben", True, "Slack is down", "key")
    assert trouble.woken == [(trouble.started[0], question.id)]
    voted = next(entry for entry in await trouble.entries() if entry.kind.value == "voted")
    assert voted.data["via"] == "key"
    assert await trouble.carry_out() == "succeeded"


async def test_T64_a_signed_answer_needs_no_card(trouble: Scene) -> None:
    await trouble.ask("ana")
    question = await trouble.approval()
    await trouble.write(lambda s: messages.save(s, SlackMessage(f"card:{trouble.started[0]}", *HERE)))
    assert (await trouble.requests.vote_signed(question.id, trouble.person("ben"), False, "no")).ok
    assert await trouble.carry_out() == "refused"


async def test_T01_whoever_asked_cannot_answer_with_a_key_either(trouble: Scene) -> None:
    await trouble.ask("ben")
    question = await trouble.approval()
    reply = await trouble.requests.vote_signed(question.id, trouble.person("ben"), True, "")
    assert (reply.ok, reply.data["code"]) == (False, "self_approval")
    assert (await trouble.read(lambda s: approvals.votes(s, question.id)), trouble.woken) == ([], [])


async def test_T18_a_second_signed_answer_counts_once(trouble: Scene) -> None:
    approver = {"count": 2, "any_of": ["payments-oncall"], "timeout": "15m"}
    trouble.change(policy=Policy.from_mapping({**POLICY, "approvals": {**POLICY["approvals"], "prod": approver}}))
    await trouble.ask("ana")
    question, ben = await trouble.approval(), trouble.person("ben")
    assert (await trouble.requests.vote_signed(question.id, ben, True, "")).ok
    again = await trouble.requests.vote_signed(question.id, ben, True, "")
    assert (again.ok, again.data["text"]) == (False, "Your answer is already recorded.")
    assert len(await trouble.read(lambda s: approvals.votes(s, question.id))) == 1
    assert trouble.woken == []


WHY = "payments loses orders since 14:02"
GLASS = {"any_of": ["leads"], "timeout": "10m"}


def with_glass(made: Scene, *, frozen: bool = True, **changes: Any) -> None:
    """A policy whose glass leads may break, and a frozen prod."""
    people = People.model_validate({**PEOPLE, "groups": {**PEOPLE["groups"], "leads": ["cora"]}})
    period = Period("freeze", "year-end", ("prod",), (), START - timedelta(hours=1), START + timedelta(days=1))
    calendar = Calendar((period,) if frozen else ())
    policy = Policy.from_mapping({**POLICY, "break_glass": GLASS, **changes})
    made.change(policy=policy, people=people, calendar=lambda _now: calendar)


async def broken(made: Scene, who: str = "ana", reason: str = WHY) -> Any:
    return await made.requests.break_glass("restart-service", "payments", None, made.person(who), "C0PAY", reason)


async def test_T46_the_reason_to_break_the_glass_is_stored_redacted(trouble: Scene) -> None:
    with_glass(trouble)
    assert (await broken(trouble, reason="orders are lost, password=hunter2")).ok
    assert (await trouble.run()).plan.break_glass.startswith("orders are lost, password=[redacted:")


async def test_T14_without_the_key_in_policy_there_is_no_glass(trouble: Scene) -> None:
    assert (await broken(trouble)).data["code"] == "no_break_glass"
    assert trouble.started == []


@pytest.mark.parametrize("reason", ["", "   ", "now!", "         x         "])
async def test_T14_a_reason_is_a_sentence(trouble: Scene, reason: str) -> None:
    with_glass(trouble)
    assert (await broken(trouble, reason=reason)).data["code"] == "reason_needed"
    assert trouble.started == []


async def test_T14_glass_that_need_not_be_broken_is_not(trouble: Scene) -> None:
    with_glass(trouble, frozen=False)
    assert (await broken(trouble)).data["code"] == "glass_not_needed"
    assert trouble.started == []


async def test_T14_past_a_freeze_with_a_reason_and_a_second_person_of_the_group(trouble: Scene) -> None:
    with_glass(trouble)
    assert (await trouble.ask()).data["code"] == "frozen"
    assert (await broken(trouble)).ok
    run, question = await trouble.run(), await trouble.approval()
    assert run.plan.break_glass == WHY
    assert run.plan.expires_at - run.plan.created_at <= timedelta(minutes=10)
    assert question.expires_at <= run.plan.expires_at
    assert "leads" in [*question.approvers["any_of"], *question.approvers["all_of"]]
    told = next(entry for entry in await trouble.entries() if entry.kind.value == "glass_broken")
    assert (told.actor, told.data["reason"], told.data["rules"]) == ("ana", WHY, ["freeze"])
    assert not (await trouble.vote("ana")).ok
    await trouble.vote("ben")  # on call, but not of the group that may let the glass be broken
    assert (await trouble.approval()).state == "pending"
    assert (await trouble.vote("cora")).ok
    assert await trouble.carry_out() == "succeeded"
    review = next(entry for entry in await trouble.entries() if entry.kind.value == "review_needed")
    assert review.data == {"reason": WHY, "by": "ana", "outcome": "succeeded", "system": ""}, (
        "there is no ticket system"
    )


async def test_T14_T65_broken_glass_ends(trouble: Scene) -> None:
    with_glass(trouble)
    assert (await broken(trouble)).ok
    assert (await trouble.vote("cora")).ok
    trouble.clock.now += timedelta(minutes=11)
    assert await trouble.carry_out() != "succeeded"
    assert trouble.world.acts == []
    assert "review_needed" in await trouble.kinds()


async def test_T14_what_is_forbidden_stays_forbidden(trouble: Scene) -> None:
    never = {"read": "auto", "safe": "forbid", "caution": "forbid", "forbidden": "forbid"}
    with_glass(trouble, matrix={**POLICY["matrix"], "prod": never})
    reply = await broken(trouble)
    assert (reply.ok, reply.data["code"], trouble.started) == (False, "forbidden", [])


@pytest.mark.parametrize("level", ["all", "monitor"])
async def test_T14_T55_the_kill_switch_is_no_glass(trouble: Scene, level: str) -> None:
    with_glass(trouble)
    now = trouble.clock()
    await trouble.write(lambda s: kill_switch.engage(s, level, "", "storm", "cora", now))
    reply = await broken(trouble)
    assert not reply.ok
    assert trouble.started == []
