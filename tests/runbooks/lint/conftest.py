"""A small world for the linter: some operations, facts, a policy, a day, the look of a secret."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import pytest

from runbooks.lint import Known


@dataclass(frozen=True)
class Operation:
    target_kind: str
    read_only: bool
    members: object | None = None


OPERATIONS = {
    "supervisor.tail_log": Operation("supervisor_program", True),
    "supervisor.restart": Operation("supervisor_program", False),
    "supervisor.stop": Operation("supervisor_program", False),
    "supervisor.rolling_restart": Operation("supervisor_pool", False, members=tuple),
    "redis.flush_database": Operation("redis_database", False),
    "command.run": Operation("command_host", False),
}
FACTS = frozenset({"health", "state", "disk", "pool"})


@pytest.fixture
def known() -> Known:
    return Known(
        OPERATIONS,
        FACTS,
        adapters=("supervisor", "redis", "command"),
        promotions=(),
        today=date(2026, 11, 30),
        secret=lambda text: "hunter2" in text,
    )


@pytest.fixture
def reviewed_long_ago(known: Known) -> Known:
    """Every example was last changed 100 days ago."""
    return replace(known, reviewed={"0.yaml": date(2026, 8, 22), "1.yaml": date(2026, 8, 22)})
