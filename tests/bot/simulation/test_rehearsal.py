"""A rehearsal goes the bot's own way: what it shows is what Slack would be sent, and it stops where people are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.audit import verify
from bot.recorders.base import Delivery
from bot.recorders.slack import SlackRecorder
from bot.recorders.slack_pace import Pace
from bot.render import Renderer
from bot.simulation.rehearsal import lines_of
from bot.simulation.still import AT, Given
from runbooks.load import load_runbook
from tests.bot.simulation.conftest import Rehearse

WATCH = """id: look
title: Look at it
match: {alerts: [ServiceDown]}
params: {target: {type: target, kind: supervisor_program}}
steps:
  - id: look
    action: supervisor.tail_log
    with: {target: "${target}", lines: 5}
    safety: {risk: read, scopes: [prod], autonomy: auto}
"""


class Screen:
    """What Slack was sent; the client of the recorder, without a Slack."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, list[dict[str, Any]]]] = []

    async def post(self, channel: str, text: str, blocks: list[dict[str, Any]], **_: Any) -> Any:
        from bot.clients.slack import Posted

        self.shown.append((text, blocks))
        return Posted(channel, f"{len(self.shown)}.000000")


async def test_the_cards_are_those_that_the_slack_recorder_sends(rehearsed: Rehearse) -> None:
    async with rehearsed() as one:
        equipment, found = one.equipment, one.rehearsal
        screen = Screen()
        recorder = SlackRecorder(
            screen,  # type: ignore[arg-type]  # reason: only what it sends is looked at
            equipment.store,
            Renderer(Path(__file__).resolve().parents[3] / "templates"),
            equipment.catalogue,
            equipment.people,
            "C0",
            lambda: AT,
            Pace(10.0, 10, lambda: 0.0),
            equipment.sleep,
        )
        assert found.run is not None and found.card is not None
        await recorder.deliver(Delivery(1, "slack", found.incident.id, "summary", found.incident.id, found.incident.id))
        await recorder.deliver(Delivery(2, "slack", found.incident.id, "card", found.incident.id, found.run.id))
    summary, card = screen.shown
    assert summary == (found.summary_after.text, found.summary_after.blocks)
    assert card == (found.card.text, found.card.blocks)


async def test_it_stops_where_somebody_must_approve(rehearsed: Rehearse) -> None:
    async with rehearsed() as one:
        found = one.rehearsal
    assert found.run is not None and found.plan is not None
    assert (found.run.state, found.run.digest) == ("waiting", found.plan.digest)
    assert [(q.kind, q.approvers["any_of"], q.requester) for q in found.questions] == [
        ("approval", ["payments-oncall"], "ana")
    ]
    assert [d.step_id for d in found.decisions] == ["diagnose", "restart"]
    assert [d.outcome for d in found.decisions] == ["allow", "ask"]
    assert [entry.kind for entry in found.after.entries] == ["opened", "proposed", "acknowledged", "requested", "asked"]
    assert not found.offered.runs


async def test_the_audit_is_the_chain_that_would_be_written(rehearsed: Rehearse) -> None:
    async with rehearsed() as one:
        rows = one.rehearsal.audit
    assert [row.event for row in rows] == ["opened", "proposed", "acknowledged", "requested", "asked"]
    assert verify(iter(rows)).ok


async def test_the_transcript_says_where_each_line_goes(rehearsed: Rehearse) -> None:
    async with rehearsed() as one:
        lines = lines_of(one.equipment, one.rehearsal)
    assert [(places, shown) for _, places, shown in lines] == [
        ((), "summary"),
        (("pagerduty", "jira"), "summary"),
        (("slack", "jira"), "summary"),
        (("slack", "pagerduty", "jira"), "card"),
        ((), "card"),
    ]
    assert "Ana Marin asked to run restart-service" in lines[3][0]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"asker": "dev"}, "wrong_role"),
        ({"runbook": "clear-cache"}, "wrong_environment"),
        ({"runbook": "start-service"}, "no_safe_step"),
    ],
)
async def test_a_refusal_is_shown_as_the_person_sees_it(rehearsed: Rehearse, given: dict[str, str], code: str) -> None:
    async with rehearsed(**given) as one:
        found = one.rehearsal
    assert found.run is None and found.card is None
    assert found.reply is not None and found.answer is not None
    assert (found.reply.name, found.reply.data["code"]) == ("refused", code)
    assert found.after.entries[-1].kind == "refused"


async def test_a_runbook_that_there_is_not_is_answered_and_changes_nothing(rehearsed: Rehearse) -> None:
    async with rehearsed(runbook="no-such") as one:
        found = one.rehearsal
    assert found.reply is not None
    assert found.reply.data["code"] == "unknown_runbook"
    assert (found.run, found.plan) == (None, None)


async def test_the_plan_of_what_the_guards_refuse_is_shown(rehearsed: Rehearse) -> None:
    async with rehearsed(asker="dev") as one:
        found = one.rehearsal
    assert found.plan is not None
    assert [step.act.shown for step in found.plan.steps][-1] == "supervisorctl restart payments"
    assert [d.outcome for d in found.decisions] == ["deny", "deny"]


async def test_without_facts_nothing_is_offered_and_nobody_is_asked(rehearsed: Rehearse) -> None:
    async with rehearsed(facts={}) as one:
        found = one.rehearsal
    assert (found.plan, found.card, found.answer, found.questions) == (None, None, None, ())
    assert found.offered.proposal is not None
    assert found.offered.proposal.state == "none"


async def test_an_offer_that_nobody_may_take_still_has_its_plan(rehearsed: Rehearse) -> None:
    async with rehearsed(asker=None) as one:
        found = one.rehearsal
    assert (found.run, found.reply) == (None, None)
    assert found.plan is not None


async def test_where_runbook_and_policy_let_it_the_bot_asks_by_itself(rehearsed: Rehearse) -> None:
    own = load_runbook(WATCH, "x.yaml")
    ceiling = {"prod": {"read": "auto", "safe": "auto", "caution": "suggest"}}
    async with rehearsed(library=Given({own.id: own}), policy={"autonomy": ceiling}, alert_name="ServiceDown") as one:
        found = one.rehearsal
    assert found.by_itself
    assert found.run is not None and found.run.requester == "bot"
    assert (found.reply, found.questions) == (None, ())
