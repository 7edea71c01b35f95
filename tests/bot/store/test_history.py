"""The past that guards see: what counts, what became of it, and that what is remembered is never out of date."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

import guards
from bot.errors import Permanent
from bot.store import attempts, decisions, history, runs
from bot.store.runs import Run
from bot.store.session import Store

NewRun = Callable[..., Run]


@pytest.mark.parametrize(
    ("attempt", "outcome", "expected"),
    [
        ("intended", None, "running"),
        ("done", None, "running"),
        ("failed", None, "failed"),
        ("unknown", None, "unknown"),
        ("intended", "unknown", "unknown"),
        ("done", "succeeded", "succeeded"),
        ("done", "failed", "failed"),
        ("done", "rolled_back", "failed"),
        ("done", "unknown", "unknown"),
        ("done", "stopped", "succeeded"),
        ("failed", "failed", "failed"),
    ],
)
async def test_past_acts_tell_what_was_proved(
    store: Store, new_run: NewRun, now: datetime, attempt: str, outcome: str | None, expected: str
) -> None:
    made = new_run()
    look, restart = made.plan.steps
    await store.write(lambda s: runs.create(s, made))
    await store.write(lambda s: attempts.intend(s, "run_1", "look", 1, look.act, "w", now, purpose="look"))
    await store.write(lambda s: attempts.intend(s, "run_1", "restart", 1, restart.act, "w", now))
    if attempt != "intended":
        await store.write(lambda s: attempts.finish(s, "run_1", "restart", 1, attempt, {}, now))
    if outcome:
        await store.write(lambda s: runs.close(s, "run_1", outcome, "", now))
    acts = await store.read(lambda s: history.past_acts(s, now))
    assert [(a.action, a.service, a.environment, a.target, a.actor, a.at, a.result) for a in acts] == [
        ("supervisor.restart", "payments", "prod", "supervisor_program:prod/payments", "ada", now, expected)
    ]
    assert await store.read(lambda s: history.past_acts(s, now + timedelta(seconds=1))) == ()


async def test_a_failed_run_is_one_failure_not_one_per_step(store: Store, new_run: NewRun, now: datetime) -> None:
    made = new_run()
    second = made.plan.steps[1].model_copy(update={"id": "again"})
    made = new_run(plan=made.plan.model_copy(update={"steps": (*made.plan.steps, second)}))
    await store.write(lambda s: runs.create(s, made))
    for n, step in enumerate(("restart", "again", "again:undo-0")):
        at, purpose = now + timedelta(seconds=n), "undo" if "undo" in step else "change"
        await store.write(
            lambda s, x=step, at=at, p=purpose: attempts.intend(s, "run_1", x, 1, second.act, "w", at, purpose=p)
        )
        await store.write(lambda s, x=step, at=at: attempts.finish(s, "run_1", x, 1, "done", {}, at))
    await store.write(lambda s: runs.close(s, "run_1", "rolled_back", "", now))
    acts = await store.read(lambda s: history.past_acts(s, now))
    assert [a.result for a in acts] == ["succeeded", "failed", "succeeded"]


async def test_an_act_is_remembered_only_when_it_can_no_longer_change(
    store: Store, new_run: NewRun, now: datetime
) -> None:
    act = new_run().plan.steps[1].act

    def seen(session: Session) -> list[str]:
        return [a.result for a in history.past_acts(session, now)]

    async def look() -> list[str]:
        found = await store.read(seen), await store.write(seen)
        assert found[0] == found[1]
        return found[0]

    await store.write(lambda s: runs.create(s, new_run()))
    await store.write(lambda s: attempts.intend(s, "run_1", "restart", 1, act, "w", now))
    assert await look() == ["running"]
    await store.write(lambda s: attempts.finish(s, "run_1", "restart", 1, "unknown", {}, now))
    assert await look() == ["unknown"]
    await store.write(lambda s: runs.close(s, "run_1", "unknown", "", now))
    assert await look() == ["unknown"]
    await store.write(lambda s: attempts.finish(s, "run_1", "restart", 1, "failed", {}, now))
    assert await look() == ["failed"], "a person corrected it"
    assert await look() == ["failed"]
    later = now + timedelta(seconds=1)
    await store.write(lambda s: runs.create(s, new_run(2)))
    await store.write(lambda s: attempts.intend(s, "run_2", "restart", 1, act, "w", later))
    assert await look() == ["failed", "running"]
    assert [a.at for a in await store.read(lambda s: history.past_acts(s, later))] == [later]
    assert [a.result for a in await store.read(lambda s: history.past_acts(s, now, except_run="run_2"))] == ["failed"]


async def test_what_a_failed_transaction_saw_is_forgotten(store: Store, new_run: NewRun, now: datetime) -> None:
    act = new_run().plan.steps[1].act
    await store.write(lambda s: runs.create(s, new_run()))
    await store.write(lambda s: attempts.intend(s, "run_1", "restart", 1, act, "w", now))
    await store.write(lambda s: attempts.finish(s, "run_1", "restart", 1, "done", {}, now))

    def ahead(session: Session) -> None:
        runs.close(session, "run_1", "failed", "", now)
        assert [a.result for a in history.past_acts(session, now)] == ["failed"]
        raise Permanent("it must not be")

    with pytest.raises(Permanent):
        await store.write(ahead)
    assert [a.result for a in await store.write(lambda s: history.past_acts(s, now))] == ["running"]


async def test_an_attempt_without_its_run_counts(store: Store, new_run: NewRun, now: datetime) -> None:
    act = new_run().plan.steps[1].act
    await store.write(lambda s: attempts.intend(s, "run_gone", "restart", 1, act, "w", now))
    found = await store.read(lambda s: history.past_acts(s, now))
    assert [(a.action, a.target, a.result) for a in found] == [("supervisor.restart", act.target.key, "unknown")]


async def test_the_incident_of_an_act_is_told(store: Store, new_run: NewRun, now: datetime) -> None:
    made = new_run()
    await store.write(lambda s: runs.create(s, made))
    await store.write(lambda s: attempts.intend(s, "run_1", "restart", 1, made.plan.steps[1].act, "w", now))
    assert [a.incident for a in await store.read(lambda s: history.past_acts(s, now))] == ["inc_1"]


async def test_what_counts_however_old_it_is_comes_first_and_once(store: Store, new_run: NewRun, now: datetime) -> None:
    def add(session: Session, number: int, incident: str, minutes: int, standing: str) -> None:
        made = new_run(number, incident_id=incident)
        runs.create(session, made)
        at = now - timedelta(minutes=minutes)
        act = made.plan.steps[1].act
        attempts.intend(session, made.id, "restart", 1, act, "w", at, standing=standing)

    for row in ((1, "inc_a", 50, ""), (2, "inc_a", 40, "std"), (3, "inc_b", 60, "std"), (4, "inc_b", 5, "std"),
                (5, "inc_b", 45, "")):  # fmt: skip
        await store.write(lambda s, row=row: add(s, *row))
    since = now - timedelta(minutes=10)

    found = {
        incident: await store.read(lambda s, i=incident: history.past_acts(s, since, incident=i))
        for incident in ("", "inc_a", "inc_b")
    }
    told = {name: [(now - a.at).total_seconds() / 60 for a in acts] for name, acts in found.items()}
    assert told == {"": [60, 40, 5], "inc_a": [60, 50, 40, 5], "inc_b": [60, 45, 40, 5]}
    rest = await store.read(lambda s: history.past_acts(s, since, except_run="run_3", incident="inc_b"))
    assert [a.standing for a in rest] == ["", "std", "std"]


# -- the past as it was --------------------------------------------------------------------------------------------
ANCIENT = timedelta(days=40)


async def live_through(
    store: Store, new_run: NewRun, now: datetime
) -> list[tuple[datetime, tuple[guards.PastAct, ...]]]:
    """Runs begin, act, fail, are corrected; what `past_acts` said at each moment, as the guards saw it."""
    restart = new_run().plan.steps[1].act
    seen: list[tuple[datetime, tuple[guards.PastAct, ...]]] = []

    async def note(at: datetime) -> None:
        acts = await store.read(
            lambda s: history.past_acts(s, at - timedelta(hours=1), except_run="run_9", incident="inc_1")
        )
        seen.append((at, acts))

    def moment(minutes: float) -> datetime:
        return now + timedelta(minutes=minutes)

    await store.write(lambda s: runs.create(s, new_run(1)))
    await store.write(lambda s: attempts.intend(s, "run_1", "restart", 1, restart, "w", moment(-3000), standing="st"))
    await store.write(lambda s: attempts.finish(s, "run_1", "restart", 1, "done", {}, moment(-2999)))
    await store.write(lambda s: runs.close(s, "run_1", "succeeded", "", moment(-2998)))
    await note(moment(-2))
    await store.write(
        lambda s: runs.create(s, new_run(2, plan=new_run().plan.model_copy(update={"incident_id": "inc_2"})))
    )
    await store.write(lambda s: attempts.intend(s, "run_2", "look", 1, restart, "w", moment(-1), purpose="look"))
    await store.write(lambda s: attempts.intend(s, "run_2", "restart", 1, restart, "w", moment(0)))
    await note(moment(0.5))
    await store.write(lambda s: attempts.finish(s, "run_2", "restart", 1, "done", {}, moment(1)))
    await note(moment(1.5))
    await store.write(
        lambda s: attempts.intend(s, "run_2", "restart:undo-0", 1, restart, "w", moment(2), purpose="undo")
    )
    await store.write(lambda s: attempts.finish(s, "run_2", "restart:undo-0", 1, "done", {}, moment(3)))
    await note(moment(3))
    await store.write(lambda s: runs.close(s, "run_2", "rolled_back", "", moment(4)))
    await note(moment(4))
    await store.write(lambda s: runs.create(s, new_run(9)))
    await store.write(lambda s: attempts.intend(s, "run_9", "restart", 1, restart, "w", moment(5)))
    await store.write(lambda s: attempts.intend(s, "run_gone", "restart", 1, restart, "w", moment(6)))
    await note(moment(6))
    await note(moment(59))
    await note(moment(63))
    return seen


async def test_the_past_is_told_as_the_guards_saw_it(store: Store, new_run: NewRun, now: datetime) -> None:
    seen = await live_through(store, new_run, now)
    past = history.Past(await store.read(lambda s: history.lived(s, now - ANCIENT, now)))
    assert len(past) == 5
    for at, expected in seen:
        found = past.at(at, at - timedelta(hours=1), except_run="run_9", incident="inc_1")
        assert found == expected, at
    told = [[act.result for act in acts] for _, acts in seen]
    assert told == [
        ["succeeded"],
        ["succeeded", "running"],
        ["succeeded", "running"],
        ["succeeded", "running", "running"],
        ["succeeded", "failed", "succeeded"],
        ["succeeded", "failed", "succeeded", "unknown"],
        ["succeeded", "failed", "succeeded", "unknown"],
        ["succeeded", "unknown"],
    ]


async def test_what_began_later_is_not_in_the_past(store: Store, new_run: NewRun, now: datetime) -> None:
    await live_through(store, new_run, now)
    past = history.Past(await store.read(lambda s: history.lived(s, now - ANCIENT, now)))
    for minutes in range(-3001, 70, 7):
        at = now + timedelta(minutes=minutes)
        assert all(act.at <= at for act in past.at(at, at - ANCIENT, incident="inc_2"))
    assert past.at(now - timedelta(minutes=3001), now) == ()


async def test_old_acts_of_an_incident_that_was_decided_about_are_there(
    store: Store, new_run: NewRun, now: datetime
) -> None:
    act = new_run().plan.steps[1].act
    await store.write(lambda s: runs.create(s, new_run()))
    await store.write(lambda s: attempts.intend(s, "run_1", "restart", 1, act, "w", now - ANCIENT))
    assert await store.read(lambda s: history.lived(s, now, now)) == ()
    decision = decisions.RecordedDecision(
        at=now, incident_id="inc_1", run_id="", step_id="restart", phase="asked", runbook="r", service="payments",
        environment="prod", action="supervisor.restart", actor="ana", outcome="deny", policy_digest="d", looked_back=60.0,
    )  # fmt: skip
    await store.write(lambda s: decisions.add(s, decision))
    past = history.Past(await store.read(lambda s: history.lived(s, now, now)))
    assert [a.incident for a in past.at(now, now, incident="inc_1")] == ["inc_1"]
    assert past.at(now, now, incident="inc_2") == past.at(now, now) == ()


BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)


def minute(number: float | None) -> datetime | None:
    return None if number is None else BEGAN + timedelta(minutes=number)


@pytest.mark.parametrize(
    ("state", "finished", "ended", "outcome", "last", "told"),
    [
        # told: the result at minutes 0, 1, 2 and 3
        ("done", 1, 2, "succeeded", True, "running running succeeded succeeded"),
        ("done", 1, 2, "failed", True, "running running failed failed"),
        ("done", 1, 2, "failed", False, "running running succeeded succeeded"),
        ("failed", 1, 2, "failed", True, "running failed failed failed"),
        ("unknown", 1, 2, "unknown", True, "running unknown unknown unknown"),
        ("intended", None, 2, "unknown", True, "running running unknown unknown"),
        ("done", 3, 2, "unknown", False, "running running unknown succeeded"),
        ("done", 1, None, "", True, "running running running running"),
    ],
)
def test_one_act_as_it_looked_from_minute_to_minute(
    state: str, finished: float | None, ended: float | None, outcome: str, last: bool, told: str
) -> None:
    act = guards.PastAct("a", "s", "prod", "t", "ana", BEGAN, "nobody looks at this")
    one = history.Lived("run_1", act, state, minute(finished), minute(ended), outcome, last)
    assert [one.seen(BEGAN + timedelta(minutes=n)).result for n in range(4)] == told.split()
    assert one.settled == (None if ended is None else minute(max(finished or 0, ended)))


async def test_decisions_are_read_as_they_are_written(store: Store, now: datetime) -> None:
    made = decisions.RecordedDecision(
        at=now, incident_id="inc_1", run_id="run_1", step_id="restart", phase="act", runbook="r", service="payments",
        environment="prod", action="supervisor.restart", actor="ana", outcome="deny", policy_digest="d", looked_back=60.0,
        standing="st", context={"action": 'ä " {', "targets": ["x"]}, findings=[{"rule": "freeze", "inputs": {}}],
    )  # fmt: skip
    for _ in range(3):
        await store.write(lambda s: decisions.add(s, made))
    page = await store.read(lambda s: decisions.page(s, now, 1, 10))
    found = await store.read(lambda s: history.written(s, now, 1, 10))
    again = [
        replace(each.decision, context=json.loads(each.context), findings=json.loads(each.findings)) for each in found
    ]
    assert again == page
    assert [each.decision.id for each in found] == [2, 3]
    assert await store.read(lambda s: history.written(s, now + timedelta(seconds=1), 0, 10)) == []
    assert len(await store.read(lambda s: history.written(s, now, 0, 2))) == 2
