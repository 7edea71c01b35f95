"""Durable runs on the real DBOS over a SQLite file: what we rely on, and every pitfall of the engine study by its number.

DBOS is one per process, so each test stops what it launched with its registry.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import error as dbos_error

from bot.engine.base import Journal
from bot.engine.durable import APPLICATION_VERSION, FINISHED, Engine

POLL = 0.02
PATIENCE = 20.0
GOING = ("PENDING", "ENQUEUED")  # a recovered run stands in the engine's own queue for a moment


@dataclass
class Log:
    """What the runs of a test did; outlives the engine."""

    said: list[str] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    loops: set[int] = field(default_factory=set)


Flow = Callable[[str, Journal], Awaitable[str]]


def flow_of(log: Log, wait: float = 60.0) -> Flow:
    """Look, wait for `go`, act."""

    async def flow(run_id: str, journal: Journal) -> str:
        async def say(word: str) -> str:
            log.said.append(f"{run_id} {word}")
            log.threads.add(threading.get_ident())
            log.loops.add(id(asyncio.get_running_loop()))
            return word

        await journal.step("look", lambda: say("look"))
        await journal.wait("go", wait)
        return str(await journal.step("act", lambda: say("act")))

    return flow


@asynccontextmanager
async def launched(folder: Path, flow: Flow, worker: str = "w1", threads: int = 4) -> AsyncIterator[Engine]:
    engine = Engine(url=f"sqlite:///{folder / 'engine.db'}", worker=worker, flow=flow, poll=POLL, threads=threads)
    engine.launch()
    try:
        yield engine
    finally:
        await engine.stop(registry=True)


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)


async def ended(engine: Engine, run_id: str) -> None:
    async def is_over() -> bool:
        return await engine.status(run_id) in FINISHED

    await until(is_over)


async def test_a_run_goes_to_its_end_and_is_known_afterwards(tmp_path: Path) -> None:
    log = Log()
    async with launched(tmp_path, flow_of(log)) as engine:
        assert await engine.status("run_1") == ""
        await engine.start("run_1")
        await until(lambda: log.said == ["run_1 look"])
        assert await engine.status("run_1") == "PENDING"
        assert await engine.wake("run_1", "go")
        await ended(engine, "run_1")
        assert await engine.status("run_1") == "SUCCESS"
    assert log.said == ["run_1 look", "run_1 act"]


async def test_a_double_start_is_one_run(tmp_path: Path) -> None:
    log = Log()
    async with launched(tmp_path, flow_of(log, 0.2)) as engine:
        await asyncio.gather(*(engine.start("run_1") for _ in range(5)))
        await engine.start("run_1")
        await ended(engine, "run_1")
        await engine.start("run_1")
        await asyncio.sleep(0.2)
    assert log.said == ["run_1 look", "run_1 act"]


async def test_a_wait_survives_stop_and_launch_and_the_finished_step_is_not_repeated(tmp_path: Path) -> None:
    log = Log()
    async with launched(tmp_path, flow_of(log)) as engine:
        await engine.start("run_1")
        await until(lambda: log.said == ["run_1 look"])
        await asyncio.sleep(0.1)
    async with launched(tmp_path, flow_of(log)) as engine:
        assert await engine.status("run_1") in GOING
        assert await engine.wake("run_1", "go")
        await ended(engine, "run_1")
    assert log.said == ["run_1 look", "run_1 act"]


async def test_a_wait_ends_by_itself_and_its_deadline_counts_across_a_restart(tmp_path: Path) -> None:
    log = Log()
    async with launched(tmp_path, flow_of(log, 1.0)) as engine:
        await engine.start("run_1")
        await until(lambda: log.said == ["run_1 look"])
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.0)
    async with launched(tmp_path, flow_of(log, 1.0)) as engine:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await ended(engine, "run_1")
        assert loop.time() - started < 5
    assert log.said == ["run_1 look", "run_1 act"]


async def test_pitfall_11_waking_an_unknown_run_is_told(tmp_path: Path) -> None:
    async with launched(tmp_path, flow_of(Log())) as engine:
        assert not await engine.wake("run_404", "go")


async def test_pitfall_11_many_wake_ups_are_one_message(tmp_path: Path) -> None:
    log = Log()

    async def twice(run_id: str, journal: Journal) -> str:
        await journal.wait("go", 60.0)
        log.said.append("first")
        await journal.wait("go", 0.3)
        log.said.append("second")
        return "done"

    async with launched(tmp_path, twice) as engine:
        await engine.start("run_1")
        for _ in range(4):
            assert await engine.wake("run_1", "go")
        await until(lambda: "first" in log.said)
        await asyncio.sleep(0.1)
        assert log.said == ["first"]
        await ended(engine, "run_1")
    assert log.said == ["first", "second"]


async def test_pitfall_11_a_wake_up_before_the_wait_is_not_lost(tmp_path: Path) -> None:
    log, gate = Log(), asyncio.Event()

    async def late(run_id: str, journal: Journal) -> str:
        await gate.wait()
        await journal.wait("go", 60.0)
        return "done"

    async with launched(tmp_path, late) as engine:
        await engine.start("run_1")
        assert await engine.wake("run_1", "go")
        gate.set()
        await ended(engine, "run_1")
        assert await engine.status("run_1") == "SUCCESS"
    assert log.said == []


async def test_pitfall_8_an_exception_that_escapes_ends_the_run_for_ever(tmp_path: Path) -> None:
    """Why bot/flow.py lets none out and the reconciler looks for ended runs."""

    async def broken(run_id: str, journal: Journal) -> str:
        raise ValueError("a mistake")

    async with launched(tmp_path, broken) as engine:
        await engine.start("run_1")
        await ended(engine, "run_1")
        assert await engine.status("run_1") == "ERROR"


async def test_a_step_that_fails_is_not_repeated_by_the_engine(tmp_path: Path) -> None:
    tries: list[int] = []

    async def flow(run_id: str, journal: Journal) -> str:
        async def act() -> None:
            tries.append(1)
            raise RuntimeError("half way")

        try:
            await journal.step("act", act)
        except RuntimeError:
            return "caught"
        return "not caught"

    async with launched(tmp_path, flow) as engine:
        await engine.start("run_1")
        await ended(engine, "run_1")
    assert tries == [1]


async def test_pitfall_7_the_version_is_ours_and_does_not_change_with_the_source(tmp_path: Path) -> None:
    log = Log()
    async with launched(tmp_path, flow_of(log)) as engine:
        await engine.start("run_1")
        await until(lambda: log.said == ["run_1 look"])
    stored = rows(tmp_path, "select application_version from workflow_status")
    assert stored == [(APPLICATION_VERSION,)] == [("runflow-1",)]

    async def edited(run_id: str, journal: Journal) -> str:
        """Another source with the same steps, as after an upgrade of the program."""

        async def again(word: str) -> str:
            log.said.append(f"{run_id} {word} by the new program")
            return word

        await journal.step("look", lambda: again("look"))
        await journal.wait("go", 60.0)
        return str(await journal.step("act", lambda: again("act")))

    async with launched(tmp_path, edited) as engine:
        await engine.wake("run_1", "go")
        await ended(engine, "run_1")
        assert await engine.status("run_1") == "SUCCESS"
    assert log.said == ["run_1 look", "run_1 act by the new program"]


def rows(folder: Path, question: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "engine.db")
    try:
        return list(connection.execute(question))
    finally:
        connection.close()


async def test_pitfall_10_the_engine_file_is_in_wal_mode(tmp_path: Path) -> None:
    async with launched(tmp_path, flow_of(Log())):
        assert rows(tmp_path, "pragma journal_mode") == [("wal",)]
    assert rows(tmp_path, "pragma journal_mode") == [("wal",)]


async def test_pitfall_12_nothing_is_pickled(tmp_path: Path) -> None:
    log = Log()
    async with launched(tmp_path, flow_of(log, 0.05)) as engine:
        await engine.start("run_1")
        await ended(engine, "run_1")
    forms = rows(
        tmp_path, "select serialization from workflow_status union select serialization from operation_outputs"
    )
    assert forms == [("portable_json",)]
    stored = [
        str(row[0])
        for name, column in (
            ("workflow_input", "inputs"),
            ("workflow_output", "output"),
            ("operation_outputs", "output"),
        )
        for row in rows(tmp_path, f"select {column} from {name}")
    ]
    assert '"act"' in stored
    assert {"namedArgs": {}, "positionalArgs": ["run_1"]} in [json.loads(value) for value in stored]


async def test_pitfall_9_a_run_that_waited_through_150_restarts_still_goes_on(tmp_path: Path) -> None:
    """The default is 100 recoveries, then the dead-letter state; approvals outlive many restarts."""
    log = Log()
    async with launched(tmp_path, flow_of(log)) as engine:
        await engine.start("run_1")
        await until(lambda: log.said == ["run_1 look"])
        await asyncio.sleep(0.1)
    connection = sqlite3.connect(tmp_path / "engine.db")
    connection.execute("update workflow_status set recovery_attempts = 150")
    connection.commit()
    connection.close()
    async with launched(tmp_path, flow_of(log)) as engine:
        await engine.wake("run_1", "go")
        await ended(engine, "run_1")
        assert await engine.status("run_1") == "SUCCESS"
    assert log.said == ["run_1 look", "run_1 act"]


async def test_pitfall_1_another_worker_does_not_touch_our_runs(tmp_path: Path) -> None:
    """Distinct ids: no duplicate. The same id twice is kept out by bot/engine/lock.py and the worker row."""
    log = Log()
    async with launched(tmp_path, flow_of(log), worker="w1") as engine:
        await engine.start("run_1")
        await until(lambda: log.said == ["run_1 look"])
        await asyncio.sleep(0.1)
    async with launched(tmp_path, flow_of(log), worker="w2") as engine:
        await asyncio.sleep(1.5)
        assert await engine.status("run_1") in GOING
        assert await engine.wake("run_1", "go")
        await asyncio.sleep(0.3)
    assert log.said == ["run_1 look"]
    async with launched(tmp_path, flow_of(log), worker="w1") as engine:
        await ended(engine, "run_1")
    assert log.said == ["run_1 look", "run_1 act"]


async def test_pitfall_4_launch_goes_on_with_our_runs_at_once(tmp_path: Path) -> None:
    """So whatever must be true of this worker (lock, worker row) has to be true before."""
    log = Log()
    async with launched(tmp_path, flow_of(log)) as engine:
        await engine.start("run_1")
        await until(lambda: log.said == ["run_1 look"])
        await engine.wake("run_1", "go")
        await ended(engine, "run_1")
        await engine.start("run_2")
        await until(lambda: "run_2 look" in log.said)
        await asyncio.sleep(0.1)
    log.said.clear()
    async with launched(tmp_path, flow_of(log)) as engine:
        await engine.wake("run_2", "go")
        await until(lambda: log.said == ["run_2 act"])


async def test_pitfall_14_runs_share_the_loop_that_launched_them(tmp_path: Path) -> None:
    log = Log()
    async with launched(tmp_path, flow_of(log, 0.05)) as engine:
        await engine.start("run_1")
        await ended(engine, "run_1")
        assert log.loops == {id(asyncio.get_running_loop())}
    assert log.threads == {threading.get_ident()}


async def test_pitfall_13_parked_runs_hold_no_threads(tmp_path: Path) -> None:
    log = Log()
    async with launched(tmp_path, flow_of(log), threads=2) as engine:
        await engine.start("run_0")
        await until(lambda: len(log.said) == 1)
        before = threading.active_count()
        for number in range(1, 30):
            await engine.start(f"run_{number}")
        await until(lambda: len(log.said) == 30)
        assert threading.active_count() <= before + 2
        for number in range(30):
            assert await engine.wake(f"run_{number}", "go")
        await until(lambda: len(log.said) == 60)


async def test_pitfall_13_after_the_engine_has_stopped_the_loop_has_threads_again(tmp_path: Path) -> None:
    log = Log()
    async with launched(tmp_path, flow_of(log, 0.05)) as engine:
        await engine.start("run_1")
        await ended(engine, "run_1")
    assert await asyncio.to_thread(lambda: "done") == "done"


async def test_pitfall_15_forgotten_runs_are_unknown_and_forgetting_twice_is_harmless(tmp_path: Path) -> None:
    log = Log()
    async with launched(tmp_path, flow_of(log, 0.05)) as engine:
        await engine.start("run_1")
        await ended(engine, "run_1")
        await engine.forget([])
        for _ in range(2):
            await engine.forget(["run_1", "run_404"])
            assert await engine.status("run_1") == ""


# The contract of every DBOS call that bot/engine/durable.py makes. When an upgrade breaks one of these, it broke us.
CALLS: dict[str, tuple[set[str], bool]] = {
    "run_step_async": ({"dbos_step_options", "func"}, True),
    "recv_async": ({"topic", "timeout_seconds"}, True),
    "send_async": ({"destination_id", "message", "topic", "idempotency_key"}, True),
    "start_workflow_async": ({"func"}, True),
    "get_workflow_status_async": ({"workflow_id"}, True),
    "delete_workflows_async": ({"workflow_ids"}, True),
    "destroy": ({"destroy_registry", "workflow_completion_timeout_sec"}, False),
    "launch": (set(), False),
    "workflow": ({"name", "max_recovery_attempts"}, False),
}
SETTINGS = {
    "name",
    "system_database_url",
    "executor_id",
    "application_version",
    "serializer",
    "max_executor_threads",
    "notification_listener_polling_interval_sec",
    "log_level",
    "enable_otlp",
}


@pytest.mark.parametrize("name", CALLS)
def test_contract_of_the_calls(name: str) -> None:
    parameters, awaited = CALLS[name]
    call = getattr(DBOS, name)
    assert parameters <= set(inspect.signature(call).parameters)
    assert inspect.iscoroutinefunction(call) is awaited


def test_contract_covers_every_call_that_is_made() -> None:
    source = (Path(__file__).resolve().parents[3] / "bot" / "engine" / "durable.py").read_text()
    used = {part.split("(")[0].split(",")[0].strip() for part in source.split("DBOS.")[1:]}
    assert {word.rstrip(")") for word in used if word.isidentifier() or word.rstrip(")").isidentifier()} <= set(CALLS)


def test_contract_of_the_settings_and_names() -> None:
    assert set(DBOSConfig.__annotations__) >= SETTINGS
    assert issubclass(dbos_error.DBOSNonExistentWorkflowError, Exception)
    assert SetWorkflowID("x") is not None


async def test_contract_of_the_status_words(tmp_path: Path) -> None:
    """The reconciler acts on these words."""
    log = Log()
    async with launched(tmp_path, flow_of(log)) as engine:
        await engine.start("run_1")
        await until(lambda: log.said == ["run_1 look"])
        found = await DBOS.get_workflow_status_async("run_1")
        assert found is not None
        assert (found.workflow_id, found.status, found.name) == ("run_1", "PENDING", "carry_out")
        await DBOS.cancel_workflow_async("run_1")
        await ended(engine, "run_1")
        assert await engine.status("run_1") == "CANCELLED"
    words = rows(tmp_path, "select status from workflow_status")
    assert words == [("CANCELLED",)]
