"""Propose: one offer with plan, proof and undo; or the reason why there is none; never the same thing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.incident import IncidentStatus, ServiceReference
from bot.plan import Resize
from bot.services import Catalogue
from bot.stages.match import choose
from bot.stages.propose import PREVIEW_REQUESTER, offer, propose, undo_in_full, who_may
from bot.store import incidents, proposals
from bot.store.proposals import Proposal
from guards.policy import Policy
from runbooks.match import Ranked
from runbooks.next_step import NextStep, NoStep
from tests.fakes.equipment import SERVICES, alert
from tests.fakes.scene import Scene

DOWN = {"health": {"status": 0, "ok": False}, "state": {"state": "EXITED"}}
UP = {"health": {"status": 200, "ok": True}, "state": {"state": "RUNNING"}}


async def offered(scene: Scene, facts: dict[str, dict[str, object]] = DOWN) -> tuple[bool, Proposal | None]:
    incident = await scene.incident()
    chosen, ranked = choose(scene.equipment, incident, facts, [])
    proposal, _, data = offer(scene.equipment, incident, chosen, ranked, facts)
    new = await scene.write(lambda s: propose(s, scene.equipment, incident.id, proposal, data))
    return new, await scene.read(lambda s: proposals.current(s, incident.id))


async def test_an_offer_holds_the_exact_plan_proof_and_undo(trouble: Scene) -> None:
    new, found = await offered(trouble)
    assert new
    assert found is not None
    assert (found.state, found.runbook, found.step_id) == ("open", "restart-service", "restart")
    assert found.plan is not None
    assert found.plan["requester"] == PREVIEW_REQUESTER
    assert [step["act"]["shown"] for step in found.plan["steps"]] == [
        "supervisorctl tail payments (last 50 lines)",
        "supervisorctl restart payments",
    ]
    assert "health" in found.plan["success"]
    entry = (await trouble.entries())[-1]
    assert (entry.kind.value, entry.data["runbook"]) == ("proposed", "restart-service")


async def test_the_same_offer_is_made_once(trouble: Scene) -> None:
    first, found = await offered(trouble)
    again, still = await offered(trouble)
    assert (first, again) == (True, False)
    assert found == still
    assert (await trouble.kinds()).count("proposed") == 1


async def test_a_new_offer_replaces_the_open_one(trouble: Scene) -> None:
    await offered(trouble)
    new, found = await offered(trouble, UP)
    assert new
    assert found is not None
    assert (found.state, found.plan) == ("none", None)
    assert (await trouble.kinds())[-2:] == ["proposed", "no_step"]


async def test_T23_nothing_is_offered_for_a_resolved_incident(trouble: Scene) -> None:
    incident = await trouble.incident()
    over = incident.model_copy(update={"status": IncidentStatus.RESOLVED})
    await trouble.write(lambda s: incidents.save(s, over))
    assert await offered(trouble) == (False, None)


async def test_an_unknown_service_says_what_to_write_where(empty: Scene) -> None:
    await empty.fold(alert(service=ServiceReference(id="PNOBODY", name="Billing")))
    _, found = await offered(empty)
    assert found is not None
    assert (found.state, found.plan) == ("none", None)
    assert "Billing" in found.why
    assert "services.yaml" in found.why


async def test_T10_a_match_without_a_target_is_explained_and_not_offered(trouble: Scene) -> None:
    bare = {"services": [{**SERVICES["services"][0], "targets": []}]}
    trouble.change(catalogue=Catalogue.model_validate(bare))
    _, found = await offered(trouble)
    assert found is not None
    assert found.state == "none"
    assert "no target" in found.why


async def test_a_proposal_of_another_incident_is_left_alone(trouble: Scene) -> None:
    await trouble.fold(alert("E2", "PINC2"))
    other = await trouble.incident("PINC2")
    _, first = await offered(trouble)
    assert first is not None
    theirs = replace(first, id="prop_x", incident_id=other.id)
    await trouble.write(lambda s: propose(s, trouble.equipment, other.id, theirs, {"why": "w"}))
    still = await trouble.read(lambda s: proposals.get(s, first.id))
    assert still is not None
    assert still.state == "open"


async def test_N4_no_step_keeps_what_is_known_and_where_to_look_for_people(trouble: Scene) -> None:
    new, found = await offered(trouble, UP)
    assert new
    assert found is not None
    assert "Known: health.status is 200" in found.reasons
    assert any(line.startswith("Look: ") for line in found.reasons)
    (entry,) = [e for e in await trouble.entries() if e.kind.value == "no_step"]
    assert "health.status is 200" in entry.data["evidence"]
    assert (entry.data["escalate"], entry.data["severity"]) == (True, "critical")


async def test_T46_secrets_of_an_alert_are_neither_in_the_reason_nor_in_the_alternatives(trouble: Scene) -> None:
    incident = await trouble.incident()
    secret = "xoxb-123456789012-abcdefghijklmnopqrstuvwx"
    nothing = NoStep(f"why {secret}", looks=(f"look {secret}",), evidence=(f"seen {secret}",))
    ranked = (
        Ranked(trouble.equipment.library.runbooks["restart-service"], 0.9, (f"reason {secret}",), f"no {secret}"),
    )
    proposal, _, data = offer(trouble.equipment, incident, nothing, ranked, UP)
    assert secret not in str((proposal.why, proposal.reasons, proposal.alternatives, data))


@pytest.mark.parametrize(
    ("word", "requires", "resize", "wanted"),
    [
        ("auto", False, None, "nobody else needs to agree"),
        ("confirm", False, None, "and confirms it"),
        ("confirm", True, None, "one other person of sre must approve"),
        ("auto", False, Resize(current=6, wanted=9), "nobody else needs to agree"),
        ("auto", False, Resize(current=6, wanted=12), "one other person of sre must approve"),
        ("approve", False, None, "one other person of sre must approve"),
        ("forbid", True, Resize(current=1, wanted=9), "nobody: policy forbids it here"),
    ],
)
async def test_G7_who_may_says_what_runbook_and_size_ask_beside_the_matrix(
    trouble: Scene, word: str, requires: bool, resize: Resize | None, wanted: str
) -> None:
    incident = await trouble.incident()
    chosen, ranked = choose(trouble.equipment, incident, DOWN, [])
    assert isinstance(chosen, NextStep)
    _, plan, _ = offer(trouble.equipment, incident, chosen, ranked, DOWN)
    assert plan is not None
    last = plan.steps[-1]
    plan = plan.model_copy(
        update={"steps": (last.model_copy(update={"act": last.act.model_copy(update={"resize": resize})}),)}
    )
    step = chosen.runbook.steps[-1]
    assert step.safety is not None
    safety = step.safety.model_copy(update={"requires_approval": requires})
    runbook = chosen.runbook.model_copy(update={"steps": (step.model_copy(update={"safety": safety}),)})
    written = {"lowest_environment": plan.environment, "version": 1, "matrix": {plan.environment: {plan.risk: word}}}
    approvals = {plan.environment: {"count": 1, "any_of": ["sre"], "timeout": 600}}
    policy = Policy.from_mapping(
        {
            **written,
            "approvals": approvals,
            "requesters": {"roles": ["responder"]},
            "operators": {"roles": ["operator"]},
        }
    )
    assert wanted in who_may(replace(trouble.equipment, policy=policy), plan, runbook)


async def test_N2_the_offer_says_the_exact_undo_and_else_the_runbooks_words(trouble: Scene) -> None:
    incident = await trouble.incident()
    chosen, ranked = choose(trouble.equipment, incident, DOWN, [])
    _, plan, data = offer(trouble.equipment, incident, chosen, ranked, DOWN)
    assert plan is not None
    assert data["undo"].startswith("there is no undo")
    last = plan.steps[-1]
    undone = plan.model_copy(update={"steps": (last.model_copy(update={"rollback": (last.act, last.act)}),)})
    assert undo_in_full(undone, "x") == "by supervisorctl restart payments, then supervisorctl restart payments"
