"""Waves: exactly these members, one wave after the other, each proved, and none after one that is not (E4, G5, X6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.assembly import TEMPLATES
from bot.plan import Plan
from bot.render import Renderer
from bot.roster import OPERATIONS
from bot.services import TargetEntry
from bot.stages.match import past_runs, past_steps
from bot.stages.precheck import unchanged
from bot.stages.waves import MOST_WAVES, first_only, waves_of
from bot.store import board
from guards import Deny, Policy
from runbooks.load import BUILTIN, Library
from runbooks.model import Step
from tests.fakes.equipment import POLICY, START, ListJournal
from tests.fakes.pool import GROUP, TARGET, Pool, with_pool, workers
from tests.fakes.scene import Scene

ROLL = """\
id: roll
title: Restart the workers in turn
owner: sre
match: {signatures: ["OutOfMemory"]}
params:
  target: {type: target, kind: supervisor_pool}
steps:
  - id: logs
    action: supervisor.tail_logs
    with: {target: "${target}", lines: 20}
    on_failure: continue
  - id: roll
    title: Restart
    action: supervisor.rolling_restart
    with: {target: "${target}"}
    waves: [1, 50%, rest]
    precheck: "facts.pool.total == 12"
    verify: {fact: pool, expect: "healthy == running", within: 20s, samples: 2 of 2, every: 1s}
    rollback: none
    safety: {risk: safe, scopes: [prod], blast_radius: {max_targets: 12}, limits: [{max: 1, per: target, window: 1h}]}
"""
WIDE = {**POLICY, "blast_radius": {"prod": {"max_targets": 12}}}
ENTRY = TargetEntry.model_validate(TARGET)
SIX: dict[str, Any] = {"pool": {"running": 6, "names": workers(*range(6))}}
ROLLING = OPERATIONS["supervisor.rolling_restart"]


def arrange(scene: Scene, folder: Path, text: str = ROLL, policy: dict[str, Any] = WIDE) -> Pool:
    """Payments with a pool, the runbook of these tests, and a policy that lets it touch all of the pool."""
    (folder / "more").mkdir(exist_ok=True)
    (folder / "more" / "roll.yaml").write_text(text)
    library = Library([BUILTIN, folder / "more"])
    assert library.problems == ()
    pool = with_pool(scene)
    scene.change(library=library, policy=Policy.from_mapping(policy))
    return pool


async def planned(scene: Scene) -> Plan:
    reply = await scene.ask("ana", "roll")
    assert reply.ok, reply
    plan: Plan = (await scene.run()).plan
    return plan


async def card_of(scene: Scene) -> str:
    """The text of every block of the newest run's card."""
    run, incident = await scene.run(), await scene.incident()
    seen = await scene.read(lambda s: board.load(s, incident.id))
    told = {"entries": seen.entries, "approvals": (), "votes": {}, "facts": (), "names": str, "now": START}
    return str(Renderer(TEMPLATES).blocks("card", run=run, **told).blocks)


async def test_P1_the_card_says_how_many_members_in_how_many_waves(trouble: Scene, tmp_path: Path) -> None:
    arrange(trouble, tmp_path)
    await planned(trouble)
    card = await card_of(trouble)
    assert "1 target: 6 members in 3 waves, each proved before the next" in card
    assert all(card.count(name) >= 1 for name in workers(*range(6))), "every member by name"


async def test_E4_one_step_for_each_wave_names_exactly_its_members(trouble: Scene, tmp_path: Path) -> None:
    arrange(trouble, tmp_path)
    plan = await planned(trouble)
    assert [s.id for s in plan.steps] == ["logs", "roll-1", "roll-2", "roll-3"]
    assert [s.part_of for s in plan.steps] == ["", "roll", "roll", "roll"]
    waves = plan.steps[1:]
    assert [list(s.act.members) for s in waves] == [workers(0), workers(1, 2, 3), workers(4, 5)]
    assert [s.act.request["names"] for s in waves] == [list(s.act.members) for s in waves]
    assert waves[1].title == "Restart, wave 2 of 3: 3 of 6"
    assert waves[1].act.shown == f"supervisorctl restart {' '.join(workers(1, 2, 3))} (3 of 6 that run)"
    assert [s.check.expect for s in waves if s.check] == ["(healthy == running) && running == 6"] * 3
    needed = ["(facts.pool.total == 12) && facts.pool.running == 6", *["facts.pool.running == 6"] * 2]
    assert [s.precheck for s in waves] == needed, "whether it is needed is asked before the first wave only"
    assert len(plan.members_with(waves[0])) == 6
    assert plan.steps[0].act.members == ()


async def test_X6_every_wave_is_proved_before_the_next(trouble: Scene, tmp_path: Path) -> None:
    pool = arrange(trouble, tmp_path)
    plan = await planned(trouble)
    await trouble.vote()
    assert await trouble.carry_out() == "succeeded"
    assert pool.acts == [step.act.shown for step in plan.steps]
    assert pool.restarted == workers(*range(6)), "each member once, in order"
    told = [(e.kind.value, e.data["step"]) for e in await trouble.entries() if e.kind.value in ("executed", "verified")]
    parts = [(kind, f"roll-{number}") for number in (1, 2, 3) for kind in ("executed", "verified")]
    assert told == [("executed", "logs"), *parts]
    incident = await trouble.incident()
    tried = past_steps(await trouble.read(lambda s: past_runs(s, incident.id)))
    assert [p.step for p in tried] == ["logs", "roll"], "the waves of one step are one step"


@pytest.mark.parametrize(("weak", "done"), [(0, 1), (2, 4), (5, 6)])
async def test_E4_a_wave_that_is_not_proved_stops_those_after_it_and_calls_people(
    trouble: Scene, tmp_path: Path, weak: int, done: int
) -> None:
    pool = arrange(trouble, tmp_path)
    await planned(trouble)
    await trouble.vote()
    pool.weak = set(workers(weak))
    assert await trouble.carry_out() == "failed"
    assert pool.restarted == workers(*range(done)), "nothing of the next wave was touched"
    assert "escalated" in await trouble.kinds()
    failed = [e.data["step"] for e in await trouble.entries() if e.kind.value == "verify_failed"]
    assert failed == [{1: "roll-1", 4: "roll-2", 6: "roll-3"}[done]]


async def test_E4_a_member_that_went_away_between_waves_stops_the_next(trouble: Scene, tmp_path: Path) -> None:
    pool = arrange(trouble, tmp_path)
    await planned(trouble)
    await trouble.vote()
    seen = 0

    async def meanwhile(request: Any) -> dict[str, Any]:
        """After the first wave was proved, somebody stops a worker."""
        nonlocal seen
        if len(pool.restarted) == 1:
            seen += 1
            if seen == 3:  # two looks proved the first wave; this one is the second's pre-check
                pool.running -= set(workers(5))
        return await Pool.observe(pool, request)

    pool.observe = meanwhile  # type: ignore[method-assign]  # reason: a world that changes at one certain look
    assert await trouble.carry_out() == "refused"
    assert pool.restarted == workers(0)


async def test_T55_stop_between_waves(trouble: Scene, tmp_path: Path) -> None:
    pool = arrange(trouble, tmp_path)
    await planned(trouble)
    await trouble.vote()

    async def kill(_act: Any) -> None:
        await trouble.equipment.kill_switch.engage("all", "", "enough", "ana")

    pool.after = kill
    assert await trouble.carry_out() == "refused"
    assert pool.restarted == workers(0)


async def test_T09_in_the_middle_the_plan_is_the_same_and_other_members_are_another_plan(
    trouble: Scene, tmp_path: Path
) -> None:
    pool = arrange(trouble, tmp_path)
    plan = await planned(trouble)
    incident = await trouble.incident()
    assert unchanged(trouble.equipment, plan, incident, {"pool": await pool.observe(None)}) is None  # type: ignore[arg-type]  # reason: not looked at
    step = plan.steps[2]
    wider = step.act.model_copy(update={"members": (*step.act.members, *workers(4))})
    forged = plan.model_copy(
        update={"steps": (*plan.steps[:2], step.model_copy(update={"act": wider}), *plan.steps[3:])}
    )
    found = unchanged(trouble.equipment, forged, incident, SIX)
    assert isinstance(found, Deny)
    assert found.code == "plan_changed"


RADII: list[tuple[dict[str, Any], str, str]] = [
    ({"max_targets": 6}, "12", ""),
    ({"max_targets": 5}, "12", "blast_radius"),
    ({"max_targets": 12}, "5", "blast_radius"),
    ({"max_targets": 12}, "6", ""),
]


@pytest.mark.parametrize(("radius", "own", "code"), RADII)
async def test_T37_G5_all_waves_together_must_fit_policy_and_runbook(
    trouble: Scene, tmp_path: Path, radius: dict[str, Any], own: str, code: str
) -> None:
    text = ROLL.replace("max_targets: 12", f"max_targets: {own}")
    arrange(trouble, tmp_path, text, {**POLICY, "blast_radius": {"prod": radius}})
    reply = await trouble.ask("ana", "roll")
    assert (reply.data["code"] if not reply.ok else "") == code


@pytest.mark.parametrize(
    ("waves", "code"), [("[1, 25%]", ""), ("[1, 50%, rest]", "blast_radius"), ("[rest]", "blast_radius")]
)
async def test_T37_G5_and_each_wave_for_itself_must_leave_enough_of_the_group(
    trouble: Scene, tmp_path: Path, waves: str, code: str
) -> None:
    radius = {"max_targets": 12, "min_healthy": 5}
    policy = {**POLICY, "blast_radius": {"prod": radius}}
    pool = arrange(trouble, tmp_path, ROLL.replace("[1, 50%, rest]", waves), policy)
    services = trouble.equipment.catalogue.model_dump(mode="json")
    services["services"][0]["facts"]["inventory"] = services["services"][0]["facts"]["pool"]
    trouble.change(catalogue=type(trouble.equipment.catalogue).model_validate(services))
    reply = await trouble.ask("ana", "roll")
    assert (reply.data["code"] if not reply.ok else "") == code
    assert pool.acts == []


@pytest.mark.parametrize(
    ("running", "words"), [((), "nothing of payments-workers runs"), ((0, 1, 12), "not in this pool")]
)
async def test_T34_no_members_never_mean_all(
    trouble: Scene, tmp_path: Path, running: tuple[int, ...], words: str
) -> None:
    pool = arrange(trouble, tmp_path)
    pool.running = set(workers(*running))
    reply = await trouble.ask("ana", "roll")
    assert reply.data["code"] == "cannot_plan"
    assert words in str(reply.data["reason"])


def step(**changes: Any) -> Step:
    made = {"id": "roll", "action": "x", "verify": {"fact": "pool", "expect": "ok", "within": 5.0}, **changes}
    return Step.model_validate(made)


def test_one_wave_keeps_the_name_of_its_step() -> None:
    assert waves_of(ROLLING, ENTRY, step(waves=["rest"]), SIX) == (tuple(workers(*range(6))),)
    assert waves_of(ROLLING, ENTRY, step(waves=["9"]), SIX) == (tuple(workers(*range(6))),)


NO_WAVES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("supervisor.rolling_restart", {}, SIX, "in which waves"),
    ("supervisor.restart", {"waves": ["1"]}, SIX, "has no waves"),
    ("supervisor.tail_logs", {"waves": ["1"]}, SIX, "has no waves"),
    ("supervisor.rolling_restart", {"waves": ["1"]}, {}, "no fact pool"),
    ("supervisor.rolling_restart", {"waves": ["1"]}, {"pool": {"running": 0, "names": []}}, "nothing of"),
]


@pytest.mark.parametrize(("operation", "changes", "facts", "words"), NO_WAVES)
def test_no_plan_is_a_refusal_with_a_reason(
    operation: str, changes: dict[str, Any], facts: dict[str, Any], words: str
) -> None:
    found = waves_of(OPERATIONS[operation], ENTRY, step(**changes), facts)
    assert isinstance(found, Deny)
    assert found.code == "cannot_plan"
    assert words in found.reason
    assert found.remedy


def test_a_plan_that_nobody_could_read_is_not_made() -> None:
    entry = TargetEntry.model_validate({**TARGET, "settings": {**TARGET["settings"], "most": 30}})  # type: ignore[dict-item]  # reason: settings are a mapping
    many = {"pool": {"running": 30, "names": workers(*range(30))}}
    found = waves_of(ROLLING, entry, step(waves=["1"]), many)
    assert isinstance(found, Deny)
    assert str(MOST_WAVES) in found.reason
    fewer = waves_of(ROLLING, entry, step(waves=["2"]), many)
    assert not isinstance(fewer, Deny)
    assert len(fewer) == 15


async def test_a_card_shows_every_member_or_there_is_no_plan(trouble: Scene, tmp_path: Path) -> None:
    for pattern, code in (
        (GROUP + ":worker_{number:02d}", ""),
        (GROUP + ":" + "w" * 50 + "{number:02d}", "cannot_plan"),
    ):
        pool = arrange(trouble, tmp_path, ROLL.replace("[1, 50%, rest]", "[rest]"))
        services = trouble.equipment.catalogue.model_dump(mode="json")
        services["services"][0]["targets"][-1]["settings"]["pattern"] = pattern
        trouble.change(catalogue=type(trouble.equipment.catalogue).model_validate(services))
        pool.running = {pattern.replace("{number:02d}", f"{number:02d}") for number in range(12)}
        reply = await trouble.ask("ana", "roll")
        assert (reply.data["code"] if not reply.ok else "") == code, reply


def test_members_named_by_the_runbook_need_no_waves() -> None:
    assert waves_of(ROLLING, ENTRY, step(**{"with": {"members": workers(3)}}), SIX) == ()
    assert waves_of(OPERATIONS["supervisor.scale"], ENTRY, step(), SIX) == ()


def test_the_written_precheck_is_for_the_first_wave() -> None:
    one = step(precheck="facts.pool.total > 1")
    assert [first_only(one, number).precheck for number in (1, 2)] == ["facts.pool.total > 1", ""]


@pytest.mark.parametrize(("on_failure", "outcome"), [("continue", "succeeded"), ("escalate", "failed")])
async def test_E1_a_look_that_fails_is_noted_and_passed_over_only_when_the_runbook_says_so(
    trouble: Scene, tmp_path: Path, on_failure: str, outcome: str
) -> None:
    pool = arrange(trouble, tmp_path, ROLL.replace("on_failure: continue", f"on_failure: {on_failure}"))
    pool.quiet = True
    plan = await planned(trouble)
    assert (plan.steps[0].may_fail, plan.steps[1].may_fail) == (on_failure == "continue", False)
    await trouble.vote()
    assert await trouble.carry_out() == outcome
    card = await card_of(trouble)
    assert ("failed, and passed over: it was only a look" in card) == (on_failure == "continue")
    assert "logs of a pool, done" not in card, "a look that failed is not called done"
    noted = next(e.data for e in await trouble.entries() if e.kind.value == "executed")
    assert (noted["step"], noted["ok"], noted["goes_on"]) == ("logs", False, on_failure == "continue")
    assert bool(pool.restarted) == (on_failure == "continue")


async def test_E1_a_look_that_does_not_show_what_it_should_is_passed_over_as_well(
    trouble: Scene, tmp_path: Path
) -> None:
    text = ROLL.replace(
        "    on_failure: continue\n",
        "    on_failure: continue\n    verify: {fact: pool, expect: 'healthy > 99', within: 1s, samples: 1 of 1, every: 1s}\n",
    )
    pool = arrange(trouble, tmp_path, text)
    await planned(trouble)
    await trouble.vote()
    assert await trouble.carry_out() == "succeeded"
    assert pool.restarted == workers(*range(6))
    assert next(e.data for e in await trouble.entries() if e.kind.value == "verify_failed")["goes_on"] is True


async def test_a_change_is_never_passed_over(trouble: Scene, tmp_path: Path) -> None:
    text = ROLL.replace("    waves: [1, 50%, rest]\n", "    on_failure: continue\n").replace(
        "supervisor.rolling_restart\n    with: {target", "supervisor.scale\n    with: {wanted: 7, target"
    )
    arrange(trouble, tmp_path, text)
    reply = await trouble.ask("ana", "roll")
    assert reply.data["code"] == "cannot_plan"
    assert "cannot go on when it fails" in str(reply.data["reason"])


async def test_a_run_that_was_begun_before_goes_on_as_it_was_written_down(trouble: Scene, tmp_path: Path) -> None:
    """The journal of an older bot: its steps have the same names in the same order, and a proof without `goes_on`."""
    pool = arrange(trouble, tmp_path)
    await planned(trouble)
    await trouble.vote()
    journal = ListJournal()
    journal.done["execute 0.1"] = {"state": "failed", "reason": "no log", "at": "2026-11-21T03:00:00+00:00"}
    journal.done["read only 0"] = True
    journal.done["execute 1.1"] = {"state": "done", "reason": "", "at": "2026-11-21T03:00:00+00:00"}
    journal.done["verify 1"] = {"ok": False, "evidence": [], "took_seconds": 0.0}
    assert await trouble.carry_out(journal) == "failed"
    assert pool.restarted == []
    assert [name for name in journal.order if name.startswith(("execute", "verify", "read"))] == []
