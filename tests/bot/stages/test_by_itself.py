"""The bot by itself: once per incident and step, never past the guards, and in the shadow only in words (G2, G11)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

import guards
from bot.incident import IncidentStatus
from bot.plan import Plan
from bot.stages.by_itself import answer_of, asked_by, cut_off, level_of, unconfirmed
from bot.stages.gate import actor_of
from bot.stages.looking import unlooked
from bot.store import approvals, incidents, leases, proposals, runs
from bot.store.inbox import Inbox
from bot.store.runs import Run
from bot.triage import Triage
from guards import Approvers, Ask, Decision, Policy
from runbooks.load import BUILTIN, Library
from tests.bot.stages.test_plan import plan
from tests.fakes.equipment import POLICY, alert
from tests.fakes.scene import Scene, scene

RUNBOOK = (BUILTIN / "services" / "restart-service.yaml").read_text(encoding="utf-8")
LEVELS = ("shadow", "suggest", "approve", "auto")


def library(folder: Path, autonomy: str, *, text: str = RUNBOOK) -> Library:
    """Only restart-service, with this autonomy."""
    own = folder / f"runbooks-{autonomy}-{len(text)}"
    own.mkdir(exist_ok=True)
    changed = text.replace("      risk: safe\n", f"      risk: safe\n      autonomy: {autonomy}\n")
    (own / "restart-service.yaml").write_text(changed, encoding="utf-8")
    return Library([own])


def policy(ceiling: str, word: str = "auto", **more: Any) -> Policy:
    """What prod says of `safe`: the matrix's word, and the most that the bot may do."""
    matrix = {**POLICY["matrix"], "prod": {**POLICY["matrix"]["prod"], "safe": word}}
    return Policy.from_mapping({**POLICY, "matrix": matrix, "autonomy": {"prod": {"safe": ceiling}}, **more})


def restart(scene: Scene) -> Plan:
    """The plan of restart-service: a look, then the restart."""
    made = plan(scene)
    assert isinstance(made, Plan)
    return made


@dataclass
class Desk:
    """A scene with its triage. started: runs that triage told the engine of."""

    scene: Scene
    inbox: Inbox
    folder: Path

    def set(self, ceiling: str, runbook: str = "auto", word: str = "auto", **more: Any) -> None:
        self.scene.change(policy=policy(ceiling, word, **more), library=library(self.folder, runbook))

    async def look(self) -> None:
        """One look at the incident, as after an alert."""

        async def wake(_run_id: str, _topic: str) -> None:
            return None

        async def start(run_id: str) -> None:
            self.scene.started.append(run_id)

        triage = Triage(self.scene.equipment, self.inbox, wake, start_run=start)
        triage.look_again(await self.scene.incident())
        await triage.drain()

    async def runs(self) -> list[Run]:
        incident = await self.scene.incident()
        return cast("list[Run]", await self.scene.read(lambda s: runs.for_incident(s, incident.id)))

    async def kinds(self) -> list[str]:
        """What was written after the incident was opened."""
        return (await self.scene.kinds())[1:]

    async def said(self, kind: str) -> list[dict[str, Any]]:
        return [entry.data for entry in await self.scene.entries() if entry.kind.value == kind]


@pytest.fixture
async def desk(trouble: Scene, tmp_path: Path) -> AsyncIterator[Desk]:
    inbox = Inbox.open(tmp_path / "inbox.db")
    yield Desk(trouble, inbox, tmp_path)
    inbox.close()


# -- who may ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("own", LEVELS)
@pytest.mark.parametrize("ceiling", LEVELS)
def test_the_lower_of_runbook_and_policy_counts(trouble: Scene, tmp_path: Path, own: str, ceiling: str) -> None:
    runbook = library(tmp_path, own).get("restart-service")
    assert runbook is not None
    found = level_of(policy(ceiling), runbook, restart(trouble).steps)
    assert found == min(own, ceiling, key=LEVELS.index)


def test_what_nobody_wrote_is_only_suggested(trouble: Scene) -> None:
    runbook = trouble.equipment.library.get("restart-service")
    assert runbook is not None
    assert level_of(Policy.from_mapping(POLICY), runbook, restart(trouble).steps) == "suggest"
    assert level_of(policy("auto"), runbook, restart(trouble).steps) == "suggest"


def test_looking_alone_needs_the_runbooks_own_word(trouble: Scene, tmp_path: Path) -> None:
    looks = restart(trouble).steps[:1]
    runbook = trouble.equipment.library.get("restart-service")
    bold = library(tmp_path, "auto").get("restart-service")
    assert runbook is not None
    assert bold is not None
    assert level_of(policy("auto"), runbook, looks) == "suggest"
    assert level_of(policy("suggest"), bold, looks) == "auto"


# -- approve and auto ------------------------------------------------------------------------------------------------
async def test_G2_where_both_say_auto_the_bot_runs_it_and_proves_it(desk: Desk) -> None:
    desk.set("auto")
    await desk.look()
    (run,) = await desk.runs()
    assert desk.scene.started == [run.id]
    assert (run.requester, run.plan.requester, run.state) == ("bot", "bot", "waiting")
    assert await desk.kinds() == ["proposed", "requested"]
    assert await desk.scene.read(lambda s: approvals.for_run(s, run.id)) == []
    assert await desk.scene.carry_out() == "succeeded"
    assert (await desk.kinds())[-3:] == ["verified", "finished", "resolved"]
    assert [act for act, _ in desk.scene.world.acts] == ["supervisor.tail_log", "supervisor.restart"]


async def test_G2_the_offer_is_taken_so_that_nobody_can_run_it_as_well(desk: Desk) -> None:
    desk.set("auto")
    await desk.look()
    incident = await desk.scene.incident()
    current = await desk.scene.read(lambda s: proposals.current(s, incident.id))
    assert current is not None
    assert current.state == "taken"
    reply = await desk.scene.requests.run_step(current.id, desk.scene.person("ana"))
    assert reply.name == "already"
    assert len(await desk.runs()) == 1


async def test_the_bot_does_not_acknowledge_so_that_people_are_paged_until_one_is_there(desk: Desk) -> None:
    desk.set("approve")
    await desk.look()
    assert (await desk.scene.incident()).status is IncidentStatus.TRIGGERED
    assert await desk.scene.outbox("pagerduty", "status") == []


@pytest.mark.parametrize(("ceiling", "word"), [("approve", "auto"), ("approve", "confirm"), ("auto", "approve")])
async def test_G2_where_people_must_agree_the_run_waits_for_them(desk: Desk, ceiling: str, word: str) -> None:
    desk.set(ceiling, word=word)
    await desk.look()
    (run,) = await desk.runs()
    (question,) = await desk.scene.read(lambda s: approvals.for_run(s, run.id))
    assert (question.kind, question.requester, question.approvers["any_of"]) == ("approval", "bot", ["payments-oncall"])
    assert (await desk.scene.vote("ana")).name == "refused"  # not in the group
    assert (await desk.scene.vote("ben")).ok
    assert await desk.scene.carry_out() == "succeeded"


async def test_a_confirmation_of_nobody_becomes_an_approval(desk: Desk) -> None:
    desk.set("auto", word="confirm")
    await desk.look()
    (run,) = await desk.runs()
    asked = await desk.scene.read(lambda s: approvals.for_run(s, run.id))
    assert [question.kind for question in asked] == ["approval"]


def test_an_operations_own_confirmation_becomes_the_approval_of_the_environment() -> None:
    asked = Decision("ask", (), (Ask("confirmation", "Clear cache?", 120.0),), ())
    found = unconfirmed(policy("auto"), guards.Context(environment="prod", tier=1), asked)
    assert found.outcome == "ask"
    assert found.questions == (Ask("approval", "Clear cache?", 900.0, Approvers(1, ("payments-oncall",))),)


def test_T43_where_nobody_may_approve_it_is_refused() -> None:
    asked = Decision("ask", (), (Ask("confirmation", "Clear cache?", 120.0),), ())
    found = unconfirmed(policy("auto"), guards.Context(environment="dev", tier=1), asked)
    assert (found.outcome, [denial.code for denial in found.denials], found.questions) == ("deny", ["forbidden"], ())


@pytest.mark.parametrize("where", ["runbook", "policy"])
async def test_where_one_of_them_only_suggests_the_bot_waits_for_a_person(desk: Desk, where: str) -> None:
    desk.set("suggest" if where == "policy" else "auto", "suggest" if where == "runbook" else "auto")
    await desk.look()
    assert await desk.runs() == []
    assert await desk.kinds() == ["proposed"]


def test_T11_somebody_who_left_the_directory_is_not_the_bot(trouble: Scene) -> None:
    people = trouble.equipment.people
    assert asked_by(people, "bot") is None
    assert asked_by(people, "ana") == trouble.person("ana")
    gone = asked_by(people, "eve")
    assert gone is not None
    assert (gone.id, gone.roles) == ("eve", ())
    assert not actor_of(gone).is_bot


async def test_T11_a_run_of_somebody_who_left_the_directory_is_refused_at_the_act(desk: Desk) -> None:
    desk.set("auto")
    assert (await desk.scene.ask()).ok
    left = [person for person in desk.scene.equipment.people.people if person.id != "ana"]
    desk.scene.change(people=desk.scene.equipment.people.model_copy(update={"people": tuple(left)}))
    assert await desk.scene.carry_out() == "refused"
    assert [said["code"] for said in await desk.said("refused")] == ["wrong_role"]
    assert desk.scene.world.acts == []


async def test_an_operations_own_confirmation_is_approved_and_then_carried_out(desk: Desk) -> None:
    desk.set("auto")
    operations = dict(desk.scene.equipment.operations)
    restart = operations["supervisor.restart"]
    confirmed = guards.require_confirmation(message="Really?", timeout=120)(restart.plan)
    operations["supervisor.restart"] = replace(restart, plan=confirmed)
    desk.scene.change(operations=operations)
    await desk.look()
    assert [question.kind for question in [await desk.scene.approval()]] == ["approval"]
    assert (await desk.scene.vote("ben")).ok
    assert await desk.scene.carry_out() == "succeeded"


# -- not twice -------------------------------------------------------------------------------------------------------
async def test_it_asks_once_per_incident_and_step_however_often_it_looks(desk: Desk) -> None:
    desk.set("approve")
    await desk.look()
    assert (await desk.scene.vote("ben", approve=False, reason="not now")).ok
    assert await desk.scene.carry_out() == "refused"
    await desk.look()
    await desk.look()
    assert len(await desk.runs()) == 1
    assert (await desk.kinds())[-1] == "proposed"


async def test_a_person_may_ask_again(desk: Desk) -> None:
    desk.set("auto")
    desk.scene.world.live = IncidentStatus.RESOLVED
    await desk.look()
    assert await desk.runs() == []
    desk.scene.world.live = IncidentStatus.TRIGGERED
    await desk.look()
    (run,) = await desk.runs()
    await desk.scene.requests.stop(run.id, desk.scene.person("ben"))
    assert await desk.scene.carry_out() == "stopped"
    await desk.look()
    assert len(await desk.runs()) == 1
    assert (await desk.scene.ask()).ok
    assert [run.requester for run in await desk.runs()] == ["bot", "ana"]


async def test_an_edited_runbook_is_another_step(desk: Desk) -> None:
    desk.set("approve")
    await desk.look()
    await desk.scene.vote("ben", approve=False)
    await desk.scene.carry_out()
    edited = library(desk.folder, "auto", text=RUNBOOK.replace("within: 30s", "within: 20s"))
    desk.scene.change(library=edited)
    await desk.look()
    assert [run.requester for run in await desk.runs()] == ["bot", "bot"]


async def test_what_a_person_skipped_the_bot_leaves_alone(desk: Desk) -> None:
    desk.set("suggest")
    await desk.look()
    incident = await desk.scene.incident()
    offer = await desk.scene.read(lambda s: proposals.current(s, incident.id))
    assert offer is not None
    assert (await desk.scene.requests.skip_step(offer.id, desk.scene.person("ana"), "by hand")).ok
    desk.set("auto")
    await desk.look()
    assert await desk.runs() == []


async def test_T23_a_resolved_incident_is_left_alone(desk: Desk) -> None:
    desk.set("auto")
    incident = await desk.scene.incident()
    over = incident.model_copy(update={"status": IncidentStatus.RESOLVED})
    await desk.scene.write(lambda s: incidents.save(s, over))
    await desk.look()
    assert await desk.runs() == []
    assert await desk.kinds() == []


# -- refused ---------------------------------------------------------------------------------------------------------
async def test_a_refusal_is_said_once_per_code_and_nothing_is_asked(desk: Desk) -> None:
    desk.set("auto")
    now = desk.scene.clock()
    key = restart(desk.scene).targets[0].key
    await desk.scene.write(lambda s: leases.acquire(s, [key], "run_other", now))
    for _ in range(3):
        await desk.look()
    assert [entry["code"] for entry in await desk.said("refused")] == ["target_busy"]
    assert await desk.runs() == []
    await desk.scene.write(lambda s: leases.release(s, "run_other"))
    await desk.scene.equipment.kill_switch.engage("all", "", "storm", "cora")
    await desk.look()
    await desk.look()
    assert [entry["code"] for entry in await desk.said("refused")] == ["target_busy", "kill_switch"]


async def test_what_was_in_the_way_and_is_no_more_does_not_stop_the_bot(desk: Desk) -> None:
    desk.set("auto")
    await desk.scene.equipment.kill_switch.engage("all", "", "storm", "cora")
    await desk.look()
    assert await desk.runs() == []
    await desk.scene.equipment.kill_switch.lift("all", "", "over", "cora")
    await desk.look()
    assert [run.requester for run in await desk.runs()] == ["bot"]


async def test_a_person_is_still_refused_with_a_record_each_time(desk: Desk) -> None:
    desk.set("auto")
    await desk.scene.equipment.kill_switch.engage("all", "", "storm", "cora")
    await desk.look()
    await desk.scene.ask()
    await desk.scene.ask()
    actors = [e.actor for e in await desk.scene.entries() if e.kind.value == "refused"]
    assert actors == ["bot", "ana", "ana"]


# -- shadow ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("where", ["runbook", "policy"])
async def test_G11_in_the_shadow_it_only_says_what_it_would_have_done(desk: Desk, where: str) -> None:
    desk.set("shadow" if where == "policy" else "auto", "shadow" if where == "runbook" else "auto")
    for _ in range(3):
        await desk.look()
    assert await desk.kinds() == ["would_have"]
    (said,) = await desk.said("would_have")
    assert (said["runbook"], said["step"], said["answer"]) == ("restart-service", "restart", "run it alone")
    assert said["steps"] == ["supervisorctl tail payments (last 50 lines)", "supervisorctl restart payments"]
    assert await desk.runs() == []
    assert desk.scene.world.acts == []


async def test_G11_C3_nothing_is_offered_that_nobody_may_run(desk: Desk) -> None:
    desk.set("shadow")
    await desk.look()
    incident = await desk.scene.incident()
    current = await desk.scene.read(lambda s: proposals.current(s, incident.id))
    assert current is not None
    assert (current.state, current.plan) == ("none", None)
    assert "watched" in current.why
    assert await desk.scene.read(unlooked) == []


@pytest.mark.parametrize(
    ("word", "more", "answer"),
    [
        ("auto", {}, "run it alone"),
        ("confirm", {}, "asked for approval"),
        ("approve", {}, "asked for approval"),
        ("forbid", {}, "been refused: forbidden"),
        ("auto", {"error_budget": {"max_burned_percent": 20}}, "been refused: missing_context"),
    ],
)
async def test_G11_the_answer_is_that_of_the_other_guards(
    desk: Desk, word: str, more: dict[str, Any], answer: str
) -> None:
    desk.set("shadow", word=word, **more)
    await desk.look()
    assert [said["answer"] for said in await desk.said("would_have")] == [answer]


@pytest.mark.parametrize(("ceiling", "answer"), [("auto", "run it alone"), ("approve", "asked for approval")])
async def test_G10_G11_while_everything_is_only_watched_the_same_is_said(desk: Desk, ceiling: str, answer: str) -> None:
    desk.set(ceiling)
    await desk.scene.equipment.kill_switch.engage("monitor", "", "new here", "cora")
    await desk.look()
    await desk.look()
    assert [said["answer"] for said in await desk.said("would_have")] == [answer]
    assert await desk.said("refused") == []
    assert await desk.runs() == []
    await desk.scene.equipment.kill_switch.lift("monitor", "", "seen enough", "cora")
    await desk.look()
    assert [run.requester for run in await desk.runs()] == ["bot"]


async def test_G10_watching_says_nothing_of_what_the_bot_would_not_have_done(desk: Desk) -> None:
    desk.set("suggest")
    await desk.scene.equipment.kill_switch.engage("monitor", "", "new here", "cora")
    await desk.look()
    assert await desk.kinds() == ["proposed"]


def test_no_finding_but_the_watching_is_no_answer_that_allows() -> None:
    watched = Decision("deny", (guards.Deny("shadow", "r", "m"),), (), ())
    assert answer_of(policy("auto"), guards.Context(environment="prod", tier=1), [watched]) == "been refused: unguarded"


# -- cut off ---------------------------------------------------------------------------------------------------------
async def test_an_offer_that_the_bot_was_cut_off_after_is_looked_at_again(desk: Desk) -> None:
    desk.set("suggest")
    await desk.look()
    assert await desk.scene.read(lambda s: cut_off(s, desk.scene.equipment, 10)) == []
    desk.set("auto")
    found = await desk.scene.read(lambda s: cut_off(s, desk.scene.equipment, 10))
    assert [incident.external_id for incident in found] == ["PINC1"]
    await desk.look()
    assert await desk.scene.read(lambda s: cut_off(s, desk.scene.equipment, 10)) == []
    assert len(await desk.runs()) == 1


async def test_another_incident_is_another_matter(desk: Desk) -> None:
    desk.set("approve")
    await desk.look()
    await desk.scene.fold(alert("E2", "PINC2"))
    other = await desk.scene.incident("PINC2")
    triage = Triage(desk.scene.equipment, desk.inbox, cast("Any", None))
    triage.look_again(other)
    await triage.drain()
    found = await desk.scene.read(lambda s: runs.for_incident(s, other.id))
    assert [run.requester for run in found] == ["bot"]
    assert len(desk.scene.started) == 1  # without `start_run` the reconciler starts it


@pytest.mark.parametrize(
    ("live", "starts"), [(None, False), (IncidentStatus.RESOLVED, False), (IncidentStatus.TRIGGERED, True)]
)
async def test_T19_an_event_that_came_too_late_starts_nothing_unless_the_monitor_confirms_it(
    tmp_path: Path, live: IncidentStatus | None, starts: bool
) -> None:
    """Its sender was cut off for an hour, and people may have done something since: they are offered the step."""
    async with scene(tmp_path) as made:
        await made.fold(alert(details={"stale": "true"}))
        made.world.live = live
        desk = Desk(made, Inbox.open(tmp_path / "inbox.db"), tmp_path)
        desk.set("auto")
        await desk.look()
        assert bool(await desk.runs()) == starts
        assert ("refused" in await made.kinds(), "proposed" in await made.kinds()) == (False, True)
        desk.inbox.close()
