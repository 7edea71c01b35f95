"""Kept: decisions that can be made again from what was recorded (G12), and breakers that only a trial closes (G8, T57)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

import guards
from bot.services import Catalogue
from bot.stages.asking import ask_for
from bot.stages.enrich import observe, values
from bot.stages.gate import decide_step, snapshot
from bot.stages.kept import count_act, keep_decision
from bot.stages.plan import make_plan
from bot.store import approvals, breakers, decisions, entries, history
from bot.store.decisions import RecordedDecision
from bot.store.session import Store
from bot.transcript import Entry, EntryKind
from guards import Policy
from guards.recording import decision_data, from_data, with_history
from tests.bot.stages.test_plan import plan
from tests.fakes.equipment import POLICY, SERVICES, START, ListJournal, alert
from tests.fakes.pool import with_pool, workers
from tests.fakes.scene import Scene, scene

KEY = "remediation:staging/payments/supervisor.restart"
BREAKERS = {
    "remediation": {"max": 3, "window": "10m", "cooldown": "30m"},
    "global": {"failures": 2, "window": "10m", "cooldown": "30m"},
}
STAGING = Catalogue.model_validate({"services": [{**SERVICES["services"][0], "environment": "staging"}]})


def policy(**changes: Any) -> Policy:
    """Safe changes need nobody in staging, so that only a breaker asks."""
    rows = {**POLICY["matrix"], "staging": {**POLICY["matrix"]["staging"], "safe": "auto"}}
    return Policy.from_mapping({**POLICY, "matrix": rows, "breakers": BREAKERS, **changes})


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Scene]:
    """Payments in staging, where it may be restarted as often as the breakers let it."""
    async with scene(tmp_path, catalogue=STAGING, policy=policy()) as made:
        yield made


async def again(scene: Scene, *, mends: bool = True) -> str:
    """A new incident of the same kind, asked for and carried out: the outcome, or the code of the refusal."""
    number = len(await scene.read(lambda s: decisions.page(s, scene.equipment.clock() - timedelta(days=1))))
    scene.world.up, scene.world.mends = False, mends
    await scene.fold(alert(f"E{number}", f"PINC{number}", occurred_at=scene.clock()))
    reply = await scene.ask()
    return await scene.carry_out() if reply.ok else str(reply.data["code"])


async def opened(scene: Scene) -> dict[str, str]:
    """Key and trial of every open breaker."""
    return {breaker.key: breaker.trial_run for breaker in await scene.read(breakers.opened)}


async def told(scene: Scene, kind: EntryKind) -> list[Entry]:
    """Entries of one kind about the newest run's incident."""
    found = (await scene.run()).incident_id
    return [entry for entry in await scene.read(lambda s: entries.for_incident(s, found)) if entry.kind is kind]


async def three(scene: Scene) -> None:
    assert [await again(scene) for _ in range(3)] == ["succeeded"] * 3


async def test_T57_the_third_run_in_ten_minutes_opens_the_breaker_and_pages(room: Scene) -> None:
    assert [await again(room) for _ in range(2)] == ["succeeded"] * 2
    assert (await opened(room), await room.outbox(kind="page")) == ({}, [])
    assert await again(room) == "succeeded", "the last one allowed is carried out"
    assert await opened(room) == {KEY: ""}
    (entry,) = await told(room, EntryKind.BREAKER_OPENED)
    assert entry.data == {"key": KEY, "reason": "3 runs of supervisor.restart on payments in 10 min"}
    (page,) = await room.outbox("pagerduty", "page")
    assert "the circuit breaker opened" in page["payload"]["custom_details"]["reason"]
    assert await again(room) == "breaker_open"


async def test_slow_runs_open_nothing(room: Scene) -> None:
    for _ in range(5):
        assert await again(room) == "succeeded"
        room.clock.now += timedelta(minutes=6)
    assert await opened(room) == {}


@pytest.mark.parametrize(("minutes", "answer"), [(11, "breaker_open"), (29, "breaker_open"), (31, "ask")])
async def test_T57_time_alone_does_not_close_it(room: Scene, minutes: int, answer: str) -> None:
    await three(room)
    room.clock.now += timedelta(minutes=minutes)
    room.world.up = False
    await room.fold(alert("E9", "PINC9", occurred_at=room.clock()))
    reply = await room.ask()
    assert reply.data.get("code", "ask") == answer
    assert [q.kind for q in await room.read(lambda s: _asked(s, room))] == (["approval"] if answer == "ask" else [])


def _asked(session: Session, scene: Scene) -> list[Any]:
    return [q for q in approvals.pending(session) if q.run_id == scene.started[-1]]


async def trial(scene: Scene, *, mends: bool) -> str:
    """After the cooldown: somebody asks for one trial and somebody else approves."""
    scene.clock.now += timedelta(minutes=31)
    scene.world.up, scene.world.mends = False, mends
    await scene.fold(alert("E9", "PINC9", occurred_at=scene.clock()))
    assert (await scene.ask()).ok
    assert (await scene.vote("ben")).ok
    return await scene.carry_out()


async def test_T57_a_trial_that_worked_closes_it(room: Scene) -> None:
    await three(room)
    assert await trial(room, mends=True) == "succeeded"
    assert await opened(room) == {}
    assert [entry.data for entry in await told(room, EntryKind.BREAKER_CLOSED)] == [{"key": KEY}]
    assert await again(room) == "succeeded"


async def test_T57_a_trial_that_failed_opens_it_anew(room: Scene) -> None:
    await three(room)
    before = (await room.read(breakers.opened))[0].opened_at
    assert await trial(room, mends=False) == "failed"
    (found,) = await room.read(breakers.opened)
    assert (found.key, found.trial_run) == (KEY, "")
    assert found.opened_at > before + timedelta(minutes=30)
    assert [entry.data["reason"] for entry in await told(room, EntryKind.BREAKER_OPENED)] == ["its trial did not work"]
    assert await again(room) == "breaker_open"


async def test_T57_there_is_one_trial_at_a_time_and_the_bot_is_none(room: Scene) -> None:
    await three(room)
    room.clock.now += timedelta(minutes=31)
    made = plan(room, service=STAGING.services[0], created_at=room.clock())
    assert not isinstance(made, guards.Deny)
    step = made.steps[-1]

    def outcome(session: Session, who: str) -> tuple[str, list[str]]:
        person = room.person(who) if who else None
        context = snapshot(session, room.equipment, made, step, person, "run_y", (), room.clock())
        found = decide_step(room.equipment, made, step, context)
        return found.outcome, [denial.code for denial in found.denials]

    assert await room.read(lambda s: outcome(s, "ana")) == ("ask", [])
    assert await room.read(lambda s: outcome(s, "")) == ("deny", ["autonomy", "breaker_open"])
    await room.write(lambda s: breakers.take_trial(s, KEY, "run_other"))
    assert await room.read(lambda s: outcome(s, "ana")) == ("deny", ["breaker_open"])


async def test_T57_a_trial_that_was_never_begun_leaves_it_half_open(room: Scene) -> None:
    await three(room)
    room.clock.now += timedelta(minutes=31)
    room.world.up = False
    await room.fold(alert("E9", "PINC9", occurred_at=room.clock()))
    assert (await room.ask()).ok
    assert (await room.vote("ben", approve=False)).ok
    assert await room.carry_out() == "refused"
    assert await opened(room) == {KEY: ""}


async def test_T57_a_restart_of_the_store_resets_nothing(room: Scene, tmp_path: Path) -> None:
    await three(room)
    await room.equipment.store.close()
    room.change(store=await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}"))
    assert await again(room) == "breaker_open"
    room.clock.now += timedelta(minutes=20)
    assert await again(room) == "breaker_open", "the acts have left the window, the breaker stays"
    assert await trial(room, mends=True) == "succeeded"
    assert await opened(room) == {}


async def test_T57_the_global_breaker_opens_after_so_many_failures_of_anything(room: Scene) -> None:
    assert await again(room, mends=False) == "failed"
    assert await opened(room) == {}
    assert await again(room, mends=False) == "failed"
    assert await opened(room) == {"global": ""}
    (entry,) = await told(room, EntryKind.BREAKER_OPENED)
    assert entry.data == {"key": "global", "reason": "2 acts went wrong in 10 min"}
    assert await again(room) == "breaker_open"
    assert await trial(room, mends=True) == "succeeded"
    assert await opened(room) == {}


async def test_T57_what_worked_is_no_failure(room: Scene) -> None:
    assert [await again(room, mends=mends) for mends in (False, True)] == ["failed", "succeeded"]
    assert await opened(room) == {}


async def scaled(room: Scene, wanted: int, number: int = 1) -> str:
    """A new incident, and its pool brought to that size: the outcome."""
    await room.fold(alert(f"E{number}", f"PINC{number}", occurred_at=room.clock()))
    incident, equipment = await room.incident(f"PINC{number}"), room.equipment
    service, runbook = equipment.service_of(incident), equipment.library.get("scale-workers")
    assert service is not None
    assert runbook is not None
    made = make_plan(
        equipment,
        incident=incident,
        service=service,
        runbook=runbook,
        steps=runbook.steps,
        given={"wanted": wanted},
        facts=values(await observe(equipment, service, incident, {"pool"})),
        requester="ana",
        why="because",
        created_at=room.clock(),
    )
    room.started.append((await ask_for(equipment, incident, made, runbook.id, room.person("ana"), "")).run_id)
    assert (await room.vote("ben")).ok
    return await room.carry_out()


async def test_T57_a_run_is_not_the_trial_of_a_breaker_that_it_opened_itself(tmp_path: Path) -> None:
    """Its second act comes when the acts before it have left the window; its success must not close the breaker."""
    async with scene(tmp_path, policy=policy(breakers={"remediation": {**BREAKERS["remediation"], "max": 2}})) as room:
        with_pool(room)
        assert await scaled(room, 7) == "succeeded"
        (first,) = await room.read(lambda s: history.past_acts(s, START))
        room.clock.now = first.at + timedelta(minutes=10) - timedelta(seconds=1)
        assert await scaled(room, 12, 2) == "succeeded"
        acts = await room.read(lambda s: history.past_acts(s, START))
        assert [act.at - first.at < timedelta(minutes=10) for act in acts] == [True, True, False]
        assert await opened(room) == {"remediation:prod/payments/supervisor.scale": ""}


@pytest.mark.parametrize(("wanted", "weak", "outcome"), [(12, (), "succeeded"), (9, (7, 8), "rolled_back")])
async def test_G7_the_run_that_opens_the_breaker_may_go_on_and_undo(
    tmp_path: Path, wanted: int, weak: tuple[int, ...], outcome: str
) -> None:
    first = policy(breakers={"remediation": {"max": 1, "window": "10m", "cooldown": "30m"}})
    async with scene(tmp_path, policy=first) as room:
        pool = with_pool(room)
        pool.weak = set(workers(*weak))
        assert await scaled(room, wanted) == outcome
        assert list(await opened(room)) == ["remediation:prod/payments/supervisor.scale"]
        assert len(pool.running) == (wanted if outcome == "succeeded" else 6)


# -- decisions ---------------------------------------------------------------------------------------------------
async def kept(scene: Scene) -> list[RecordedDecision]:
    run = await scene.run()
    return await scene.read(lambda s: decisions.for_run(s, run.id))


async def test_G12_every_decision_is_recorded_when_asked_and_before_each_step(trouble: Scene) -> None:
    assert (await trouble.ask()).ok
    assert (await trouble.vote("ben")).ok
    assert await trouble.carry_out() == "succeeded"
    found = await kept(trouble)
    assert [(d.phase, d.step_id, d.outcome) for d in found] == [
        ("asked", "diagnose", "allow"),
        ("asked", "restart", "ask"),
        ("act", "diagnose", "allow"),
        ("act", "restart", "ask"),
    ]
    run = await trouble.run()
    for decision in found:
        assert (decision.run_id, decision.incident_id, decision.actor) == (run.id, run.incident_id, "ana")
        assert decision.policy_digest == trouble.equipment.policy.digest
        assert decision.context.get("run", "") == (run.id if decision.phase == "act" else "")
        assert decision.looked_back >= 600


async def test_G12_a_refusal_is_recorded_although_nothing_was_started(trouble: Scene) -> None:
    assert not (await trouble.ask("dev")).ok
    incident = (await trouble.incident()).id
    newest, oldest = await trouble.read(lambda s: decisions.for_incident(s, incident))
    assert [(d.run_id, d.phase, d.outcome, d.actor) for d in (newest, oldest)] == [("", "asked", "deny", "dev")] * 2
    assert {f["code"] for f in newest.findings if f["verdict"] == "deny"} == {"wrong_role"}


async def test_G12_a_refusal_at_the_moment_of_acting_is_recorded(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote("ben")
    await trouble.equipment.kill_switch.engage("all", "", "storm", "ana")
    assert await trouble.carry_out() == "refused"
    last = (await kept(trouble))[-1]
    assert (last.phase, last.outcome) == ("act", "deny")


async def test_G12_what_was_recorded_is_decided_again_with_the_same_outcome(room: Scene) -> None:
    """Everything a rule saw comes from the row, and the past acts from the store as it was at that moment."""
    await three(room)
    await again(room)
    await trial(room, mends=False)
    await again(room)
    equipment = room.equipment
    found = await room.read(lambda s: decisions.page(s, room.clock() - timedelta(days=1)))
    assert {(d.phase, d.outcome) for d in found} >= {
        ("asked", "allow"),
        ("asked", "ask"),
        ("asked", "deny"),
        ("act", "ask"),
    }
    steps = {step.id: step for step in (await room.run()).plan.steps}
    made = (await room.run()).plan
    for decision in found:
        context = await room.read(lambda s, d=decision: rebuilt(s, d))
        redone = decide_step(equipment, made, steps[decision.step_id], context)
        assert (redone.outcome, decision_data(redone)) == (decision.outcome, decision.findings)


def rebuilt(session: Session, decision: RecordedDecision) -> guards.Context:
    """The context of a recorded decision, with the acts that there were at that moment."""
    context = from_data(decision.context)
    since = decision.at - timedelta(seconds=decision.looked_back)
    acts = history.past_acts(session, since, except_run=decision.run_id)
    return with_history(context, tuple(act for act in acts if act.at < decision.at))


async def test_a_decision_without_a_moment_is_not_recorded(trouble: Scene) -> None:
    made = plan(trouble)
    assert not isinstance(made, guards.Deny)
    step = made.steps[-1]

    def write(session: Session) -> None:
        context = snapshot(session, trouble.equipment, made, step, None, "", (), trouble.clock())
        decision = decide_step(trouble.equipment, made, step, context)
        nowhere = replace(context, now=None)
        keep_decision(session, made, step, nowhere, decision, phase="act", looked_back=0.0)

    with pytest.raises(ValueError, match="moment"):
        await trouble.write(write)


async def test_T11_a_second_pass_over_the_run_records_nothing_twice(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote("ben")
    journal = ListJournal()
    await trouble.carry_out(journal)
    before = await kept(trouble)
    await trouble.carry_out(journal)
    assert await kept(trouble) == before


@pytest.mark.parametrize("change", [{"risk": "read"}, {"now": None}], ids=["reads only", "no moment"])
async def test_T57_what_only_reads_is_no_trial_of_a_breaker(room: Scene, change: dict[str, Any]) -> None:
    await three(room)
    run, incident, now = await room.run(), await room.incident("PINC0"), room.clock()
    open_one = guards.OpenBreaker(KEY, now)
    context = guards.Context(
        action="supervisor.restart",
        environment="staging",
        service="payments",
        now=now,
        risk="safe",
        breakers=(open_one,),
    )
    await room.write(lambda s: count_act(s, room.equipment, run, incident, replace(context, **change)))
    assert await opened(room) == {KEY: ""}
    await room.write(lambda s: count_act(s, room.equipment, run, incident, context))
    assert await opened(room) == {KEY: run.id}
