"""Closing: proofs, undos, doubts and ends, each told once however often it is entered."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from bot.errors import Permanent
from bot.incident import IncidentStatus
from bot.stages.closing import ask_unknown, end, load, rollback_failed, rolled_back, verified
from bot.stages.execute import Attempt
from bot.store import approvals, attempts, leases
from bot.store.automation_events import AutomationEventRow
from bot.transcript import Outcome
from tests.fakes.scene import Scene

PROOF = {"ok": True, "evidence": [{"at": "t", "value": "status=200", "ok": True}], "took_seconds": 1.0}
TARGET = "supervisor_program:prod/payments"


@pytest.fixture
async def waiting(trouble: Scene) -> Scene:
    """A run that was asked for and approved and holds its target."""
    assert (await trouble.ask()).ok
    assert (await trouble.vote("ben")).ok
    run, now = trouble.started[0], trouble.clock()
    await trouble.write(lambda s: leases.acquire(s, [TARGET], run, now))
    return trouble


async def events(scene: Scene) -> list[dict[str, Any]]:
    return await scene.read(lambda s: [row.model_dump() for row in s.exec(select(AutomationEventRow))])


ENDS = [
    (Outcome.SUCCEEDED, "", ["finished", "resolved"], "succeeded"),
    (Outcome.FAILED, "", ["finished"], "requires_manual"),
    (Outcome.ROLLED_BACK, "", ["finished"], "requires_manual"),
    (Outcome.UNKNOWN, "", ["finished"], "requires_manual"),
    (Outcome.EXPIRED, "expired", ["expired", "finished"], "expired"),
    (Outcome.STOPPED, "stopped", ["stopped", "finished"], "stopped"),
    (Outcome.REFUSED, "target_busy", ["refused", "finished"], "refused"),
    (Outcome.REFUSED, "rejected", ["finished"], "refused"),
    (Outcome.REFUSED, "void", ["finished"], "refused"),
]


@pytest.mark.parametrize(("outcome", "code", "told", "status"), ENDS)
async def test_an_end_is_told_counted_and_releases_the_target(
    waiting: Scene, outcome: Outcome, code: str, told: list[str], status: str
) -> None:
    before = len(await waiting.kinds())
    assert await end(waiting.equipment, waiting.started[0], outcome, "because", code=code) == outcome.value
    assert (await waiting.kinds())[before:] == told
    run = await waiting.run()
    assert (run.state, run.outcome, run.note) == ("closed", outcome.value, "because")
    assert await waiting.read(leases.holders) == {}
    (event,) = await events(waiting)
    assert (event["status"], event["run_id"], event["approvers"]) == (status, run.id, ["ben"])


async def test_a_second_end_changes_nothing(waiting: Scene) -> None:
    await end(waiting.equipment, waiting.started[0], Outcome.FAILED, "first", page=True)
    kinds, rows = await waiting.kinds(), await waiting.outbox()
    assert await end(waiting.equipment, waiting.started[0], Outcome.SUCCEEDED, "second", page=True) == "failed"
    assert (await waiting.kinds(), await waiting.outbox()) == (kinds, rows)
    assert len(await events(waiting)) == 1


async def test_T60_the_target_can_stay_locked(waiting: Scene) -> None:
    await end(waiting.equipment, waiting.started[0], Outcome.FAILED, "the undo failed", page=True, keep_lease=True)
    assert await waiting.read(leases.holders) == {TARGET: waiting.started[0]}
    assert "escalated" in await waiting.kinds()


async def test_success_resolves_and_tells_the_monitor_after_the_notes(waiting: Scene) -> None:
    await end(waiting.equipment, waiting.started[0], Outcome.SUCCEEDED, "")
    assert (await waiting.incident()).status is IncidentStatus.RESOLVED
    sent = await waiting.outbox("pagerduty")
    assert (sent[-1]["kind"], sent[-1]["payload"]) == ("status", {"status": "resolved"})
    assert {row["lane"] for row in sent} == {(await waiting.incident()).id}


async def test_T58_success_without_any_proof_does_not_resolve(waiting: Scene) -> None:
    run = await waiting.run()
    bare = run.plan.model_copy(update={"steps": (run.plan.steps[0],)})
    await waiting.write(lambda s: s.connection().exec_driver_sql("update run set plan = ?", (bare.model_dump_json(),)))
    await end(waiting.equipment, run.id, Outcome.SUCCEEDED, "")
    assert (await waiting.incident()).status is not IncidentStatus.RESOLVED


async def test_T46_the_reason_is_redacted(waiting: Scene) -> None:
    await end(waiting.equipment, waiting.started[0], Outcome.FAILED, "password=hunter2", page=True)
    texts = str([entry.data for entry in await waiting.entries()]) + str(await waiting.outbox())
    assert "hunter2" not in texts + (await waiting.run()).note


async def test_pitfall_11_an_ended_run_has_no_answer_left_to_deliver(waiting: Scene) -> None:
    assert len(await waiting.read(approvals.undelivered)) == 1
    await end(waiting.equipment, waiting.started[0], Outcome.STOPPED, "over")
    assert await waiting.read(approvals.undelivered) == []
    assert await waiting.read(approvals.pending) == []


@pytest.mark.parametrize(("ok", "kind"), [(True, "verified"), (False, "verify_failed")])
async def test_T51_a_proof_is_told_once_even_when_entered_again(waiting: Scene, ok: bool, kind: str) -> None:
    for _ in range(2):
        await verified(waiting.equipment, waiting.started[0], 1, {**PROOF, "ok": ok})
    assert (await waiting.kinds()).count(kind) == 1
    told = (await waiting.entries())[-1].data
    assert (told["step"], told["fact"], told["expect"]) == ("restart", "health", "status == 200")


async def test_T51_another_step_has_a_proof_of_its_own(waiting: Scene) -> None:
    await verified(waiting.equipment, waiting.started[0], 0, PROOF)
    await verified(waiting.equipment, waiting.started[0], 1, PROOF)
    assert (await waiting.kinds()).count("verified") == 2


async def test_T59_T60_undos_are_told_once(waiting: Scene) -> None:
    for _ in range(2):
        await rolled_back(waiting.equipment, waiting.started[0], 1)
        await rollback_failed(waiting.equipment, waiting.started[0], 1, "no such file")
    kinds = await waiting.kinds()
    assert (kinds.count("rolled_back"), kinds.count("rollback_failed")) == (1, 1)


async def test_T51_a_doubt_is_one_question_even_when_entered_again(waiting: Scene) -> None:
    attempt = Attempt(waiting.started[0], 1, 1)
    first, again = [await ask_unknown(waiting.equipment, attempt, "cut off") for _ in range(2)]
    other = await ask_unknown(waiting.equipment, Attempt(waiting.started[0], 1, 2), "cut off again")
    assert (first == again, first == other) == (True, False)
    assert (await waiting.kinds()).count("unknown") == 2
    question = await waiting.read(lambda s: approvals.get(s, first))
    assert question is not None
    assert (question.kind, question.step_id, question.state) == ("unknown", "restart/1", "pending")


async def test_a_run_that_is_not_there_is_a_failure(empty: Scene) -> None:
    with pytest.raises(Permanent, match="run_404"):
        await empty.read(lambda s: load(s, "run_404"))


@pytest.mark.parametrize(("step", "purpose", "pages"), [(0, "look", False), (1, "change", True)])
async def test_T51_a_run_that_may_have_changed_something_pages_when_it_stops(
    waiting: Scene, step: int, purpose: str, pages: bool
) -> None:
    """Killed in the act, and then the operator's retry was refused: nobody knows what was done."""
    run, now = await waiting.run(), waiting.clock()
    one = run.plan.steps[step]
    await waiting.write(lambda s: attempts.intend(s, run.id, one.id, 1, one.act, "w1", now, purpose))
    await end(waiting.equipment, run.id, Outcome.REFUSED, "changes are frozen", code="frozen")
    assert ("escalated" in await waiting.kinds()) == pages
