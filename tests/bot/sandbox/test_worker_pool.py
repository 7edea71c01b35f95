"""The demo's workers: named as services.yaml says, tiny, and weak only where a story wants it."""

from __future__ import annotations

import pytest

from bot.operations.scale import PoolSettings, process_names
from bot.sandbox.worker_pool import LONG, WorkerPool


def test_names_are_those_that_the_planner_makes_of_the_pattern() -> None:
    pool = WorkerPool()
    settings = PoolSettings(url="unix:///s", group=pool.group, pattern=pool.pattern, most=pool.total)
    assert list(process_names(settings)) == pool.names(pool.total)
    assert pool.names(2) == ["payments-workers:worker_00", "payments-workers:worker_01"]


def test_the_first_ones_start_by_themselves_and_all_are_in_the_group() -> None:
    sections = WorkerPool(group="w", total=3, running=2).sections()
    assert [sections[f"program:worker_0{n}"]["autostart"] for n in range(3)] == ["true", "true", "false"]
    assert sections["group:w"] == {"programs": "worker_00,worker_01,worker_02"}
    assert {section.get("autorestart", "false") for section in sections.values()} == {"false"}


@pytest.mark.parametrize("here", [True, False])
def test_a_worker_is_a_sleep_of_this_machine_or_of_this_interpreter(here: bool) -> None:
    def which(name: str) -> str | None:
        return f"/bin/{name}" if here else None

    pool = WorkerPool(weak=(1,), weak_seconds=2)
    assert pool.command(0, which)[-1] == str(LONG)
    assert pool.command(1, which)[-1] == "2"
    assert (pool.command(0, which)[0] == "/bin/sleep") is here
