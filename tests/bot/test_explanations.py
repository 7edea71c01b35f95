"""Why something was allowed, asked about or refused: what is recorded is what people are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.explanations import SHOWN, judged
from bot.render import Renderer
from bot.slack.actions import BESIDE
from bot.slack.provenance import Records
from bot.stages.match import choose
from bot.stages.propose import offer, propose
from bot.store import decisions, messages
from bot.store.messages import SlackMessage
from tests.bot.stages.test_earlier import another_program
from tests.fakes.equipment import alert
from tests.fakes.scene import Scene, scene

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"


@pytest.fixture
async def trouble(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        await made.fold(alert())
        yield made


def words(data: dict[str, Any]) -> str:
    """Everything a person reads."""
    message = Renderer(TEMPLATES).blocks("reply_explain", data=data, names=str)
    return message.text + str(message.blocks)


async def test_a_run_is_explained_by_its_recorded_decisions(trouble: Scene) -> None:
    await trouble.ask()
    reply = await trouble.requests.explain(trouble.started[-1], trouble.person("ana"))
    assert (reply.ok, reply.name) == (True, "explain")
    first, *rest = reply.data["decisions"]
    assert (first["outcome"], first["questions"], first["by"]) == ("ask", ["approval"], "you")
    assert "payments-oncall" in first["asked"][0]["who"]
    assert {decision["outcome"] for decision in rest} == {"allow"}, "the step that only looks is told last"
    assert "restart-service" in words(reply.data)


async def test_before_the_step_is_told_as_well(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote()
    await trouble.carry_out()
    reply = await trouble.requests.explain(trouble.started[-1], trouble.person("ben"))
    abouts = [decision["about"] for decision in reply.data["decisions"]]
    assert any(about.endswith("before the step") for about in abouts)
    assert {decision["by"] for decision in reply.data["decisions"]} == {"Ana"}


async def test_C3_a_refusal_is_explained_by_its_incident(trouble: Scene) -> None:
    await trouble.requests.kill("service", "payments", "a migration", trouble.person("cora"))
    refusal = await trouble.ask()
    assert refusal.data["code"] == "kill_switch"
    reply = await trouble.requests.explain((await trouble.incident()).id, trouble.person("ana"))
    if not reply.ok:  # a stop may be said before any step is looked at, and then there is no decision to explain
        assert reply.data["code"] == "nothing_recorded"
        pytest.fail("the refusal was not recorded")
    first = reply.data["decisions"][0]
    assert (first["outcome"], first["codes"]) == ("deny", ["kill_switch"])
    assert first["refused"][0]["remedy"]
    assert "a migration" in words(reply.data)


async def test_C3_the_refusal_itself_says_how_to_ask_why(trouble: Scene) -> None:
    incident = await trouble.incident()
    await trouble.requests.kill("service", "payments", "a migration", trouble.person("cora"))
    refusal = await trouble.ask()
    assert refusal.data["incident"] == incident.id
    data = {**refusal.data, "command": "/runbook"}
    message = Renderer(TEMPLATES).blocks("reply_refused", data=data, names=str)
    assert f"Every rule's answer: `/runbook explain {incident.id}`" in str(message.blocks)
    unknown = await trouble.ask(runbook="restart-nothing")
    assert "incident" not in unknown.data, "no rule was asked, so there is nothing to explain"


@pytest.mark.parametrize("ending", ["plan changed", "guards", "declined", "expired"])
async def test_C3_why_on_the_card_works_for_a_run_that_came_to_nothing(trouble: Scene, ending: str) -> None:
    assert (await trouble.ask()).ok
    run = trouble.started[-1]
    await trouble.vote("ben", approve=ending != "declined", reason="not on a Friday")
    if ending == "expired":
        trouble.clock.now += timedelta(minutes=20)
    if ending == "guards":
        await trouble.requests.kill("service", "payments", "a migration", trouble.person("cora"))
    if ending == "plan changed":
        trouble.change(catalogue=another_program())
    await trouble.carry_out()
    reply = await trouble.requests.explain(run, trouble.person("ana"))
    assert (reply.ok, reply.name) == (True, "explain")
    said = words(reply.data)
    expected = {
        "plan changed": ("*This run was refused*", "(program): payments → payments-2"),
        "guards": ("*This run was refused*", "a migration"),
        "declined": ("*This run was refused*", "it was declined"),
        "expired": ("*This run was refused*", "expired"),
    }
    for part in expected[ending]:
        assert part in said
    assert reply.data["decisions"], "and what the rules said when it was asked for"


async def test_of_a_run_that_worked_only_the_rules_are_told(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote()
    assert await trouble.carry_out() == "succeeded"
    assert (await trouble.requests.explain(trouble.started[-1], trouble.person("ana"))).data["ended"] == {}


@pytest.mark.parametrize("subject", ["run_nothing", "inc_nothing"])
async def test_what_was_never_decided_is_said(trouble: Scene, subject: str) -> None:
    reply = await trouble.requests.explain(subject, trouble.person("ana"))
    assert (reply.ok, reply.name, reply.data["code"]) == (False, "refused", "nothing_recorded")


async def test_many_decisions_are_few_in_chat(trouble: Scene) -> None:
    await trouble.ask()
    run = trouble.started[-1]
    (one, *_) = await trouble.read(lambda s: decisions.for_run(s, run))
    for _ in range(10):
        await trouble.write(lambda s: decisions.add(s, one))
    reply = await trouble.requests.explain(run, trouble.person("ana"))
    assert len(reply.data["decisions"]) == SHOWN
    assert reply.data["more"] > 5
    assert "more decisions" in words(reply.data)


async def test_T12_the_button_belongs_to_the_card_of_its_run(trouble: Scene) -> None:
    await trouble.ask()
    run = trouble.started[-1]
    await trouble.write(lambda s: messages.save(s, SlackMessage(f"card:{run}", "C1", "1.1", "1.0")))
    records = Records(trouble.equipment.store, trouble.clock.sleep)
    assert await records.belongs(BESIDE["plan_why"], run, "C1", "1.1")
    assert not await records.belongs(BESIDE["plan_why"], run, "C1", "2.2")
    assert not await records.belongs(BESIDE["plan_why"], "run_other", "C1", "1.1")


def finding(rule: str, verdict: str, **more: Any) -> dict[str, Any]:
    return {"rule": rule, "verdict": verdict, "reason": f"{rule} says so.", "inputs": {}} | more


APPROVAL = {"kind": "approval", "seconds": 900.0, "count": 2, "any_of": ["leads", "sre"], "all_of": ["dba"]}
WHO: list[tuple[dict[str, Any], str]] = [
    (APPROVAL, "2 of leads or sre, and each of dba, within 15 min"),
    (APPROVAL | {"all_of": []}, "2 of leads or sre, within 15 min"),
    (APPROVAL | {"any_of": [], "count": 1}, "1 of each of dba, within 15 min"),
    ({"kind": "approval", "seconds": 60.0}, "1 of the environment's approvers, within 1 min"),
    ({"kind": "confirmation", "seconds": 120.0}, "the person who asks, within 2 min"),
]


@pytest.mark.parametrize(("question", "who"), WHO)
def test_who_is_asked(question: dict[str, Any], who: str) -> None:
    (asked,) = judged("ask", [finding("matrix", "ask", **question)])["asked"]
    assert asked["who"] == who


def test_every_rule_is_told_once() -> None:
    found = judged(
        "deny",
        [
            finding("rate_limit", "allow"),
            finding("rate_limit", "allow"),
            finding("rate_limit", "allow"),
            finding("scopes", "allow"),
            finding("freeze", "deny", code="frozen", remedy="Wait."),
            finding("autonomy", "ask", reason="Approve?", **APPROVAL),
            finding("matrix", "ask", reason="Approve?", **APPROVAL),
        ],
    )
    assert found["allowed"] == [
        {"rule": "rate_limit", "reason": "rate_limit says so. (and 2 more)"},
        {"rule": "scopes", "reason": "scopes says so."},
    ]
    assert [asked["rule"] for asked in found["asked"]] == ["autonomy, matrix"]
    assert (found["codes"], found["questions"]) == (["frozen"], ["approval"])
    assert found["refused"] == [{"rule": "freeze", "code": "frozen", "reason": "freeze says so.", "remedy": "Wait."}]


async def test_R6_an_incident_is_explained_by_why_this_runbook_and_not_the_others(trouble: Scene) -> None:
    incident = await trouble.incident()
    facts = {"health": {"status": 0, "ok": False}, "state": {"state": "EXITED"}}
    chosen, ranked = choose(trouble.equipment, incident, facts, [])
    proposal, _, data = offer(trouble.equipment, incident, chosen, ranked, facts)
    await trouble.write(lambda s: propose(s, trouble.equipment, incident.id, proposal, data))
    reply = await trouble.requests.explain(incident.id, trouble.person("ana"))
    assert reply.ok
    first = reply.data["ranking"][0]
    assert (first["runbook"], first["offered"], first["blocked"]) == ("restart-service", True, "")
    assert first["reasons"]
    assert [one["offered"] for one in reply.data["ranking"][1:]] == [False] * (len(reply.data["ranking"]) - 1)
    assert "Why this runbook, and not the others" in words(reply.data)
