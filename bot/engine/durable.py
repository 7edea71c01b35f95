"""Durable runs on DBOS Transact: launch, start, wake, stop. The measured pitfalls of reference/engine.md are numbered here.

Made by bot/app.py. Must not know what a run does: it is given a `Flow` and calls it. Our tables hold the truth; the
engine's own tables are never joined or shown and may be deleted once a run has ended.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from dbos import error as dbos_error

from bot.engine.base import Flow

APPLICATION_VERSION = "runflow-1"
FINISHED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class DurableJournal:
    """The Journal of a run inside a DBOS workflow."""

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """Checkpointed under `name`; never retried by the engine (an act must not be)."""

        async def once() -> Any:
            return await work()

        return await DBOS.run_step_async({"name": name, "retries_allowed": False}, once)

    async def wait(self, topic: str, seconds: float) -> None:
        """A durable receive: the deadline is checkpointed. A message only wakes; the row in our store is the truth."""
        await DBOS.recv_async(topic, timeout_seconds=max(seconds, 0.0))


class Engine:
    """One DBOS instance of this process.

    url: `sqlite:///file` or `postgresql://...`; worker: our worker id, unique per process (pitfall 1);
    poll: seconds between looks for wake-ups; threads: size of the engine's pool (pitfall 13).
    """

    def __init__(self, *, url: str, worker: str, flow: Flow, poll: float, threads: int) -> None:
        self._url = url
        self._worker = worker
        self._flow = flow
        self._poll = poll
        self._threads = threads
        self._workflow: Any = None

    def launch(self) -> None:
        """Start it inside the running loop (pitfall 14); the file lock and the worker row come before (1, 4)."""
        if self._url.startswith("sqlite:///"):
            path = Path(self._url.removeprefix("sqlite:///"))
            path.parent.mkdir(parents=True, exist_ok=True)
            with sqlite3.connect(path) as connection:  # pitfall 10: persists in the file, six times faster steps
                connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
        config = DBOSConfig(
            name="countersign",
            system_database_url=self._url,
            executor_id=self._worker,
            application_version=APPLICATION_VERSION,  # pitfall 7: plans are frozen, the interpreter is stable
            serializer=DBOSPortableJSONSerializer(),  # pitfall 12: never pickle
            max_executor_threads=self._threads,
            notification_listener_polling_interval_sec=self._poll,
            log_level="ERROR",
            enable_otlp=False,
        )
        DBOS(config=config)
        flow = self._flow

        @DBOS.workflow(name="carry_out", max_recovery_attempts=None)  # pitfall 9: approvals outlive many restarts
        async def carry_out(run_id: str) -> str:
            return await flow(run_id, DurableJournal())

        self._workflow = carry_out
        DBOS.launch()

    async def start(self, run_id: str) -> None:
        """Start the run, or join it: run id is workflow id, so a double start is one run."""
        with SetWorkflowID(run_id):
            await DBOS.start_workflow_async(self._workflow, run_id)

    async def wake(self, run_id: str, topic: str) -> bool:
        """Wake a parked run. False when the engine does not know it (pitfall 11). Repeats are one message."""
        try:
            await DBOS.send_async(run_id, "wake", topic, idempotency_key=f"{run_id}/{topic}")
        except dbos_error.DBOSNonExistentWorkflowError:
            return False
        return True

    async def status(self, run_id: str) -> str:
        """The engine's word for the run: PENDING, ENQUEUED, one of FINISHED, or '' when unknown."""
        found = await DBOS.get_workflow_status_async(run_id)
        return found.status if found else ""

    async def forget(self, run_ids: list[str]) -> None:
        """Delete the engine's rows of ended runs (pitfall 15: there is no retention of its own)."""
        if run_ids:
            await DBOS.delete_workflows_async(run_ids)

    async def stop(self, *, registry: bool = False) -> None:
        """Leave; parked runs stay pending under our worker id and go on at the next launch."""
        await asyncio.to_thread(DBOS.destroy, destroy_registry=registry, workflow_completion_timeout_sec=0)
        # Pitfall 13: it had put its own pool into the loop and has shut that down; whoever stops after us needs one.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(self._threads))
