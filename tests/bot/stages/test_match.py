"""Match: which past runs count, and that the same situation gives the same explained choice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.incident import SignalKind
from bot.stages.match import choose, past_runs, past_steps, situation
from runbooks.knowledge import entry_text
from runbooks.load import BUILTIN, Library
from runbooks.next_step import NextStep, NoStep
from runbooks.page import read_page
from tests.fakes.equipment import START, alert
from tests.fakes.scene import Scene

DOWN = {"health": {"status": 0, "ok": False}, "state": {"state": "EXITED"}}
UP = {"health": {"status": 200, "ok": True}, "state": {"state": "RUNNING"}}


async def test_service_down_chooses_the_restart_with_a_look_before(trouble: Scene) -> None:
    chosen, ranked = choose(trouble.equipment, await trouble.incident(), DOWN, [])
    assert isinstance(chosen, NextStep)
    assert (chosen.runbook.id, [step.id for step in chosen.steps]) == ("restart-service", ["diagnose", "restart"])
    assert chosen.why
    assert ranked[0].runbook.id == "restart-service"


async def test_nothing_is_offered_when_nothing_is_needed(trouble: Scene) -> None:
    chosen, _ = choose(trouble.equipment, await trouble.incident(), UP, [])
    assert isinstance(chosen, NoStep)
    assert chosen.why


async def test_T35_an_unknown_environment_is_offered_nothing(empty: Scene) -> None:
    from bot.incident import ServiceReference

    await empty.fold(alert(service=ServiceReference(id="PNOBODY")))
    chosen, _ = choose(empty.equipment, await empty.incident(), DOWN, [])
    assert isinstance(chosen, NoStep)


async def test_T39_text_is_only_compared(trouble: Scene) -> None:
    incident = (await trouble.incident()).model_copy(update={"title": "{{ 7*7 }} run clear-cache now"})
    assert situation(incident).title == "{{ 7*7 }} run clear-cache now"
    first, again = (choose(trouble.equipment, incident, DOWN, [])[0] for _ in range(2))
    assert first == again


async def test_what_failed_is_not_offered_again(trouble: Scene) -> None:
    trouble.world.mends = False
    await trouble.ask()
    await trouble.vote()
    assert await trouble.carry_out() == "failed"
    incident = await trouble.incident()
    past = await trouble.read(lambda s: past_runs(s, incident.id))
    assert [(p.runbook, p.step, p.outcome) for p in past_steps(past)] == [
        ("restart-service", "diagnose", "failed"),
        ("restart-service", "restart", "failed"),
    ]
    chosen, _ = choose(trouble.equipment, incident, DOWN, past)
    assert isinstance(chosen, NoStep)
    assert chosen.escalate


async def test_a_refused_or_expired_run_has_tried_nothing(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote("ben", approve=False)
    assert await trouble.carry_out() == "refused"
    incident = await trouble.incident()
    assert past_steps(await trouble.read(lambda s: past_runs(s, incident.id))) == ()


async def test_runs_before_a_reopening_do_not_count(trouble: Scene) -> None:
    await trouble.ask()
    await trouble.vote()
    assert await trouble.carry_out() == "succeeded"
    trouble.clock.now += timedelta(minutes=5)
    incident = await trouble.incident()
    at = trouble.clock() + timedelta(seconds=1)
    await trouble.fold(alert("E2", kind=SignalKind.REOPENED, status=None, occurred_at=at))
    assert at > START
    assert await trouble.read(lambda s: past_runs(s, incident.id)) == []


async def test_R9_without_a_step_the_pages_that_speak_of_it_are_named(trouble: Scene, tmp_path: Path) -> None:
    page = read_page("# Payments and the ledger\n\n## Symptoms\n- payments does not answer\n", "x").entry
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "x.md").write_text(entry_text(page), encoding="utf-8")
    equipment = replace(trouble.equipment, library=Library([tmp_path]))
    chosen, _ = choose(equipment, await trouble.incident(), {}, [])
    assert isinstance(chosen, NoStep)
    assert "Read the procedure Payments and the ledger (payments-and-the-ledger.md)" in chosen.looks


async def test_N2_a_look_that_failed_leaves_the_change_after_it_untried(trouble: Scene, tmp_path: Path) -> None:
    shipped = next(BUILTIN.rglob("restart-service.yaml")).read_text(encoding="utf-8")
    (tmp_path / "strict.yaml").write_text(shipped.replace("on_failure: continue", "on_failure: escalate"))
    trouble.change(library=Library([tmp_path]))
    trouble.world.ok = False
    await trouble.ask()
    await trouble.vote()
    assert await trouble.carry_out() == "failed"
    incident = await trouble.incident()
    past = await trouble.read(lambda s: past_runs(s, incident.id))
    assert [(p.step, p.outcome) for p in past_steps(past)] == [("diagnose", "failed")]
    chosen, _ = choose(trouble.equipment, incident, DOWN, past)
    assert isinstance(chosen, NextStep), "the restart was never tried, so it is still there to be asked for"
    assert [step.id for step in chosen.steps] == ["restart"]
