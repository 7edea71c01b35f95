"""Ticketing: texts from the store through the templates, and one ticket per incident and system."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.assembly import TEMPLATES
from bot.errors import Permanent
from bot.incident import ServiceReference
from bot.recorders.tickets import Ticket
from bot.render import Renderer
from bot.services import Catalogue
from bot.ticketing import Ticketing
from guards import Calendar, Period, Policy
from tests.fakes.equipment import POLICY, SERVICES, START, alert
from tests.fakes.scene import Scene, scene

RENDERER = Renderer(TEMPLATES)
CATALOGUE = Catalogue.model_validate(
    {"services": [{**SERVICES["services"][0], "tickets": {"jira_project": "OPS", "servicenow": True}}]}
)


@pytest.fixture
async def trouble(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path, catalogue=CATALOGUE) as made:
        await made.fold(alert(title="payments is down <!channel> {{ 7*7 }}"))
        yield made


def ticketing(made: Scene) -> Ticketing:
    return Ticketing(made.equipment.store, RENDERER, CATALOGUE, made.equipment.people)


@pytest.mark.parametrize("destination", ["pagerduty", "jira", "servicenow"])
async def test_an_entry_is_worded_with_the_names_of_people(trouble: Scene, destination: str) -> None:
    incident = await trouble.incident()
    await trouble.requests.escalate(incident.id, trouble.person("ana"), "please look")
    entry = (await trouble.entries())[-1]
    text = await ticketing(trouble).render_text(destination, entry.seq)
    assert "please look" in text
    assert "{{" not in text


@pytest.mark.parametrize("seq", [0, 9999])
async def test_an_entry_that_is_not_there_is_a_failure(trouble: Scene, seq: int) -> None:
    with pytest.raises(Permanent):
        await ticketing(trouble).render_text("jira", seq)


async def test_only_an_incident_from_pagerduty_has_its_id(trouble: Scene) -> None:
    incident = await trouble.incident()
    assert await ticketing(trouble).external_id(incident.id) == "PINC1"
    assert await ticketing(trouble).external_id("inc_404") == ""
    await trouble.fold(alert("G1", "X1", source="github"))
    other = await trouble.read(lambda s: __import__("bot.store.incidents", fromlist=["find"]).find(s, "github", "X1"))
    assert await ticketing(trouble).external_id(other.id) == ""


async def test_a_ticket_is_remembered_per_system(trouble: Scene) -> None:
    incident, made = await trouble.incident(), ticketing(trouble)
    assert await made.ticket_of("jira")(incident.id) is None
    await made.save_ticket("jira")(incident.id, Ticket("OPS-1", "http://jira/OPS-1"))
    assert await made.ticket_of("jira")(incident.id) == Ticket("OPS-1", "http://jira/OPS-1")
    assert await made.ticket_of("servicenow")(incident.id) is None
    await made.save_ticket("jira")(incident.id, Ticket("OPS-2", "http://jira/OPS-2"))
    assert await made.ticket_of("jira")(incident.id) == Ticket("OPS-2", "http://jira/OPS-2")


async def test_T39_a_new_ticket_says_what_is_known_and_renders_no_alert_text(trouble: Scene) -> None:
    incident = await trouble.incident()
    draft = await ticketing(trouble).draft_of(incident.id)
    assert (draft.project, draft.labels) == ("OPS", ("countersign",))
    assert draft.summary.startswith("payments (prod): payments is down")
    assert len(draft.summary) <= 250
    assert "49" not in draft.text


WHY = "the shop is down <!channel> {{ 7*7 }}"


async def glass(made: Scene) -> str:
    """A run past a freeze that is asked for by Ana and let through by Ben; returns its id."""
    frozen = Period("freeze", "year-end", ("prod",), (), START - timedelta(hours=1), START + timedelta(hours=1))
    made.change(
        policy=Policy.from_mapping({**POLICY, "break_glass": {"any_of": ["payments-oncall"], "timeout": "10m"}}),
        calendar=lambda _now: Calendar(periods=(frozen,)),
    )
    asked = await made.requests.break_glass("restart-service", "payments", None, made.person("ana"), "C0PAY", WHY)
    assert asked.ok, asked
    assert (await made.vote("ben")).ok
    assert await made.carry_out() == "succeeded"
    return (await made.run()).id


async def test_T14_T39_a_review_says_who_passed_what_and_why(trouble: Scene) -> None:
    run_id = await glass(trouble)
    incident = await trouble.incident()
    await ticketing(trouble).save_ticket("jira")(incident.id, Ticket("OPS-1", "http://jira/OPS-1"))
    draft = await ticketing(trouble).follow_up_of(run_id)
    assert (draft.project, draft.labels) == ("OPS", ("countersign", "countersign-review"))
    assert draft.summary == "Review: why was the glass broken for restart-service on payments (prod)?"
    for words in (
        "supervisorctl restart payments", f"Reason given: {WHY}", "Rules passed: freeze", "Asked for by: Ana",
        "Let through by: Ben", "Outcome: succeeded", run_id, "Ticket of the incident: OPS-1 http://jira/OPS-1",
        f"`runbookctl explain {run_id}`",
    ):  # fmt: skip
        assert words in draft.text
    assert "49" not in draft.text.replace(run_id, "")


async def test_T14_a_review_of_nothing_is_a_failure(trouble: Scene) -> None:
    with pytest.raises(Permanent):
        await ticketing(trouble).follow_up_of("run_404")


async def test_T35_an_incident_of_an_unknown_service_has_no_ticket(trouble: Scene) -> None:
    await trouble.fold(alert("E2", "PINC2", service=ServiceReference(id="PNOBODY")))
    incident = await trouble.incident("PINC2")
    with pytest.raises(Permanent, match="no service"):
        await ticketing(trouble).draft_of(incident.id)
    with pytest.raises(Permanent):
        await ticketing(trouble).draft_of("inc_404")
