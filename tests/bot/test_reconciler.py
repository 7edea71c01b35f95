"""Reconciler: every gap that a crash can leave between our tables and the engine is closed, and closed once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.errors import Transient
from bot.reconciler import Reconciler
from bot.store import approvals, leases, workers
from guards import Policy
from tests.fakes.equipment import POLICY, alert
from tests.fakes.scene import Scene, scene


@dataclass
class FakeEngine:
    """What the engine says, and what it was told."""

    known: dict[str, str] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    woken: list[tuple[str, str]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    async def start(self, run_id: str) -> None:
        self.started.append(run_id)
        self.known[run_id] = "PENDING"

    async def wake(self, run_id: str, topic: str) -> bool:
        self.woken.append((run_id, topic))
        return run_id in self.known

    async def status(self, run_id: str) -> str:
        return self.known.get(run_id, "")

    async def forget(self, run_ids: list[str]) -> None:
        self.forgotten += run_ids


@dataclass
class Post:
    scene: Scene
    engine: FakeEngine
    reconciler: Reconciler
    looked: list[str]
    left: list[int]


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with scene(tmp_path) as made:
        await made.fold(alert())
        engine, looked, left = FakeEngine(), list[str](), list[int]()

        async def look(incident_id: str) -> None:
            looked.append(incident_id)

        reconciler = Reconciler(made.equipment, engine, look, every=1.0, leave=left.append)  # type: ignore[arg-type]  # reason: a double
        yield Post(made, engine, reconciler, looked, left)


async def test_an_engine_in_trouble_keeps_the_other_parts_of_a_pass_from_nothing(post: Post) -> None:
    async def broken(_run_id: str) -> str:
        raise KeyError("of the engine's own")

    await post.scene.ask()
    post.engine.status = broken  # type: ignore[method-assign]  # reason: a double
    with capture_logs() as logs:
        await post.reconciler.once()
    assert [line["part"] for line in logs if line["event"] == "a part of a reconciler pass failed"] == ["runs"]
    assert "incidents_open 1.0" in post.scene.equipment.metrics.exposition().decode()


async def test_a_committed_run_that_was_never_started_is_started_once(post: Post) -> None:
    await post.scene.ask()
    for _ in range(3):
        await post.reconciler.once()
    assert post.engine.started == post.scene.started


async def test_pitfall_11_an_answer_that_was_not_delivered_wakes_the_run(post: Post) -> None:
    await post.scene.ask()
    await post.engine.start(post.scene.started[0])
    await post.scene.vote("ben")
    await post.reconciler.once()
    question = await post.scene.approval()
    assert post.engine.woken == [(post.scene.started[0], question.id)]
    await post.scene.carry_out()
    post.engine.woken.clear()
    await post.reconciler.once()
    assert post.engine.woken == []


async def test_pitfall_11_an_answer_taken_back_does_not_wake_for_ever(post: Post) -> None:
    await post.scene.ask()
    await post.engine.start(post.scene.started[0])
    await post.scene.vote("ben")
    await post.scene.vote("cora", approve=False)
    assert await post.scene.carry_out() == "refused"
    await post.reconciler.once()
    assert post.engine.woken == []


@pytest.mark.parametrize("word", ["ERROR", "CANCELLED", "SUCCESS", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"])
async def test_pitfall_8_a_run_the_engine_ended_without_us_is_escalated(post: Post, word: str) -> None:
    await post.scene.ask()
    run, now = post.scene.started[0], post.scene.clock()
    await post.scene.write(lambda s: leases.acquire(s, ["supervisor_program:prod/payments"], run, now))
    post.engine.known[run] = word
    await post.reconciler.once()
    found = await post.scene.run()
    assert (found.state, found.outcome) == ("closed", "unknown")
    assert word.lower() in found.note
    assert "escalated" in await post.scene.kinds()
    assert list((await post.scene.read(leases.holders)).values()) == [run]
    assert post.looked == [(await post.scene.incident()).id]
    entries = await post.scene.entries()
    await post.reconciler.once()
    assert await post.scene.entries() == entries


async def test_a_run_that_is_under_way_is_left_alone(post: Post) -> None:
    await post.scene.ask()
    post.engine.known[post.scene.started[0]] = "PENDING"
    await post.reconciler.once()
    assert (await post.scene.run()).state == "waiting"
    assert post.engine.started == []


async def test_pitfall_5_T53_a_worker_that_was_replaced_leaves_at_once(post: Post) -> None:
    later = post.scene.clock() + timedelta(hours=1)
    await post.reconciler.once()
    assert post.left == []
    await post.scene.write(lambda s: workers.claim(s, "w1", "boot2", later, 0.0))
    await post.reconciler.once()
    assert post.left == [75]


async def test_pitfall_15_old_runs_are_forgotten_by_the_engine_and_kept_by_us(post: Post) -> None:
    await post.scene.ask()
    await post.scene.vote("ben", approve=False)
    await post.scene.carry_out()
    await post.reconciler.once()
    assert post.engine.forgotten == []
    post.scene.clock.now += timedelta(days=8)
    await post.reconciler.once()
    assert post.engine.forgotten == post.scene.started
    assert (await post.scene.run()).outcome == "refused"


async def test_the_gauges_show_what_waits(post: Post) -> None:
    await post.scene.requests.kill("all", "", "storm", post.scene.person("ana"))
    await post.reconciler.once()
    text = post.scene.equipment.metrics.exposition().decode()
    assert "incidents_open 1.0" in text
    assert "kill_switch_engaged 1.0" in text
    assert 'outbox_waiting{destination="slack"}' in text


async def test_T62_a_pass_that_fails_is_made_again(post: Post) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise asyncio.CancelledError

    async def no_store(_work: object) -> None:
        raise Transient("the database is locked")

    post.scene.change(sleep=sleep)
    reconciler = Reconciler(post.scene.equipment, post.engine, _nobody, every=1.0, leave=post.left.append)  # type: ignore[arg-type]  # reason: a double
    write, post.scene.equipment.store.write = post.scene.equipment.store.write, no_store  # type: ignore[assignment,method-assign]  # reason: stands in for one that is locked
    with pytest.raises(asyncio.CancelledError), capture_logs() as logs:
        await reconciler.run()
    post.scene.equipment.store.write = write  # type: ignore[method-assign]  # reason: as it was
    assert slept == [1.0, 1.0, 1.0]
    assert [line["part"] for line in logs if line["event"] == "a part of a reconciler pass failed"] == ["beat"] * 3
    assert post.left == [], "a store that does not answer is no other process"


async def _nobody(_incident_id: str) -> None:
    return None


async def test_a_void_question_of_a_resolved_incident_wakes_its_run(post: Post) -> None:
    await post.scene.ask()
    await post.engine.start(post.scene.started[0])
    await post.scene.requests.resolve((await post.scene.incident()).id, post.scene.person("ana"))
    await post.reconciler.once()
    assert post.engine.woken == [(post.scene.started[0], (await post.scene.approval()).id)]
    assert await post.scene.read(approvals.pending) == []


async def test_P2_every_pass_tells_the_threads_that_are_due(tmp_path: Path) -> None:
    rule = {"count": 1, "any_of": ["payments-oncall"], "timeout": "15m", "remind_before": "5m"}
    policy = Policy.from_mapping({**POLICY, "approvals": {"staging": rule, "prod": rule}})
    async with scene(tmp_path, policy=policy) as made:
        await made.fold(alert())

        async def look(_incident_id: str) -> None:
            return None

        engine = FakeEngine()
        reconciler = Reconciler(made.equipment, engine, look)  # type: ignore[arg-type]  # reason: a double
        await made.ask()
        made.clock.now += timedelta(minutes=11)
        for _ in range(3):
            await reconciler.once()
        assert (await made.kinds()).count("reminded") == 1
