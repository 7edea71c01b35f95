"""Execute: everything that can say no before the act, one act per intent, and every way an act can end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot.adapters.base import ActResult, Progress
from bot.errors import Ambiguous, Permanent, Transient
from bot.membership import Groups
from bot.plan import Act, OutputPattern, PlanStep
from bot.services import Catalogue, People
from bot.stages.execute import Attempt, execute
from bot.stages.precheck import precheck, unchanged
from bot.store import attempts, leases, runs, workers
from bot.store.runs import RUN
from guards import Calendar, Deny, Period, Policy
from runbooks.load import BUILTIN, Library
from tests.fakes.equipment import PEOPLE, POLICY, SERVICES, START
from tests.fakes.scene import Scene

TARGET = "supervisor_program:prod/payments"


@pytest.fixture
async def ready(trouble: Scene) -> Scene:
    """Approved, and the run holds its target."""
    assert (await trouble.ask()).ok
    assert (await trouble.vote("ben")).ok
    run, now = trouble.started[0], trouble.clock()
    await trouble.write(lambda s: leases.acquire(s, [TARGET], run, now))
    return trouble


async def restart(scene: Scene, number: int = 1) -> dict[str, Any]:
    return await execute(scene.equipment, Attempt(scene.started[0], 1, number))


class Adapter:
    name = "supervisor"

    def __init__(self, outcome: ActResult | Exception) -> None:
        self.outcome = outcome
        self.keys: list[str] = []

    def forbidden(self, act: Act) -> Deny | None:
        return None

    async def identify(self, act: Act) -> Deny | None:
        return None

    async def act(self, act: Act, key: str, progress: Progress) -> ActResult:
        self.keys.append(key)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def result(ok: bool = True, output: str = "") -> ActResult:
    return ActResult(ok=ok, summary="did it", output=output, took_seconds=0.5, exit_code=0)


OUTCOMES: list[tuple[ActResult | Exception, str]] = [
    (result(), "done"),
    (result(ok=False), "failed"),
    (Transient("not reached"), "failed"),
    (Permanent("no such program"), "failed"),
    (Ambiguous("cut off"), "unknown"),
]


@pytest.mark.parametrize(("outcome", "state"), OUTCOMES)
async def test_T51_every_end_of_an_act_has_a_name(ready: Scene, outcome: ActResult | Exception, state: str) -> None:
    adapter = Adapter(outcome)
    ready.change(adapters={"supervisor": adapter})
    assert (await restart(ready))["state"] == state
    kept = await ready.read(lambda s: attempts.get(s, ready.started[0], "restart", 1))
    assert kept is not None
    assert kept.state == state
    assert adapter.keys == [f"{ready.started[0]}/restart/1"]
    assert (await ready.entries())[-1].data["state"] == state


@pytest.mark.parametrize(("outcome", "state"), OUTCOMES)
async def test_T51_the_same_attempt_is_never_acted_twice(
    ready: Scene, outcome: ActResult | Exception, state: str
) -> None:
    adapter = Adapter(outcome)
    ready.change(adapters={"supervisor": adapter})
    first = await restart(ready)
    again = await restart(ready)
    assert (again["state"], again["at"]) == (state, first["at"])
    assert len(adapter.keys) == 1
    assert (await ready.kinds()).count("executed") == 1


async def test_T51_an_intent_without_a_result_is_unknown_and_not_acted_on(ready: Scene) -> None:
    run = await ready.run()
    act, now = run.plan.steps[1].act, ready.clock()
    await ready.write(lambda s: attempts.intend(s, run.id, "restart", 1, act, "w1", now))
    assert (await restart(ready))["state"] == "unknown"
    assert ready.world.acts == []


async def test_T51_an_idempotent_act_may_be_repeated_under_the_same_key(ready: Scene) -> None:
    run = await ready.run()
    act, now = run.plan.steps[0].act, ready.clock()
    assert act.idempotent
    await ready.write(lambda s: attempts.intend(s, run.id, "diagnose", 1, act, "w1", now))
    assert (await execute(ready.equipment, Attempt(run.id, 0, 1)))["state"] == "done"
    assert ready.world.acts == [("supervisor.tail_log", f"{run.id}/diagnose/1")]


@pytest.mark.parametrize(("days", "state", "acts"), [(-1, "done", 1), (1, "unknown", 0)])
async def test_T56_what_was_cut_off_is_not_repeated_in_a_freeze(
    trouble: Scene, days: int, state: str, acts: int
) -> None:
    """The intent was written before the freeze, then the bot was killed; it comes back while changes are frozen."""
    assert (await trouble.ask(runbook="start-service")).ok
    assert (await trouble.vote("ben")).ok
    run, now = await trouble.run(), trouble.clock()
    index = next(number for number, step in enumerate(run.plan.steps) if not step.read_only)
    step = run.plan.steps[index]
    assert step.act.idempotent
    await trouble.write(lambda s: leases.acquire(s, [TARGET], run.id, now))
    await trouble.write(lambda s: attempts.intend(s, run.id, step.id, 1, step.act, "w1", now))
    freeze = Period("freeze", "year-end", ("prod",), (), now - timedelta(days=2), now + timedelta(days=days))
    trouble.change(calendar=lambda _now: Calendar((freeze,)))
    found = await execute(trouble.equipment, Attempt(run.id, index, 1))
    assert (found["state"], len(trouble.world.acts)) == (state, acts)
    if not acts:
        assert "may not be repeated: Changes are frozen in prod" in found["reason"]


def own_library(scene: Scene, folder: Path, name: str) -> Path:
    """A catalogue of one runbook that can be edited; its file."""
    file = folder / f"{name}.yaml"
    file.write_text(next(BUILTIN.rglob(f"{name}.yaml")).read_text(encoding="utf-8"), encoding="utf-8")
    scene.change(library=Library([folder]))
    return file


EDITS = [("owner: sre", "owner: somebody-else"), ("max: 1", "max: 99"), ("", "")]


@pytest.mark.parametrize(("old", "new"), EDITS)
async def test_T09_a_runbook_replaced_after_the_last_look_at_the_plan_starts_nothing(
    trouble: Scene, tmp_path: Path, old: str, new: str
) -> None:
    """The catalogue is reloaded between the comparison of plans and the intent; the last edit removes the runbook."""
    file = own_library(trouble, tmp_path, "restart-service")
    assert (await trouble.ask()).ok
    assert (await trouble.vote("ben")).ok
    run, now = await trouble.run(), trouble.clock()
    await trouble.write(lambda s: leases.acquire(s, [TARGET], run.id, now))
    library = trouble.equipment.library

    class Reloaded(Adapter):
        async def identify(self, act: Act) -> Deny | None:
            text = file.read_text(encoding="utf-8")
            assert old in text
            file.write_text(text.replace(old, new), encoding="utf-8") if old else file.unlink()
            assert library.reload()
            return None

    adapter = Reloaded(result())
    trouble.change(adapters={"supervisor": adapter})
    found = await restart(trouble)
    assert (found["state"], found["code"], adapter.keys) == ("refused", "plan_changed", [])
    assert await trouble.read(lambda s: attempts.for_run(s, run.id)) == []


async def test_T09_what_was_cut_off_is_not_repeated_for_a_runbook_that_was_replaced_meanwhile(
    trouble: Scene, tmp_path: Path
) -> None:
    file = own_library(trouble, tmp_path, "start-service")
    assert (await trouble.ask(runbook="start-service")).ok
    assert (await trouble.vote("ben")).ok
    run, now = await trouble.run(), trouble.clock()
    index = next(number for number, step in enumerate(run.plan.steps) if not step.read_only)
    step = run.plan.steps[index]
    assert step.act.idempotent
    await trouble.write(lambda s: leases.acquire(s, [TARGET], run.id, now))
    await trouble.write(lambda s: attempts.intend(s, run.id, step.id, 1, step.act, "w1", now))
    file.write_text(file.read_text(encoding="utf-8").replace("owner: sre", "owner: somebody-else"), encoding="utf-8")
    assert trouble.equipment.library.reload()
    found = await execute(trouble.equipment, Attempt(run.id, index, 1))
    assert (found["state"], trouble.world.acts) == ("unknown", [])
    assert "the runbook's text is another one now" in found["reason"]


async def test_T51_a_second_attempt_has_a_key_of_its_own(ready: Scene) -> None:
    adapter = Adapter(Ambiguous("cut off"))
    ready.change(adapters={"supervisor": adapter})
    await restart(ready, 1)
    adapter.outcome = result()
    assert (await restart(ready, 2))["state"] == "done"
    assert adapter.keys == [f"{ready.started[0]}/restart/{number}" for number in (1, 2)]


async def test_the_intent_is_stored_before_the_act_and_the_result_after(ready: Scene) -> None:
    seen: list[str] = []

    async def look(_act: object) -> None:
        kept = await ready.read(lambda s: attempts.get(s, ready.started[0], "restart", 1))
        assert kept is not None
        seen.append(kept.state)
        seen.append((await ready.kinds())[-1])

    await execute(ready.equipment, Attempt(ready.started[0], 0, 1))
    assert (await ready.approval()).state == "consumed"
    ready.world.during = look
    await restart(ready)
    assert seen == ["intended", "started"]


PATTERNS = [
    ((OutputPattern(pattern="OK"),), "all OK", "done"),
    ((OutputPattern(pattern="OK"),), "nothing", "failed"),
    ((OutputPattern(pattern="OK", allow_failure=True),), "nothing", "done"),
    ((OutputPattern(pattern="OK"), OutputPattern(pattern="sure")), "OK", "failed"),
    ((OutputPattern(pattern="(a+)+$"),), "a" * 100_000, "done"),
]


@pytest.mark.parametrize(("expect", "output", "state"), PATTERNS)
async def test_T40_output_must_hold_what_the_runbook_expects(
    ready: Scene, expect: tuple[OutputPattern, ...], output: str, state: str
) -> None:
    from bot.stages.execute import _act

    ready.change(adapters={"supervisor": Adapter(result(output=output))})
    run, incident = await ready.run(), await ready.incident()
    step = run.plan.steps[1].model_copy(update={"expect": expect})
    now = ready.clock()
    await ready.write(lambda s: attempts.intend(s, run.id, "restart", 1, step.act, "w1", now))
    done = await _act(
        ready.equipment, run, incident, step, "restart", Attempt(run.id, 1, 1), step.act, f"{run.id}/restart/1"
    )
    assert done["state"] == state


async def refusing(scene: Scene, what: str) -> None:
    run, now = scene.started[0], scene.clock()
    if what == "kill_switch":
        await scene.equipment.kill_switch.engage("action", "supervisor.restart", "storm", "ana")
    elif what == "stale_worker":
        await scene.write(lambda s: workers.claim(s, "w1", "boot2", now + timedelta(hours=1), 0.0))
    elif what == "lease":
        await scene.write(lambda s: leases.release(s, run))


@pytest.mark.parametrize(
    ("what", "code"), [("kill_switch", "kill_switch"), ("stale_worker", "stale_worker"), ("lease", "stale_worker")]
)
async def test_T53_T55_the_last_look_before_the_act(ready: Scene, what: str, code: str) -> None:
    await refusing(ready, what)
    first = await restart(ready)
    assert (first["state"], first["code"]) == ("refused", code)
    assert ready.world.acts == []


async def test_T53_what_was_refused_at_the_fence_is_still_refused_after_a_crash(ready: Scene) -> None:
    """Not `failed`: nothing was done, so there is nothing to roll back."""
    await refusing(ready, "lease")
    first, again = await restart(ready), await restart(ready)
    assert (first["state"], again["state"], again["code"]) == ("refused", "refused", first["code"])


@pytest.mark.parametrize("what", ["program", "tier", "gone", "two targets", "runbook"])
async def test_T09_T10_what_changed_since_the_approval_is_not_done(ready: Scene, what: str) -> None:
    entry = SERVICES["services"][0]
    program = entry["targets"][0]
    services = {
        "program": {**entry, "targets": [{**program, "settings": {**program["settings"], "program": "other"}}]},
        "tier": {**entry, "tier": 2},
        "two targets": {**entry, "targets": [program, {**program, "name": "payments-2"}]},
    }
    if what == "gone":
        ready.change(catalogue=Catalogue(services=()))
    elif what == "runbook":

        class Empty:
            runbooks: ClassVar[dict[str, Any]] = {}

            def get(self, _name: str) -> None:
                return None

        ready.change(library=Empty())
    else:
        ready.change(catalogue=Catalogue.model_validate({"services": [services[what]]}))
    done = await restart(ready)
    if what == "two targets":
        assert done["state"] == "done"  # the plan names its target, and that one is still there
        return
    assert (done["state"], done["code"]) == ("refused", "precheck_unproven" if what == "gone" else "plan_changed")
    said = {
        "program": "\n• step restart, the request (program): payments → other",
        "tier": "\n• the tier: 1 → 2",
        "runbook": "\n• the runbook is gone",
        "gone": "The pre-check",
    }
    assert said[what] in done["reason"], "what changed, in words (P3)"
    assert ready.world.acts == []


async def test_T10_the_named_target_is_gone(ready: Scene) -> None:
    entry = SERVICES["services"][0]
    gone = {"services": [{**entry, "targets": [{**entry["targets"][0], "name": "other"}]}]}
    ready.change(catalogue=Catalogue.model_validate(gone))
    assert (await restart(ready))["code"] == "plan_changed"


async def test_T23_resolved_here_refuses_even_when_the_monitor_cannot_be_asked(ready: Scene) -> None:
    await ready.requests.resolve((await ready.incident()).id, ready.person("ana"))
    ready.world.live = None
    done = await restart(ready)
    assert (done["state"], done["code"]) == ("refused", "incident_resolved")


async def test_T62_no_durable_intent_no_act(ready: Scene) -> None:
    full = "create trigger full before insert on attempt begin select raise(abort, 'no room'); end"
    await ready.write(lambda s: s.connection().exec_driver_sql(full))
    with pytest.raises(Permanent):
        await restart(ready)
    assert ready.world.acts == []


async def test_T62_a_result_that_cannot_be_stored_is_unknown_and_not_repeated(ready: Scene) -> None:
    full = "create trigger full before update on attempt begin select raise(abort, 'no room'); end"
    await ready.write(lambda s: s.connection().exec_driver_sql(full))
    with pytest.raises(Permanent):
        await restart(ready)
    await ready.write(lambda s: s.connection().exec_driver_sql("drop trigger full"))
    assert (await restart(ready))["state"] == "unknown"
    assert len(ready.world.acts) == 1


async def test_T63_no_audit_no_act(ready: Scene) -> None:
    full = "create trigger full before insert on audit begin select raise(abort, 'no room'); end"
    await ready.write(lambda s: s.connection().exec_driver_sql(full))
    with pytest.raises(Permanent):
        await restart(ready)
    assert ready.world.acts == []
    assert await ready.read(lambda s: attempts.for_run(s, ready.started[0])) == []


async def test_T55_the_kill_switch_file_stops_without_the_database(ready: Scene, tmp_path: Any) -> None:
    (tmp_path / "kill_switch").write_text("")
    done = await restart(ready)
    assert (done["state"], done["code"]) == ("refused", "kill_switch")


PRECHECKS: list[tuple[str, dict[str, dict[str, Any]], str | None]] = [
    ("", {}, None),
    ("facts.health.status != 200", {"health": {"status": 500}}, None),
    ("facts.health.status != 200", {"health": {"status": 200}}, "not_needed"),
    ("facts.health.status != 200", {}, "refused"),
    ("facts.health.status != 200", {"health": {}}, "refused"),
    ("facts.health.status != 200", {"health": {"status": None}}, "refused"),
    ("facts.health.status", {"health": {"status": 1}}, "refused"),
]


@pytest.mark.parametrize(("condition", "facts", "state"), PRECHECKS)
async def test_T58_no_data_is_no_permission(
    ready: Scene, condition: str, facts: dict[str, dict[str, Any]], state: str | None
) -> None:
    step: PlanStep = (await ready.run()).plan.steps[1].model_copy(update={"precheck": condition})
    found = precheck(step, await ready.incident(), facts)
    assert (found["state"] if found else None) == state


async def test_an_unchanged_world_gives_the_same_digest(ready: Scene) -> None:
    run = await ready.run()
    assert unchanged(ready.equipment, run.plan, await ready.incident(), {}) is None


async def test_attempts_name_their_step_and_their_undo(trouble: Scene) -> None:
    await trouble.ask(runbook="roll-back-setting")
    plan = (await trouble.run()).plan
    assert Attempt("r", 0, 1).step_id(plan) == "put-back"
    assert Attempt("r", 0, 1, 0).step_id(plan) == "put-back:undo-0"
    assert Attempt("r", 0, 1, 0).act(plan).operation == "settings.restore"


async def test_T15_a_policy_edited_to_allow_more_voids_what_was_approved_before(ready: Scene) -> None:
    matrix = {**POLICY["matrix"], "prod": {**POLICY["matrix"]["prod"], "safe": "auto"}}
    ready.change(policy=Policy.from_mapping({**POLICY, "matrix": matrix}))
    refused = await execute(ready.equipment, Attempt(ready.started[0], 0, 1))
    assert (refused["state"], refused["code"], ready.world.acts) == ("refused", "plan_changed", [])
    assert (await ready.approval()).state == "approved", "an approval of the former policy is used for nothing"


async def test_T65_no_approval_is_used_in_prod_after_the_clock_was_turned(ready: Scene) -> None:
    ready.change(clock_jumped=lambda: True)
    refused = await execute(ready.equipment, Attempt(ready.started[0], 0, 1))
    assert (refused["state"], refused["code"], ready.world.acts) == ("refused", "clock_jumped", [])
    assert (await ready.approval()).state == "approved"
    ready.change(clock_jumped=lambda: False)
    assert (await execute(ready.equipment, Attempt(ready.started[0], 0, 1)))["state"] == "done"


async def test_T65_what_was_begun_with_an_approval_goes_on(ready: Scene) -> None:
    assert (await execute(ready.equipment, Attempt(ready.started[0], 0, 1)))["state"] == "done"
    ready.change(clock_jumped=lambda: True)
    assert (await restart(ready))["state"] == "done"


async def test_T06_a_no_that_comes_while_groups_are_looked_up_stops_the_step(ready: Scene) -> None:
    """Between the first look at the run and the transaction that writes the intent."""
    run_id = ready.started[0]

    async def meanwhile(_group: str) -> list[str]:
        await ready.write(lambda s: runs.request_stop(s, run_id, "cora"))
        return ["U2", "U3"]

    people = People.model_validate({**PEOPLE, "groups": {"payments-oncall": {"slack_usergroup": "S0ONCALL"}}})
    ready.change(people=people, groups=Groups(people, "T1", ready.clock, usergroup=meanwhile))
    found = await execute(ready.equipment, Attempt(run_id, 0, 1))
    assert (found["state"], found["reason"], ready.world.acts) == ("stopped", "stopped by cora", [])
    assert (await ready.approval()).state == "approved", "nothing was used up"


async def test_T59_an_undo_keeps_to_a_freeze_that_began_after_the_change(trouble: Scene) -> None:
    """ADR 12: it is refused like any act; the target stays locked and people are paged with the reason."""
    begun: list[str] = []
    frozen = Period("freeze", "month-end", ("prod",), (), START - timedelta(hours=1), START + timedelta(days=1))

    async def freeze(act: Act) -> None:
        begun.append(act.operation)

    trouble.world.during = freeze
    trouble.change(calendar=lambda _now: Calendar((frozen,) if begun else ()))
    assert (await trouble.ask(runbook="roll-back-setting")).ok
    await trouble.vote("ben")
    assert await trouble.carry_out() == "failed"
    assert [operation for operation, _ in trouble.world.acts] == ["settings.set"]
    said = {entry.kind.value: entry.data for entry in await trouble.entries()}
    assert "month-end" in said["rollback_failed"]["reason"]
    assert "month-end" in said["escalated"]["reason"]
    assert await trouble.read(leases.holders), "nobody else touches it meanwhile"


async def test_T09_of_a_stored_plan_that_is_not_the_approved_one_not_even_a_look_is_carried_out(ready: Scene) -> None:
    run = await ready.run()
    turned = run.plan.model_copy(update={"steps": run.plan.steps[::-1]})
    wanted = RUN.update().where(RUN.c.id == run.id).values(plan=turned.model_dump_json())
    await ready.write(lambda s: s.connection().execute(wanted))
    for number in range(len(turned.steps)):
        done = await execute(ready.equipment, Attempt(run.id, number, 1))
        assert (done["state"], done["code"]) == ("refused", "plan_changed")
    assert ready.world.acts == []


@pytest.mark.parametrize("begun", [False, True])
async def test_T46_why_nothing_was_done_is_redacted_before_it_is_kept(ready: Scene, begun: bool) -> None:
    """A stop that was engaged at a terminal, where nothing redacts its reason; at the guards, or at the last look."""

    async def engage() -> None:
        await ready.equipment.kill_switch.engage("all", "", "the password=hunter2 is out", "cli:ana")

    if begun:
        run = await ready.run()
        step, now = run.plan.steps[0], ready.clock()
        await ready.write(lambda s: attempts.intend(s, run.id, step.id, 1, step.act, "w1", now, "look"))
    await engage()
    done = await execute(ready.equipment, Attempt(ready.started[0], 0 if begun else 1, 1))
    assert (done["state"], done["code"]) == ("refused", "kill_switch")
    assert "hunter2" not in str(done)
    assert "hunter2" not in str(await ready.read(lambda s: attempts.for_run(s, ready.started[0])))
