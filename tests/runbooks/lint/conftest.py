"""A small world for the linter: some operations, facts, a policy, a day, the look of a secret."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import pytest
from pydantic import BaseModel, ConfigDict, Field

from runbooks.lint import Known


@dataclass(frozen=True)
class Operation:
    target_kind: str
    read_only: bool
    members: object | None = None
    parameters: type[BaseModel] | None = None


class Lines(BaseModel):
    """As strict as the operations of the bot."""

    model_config = ConfigDict(extra="forbid", strict=True)
    lines: int = Field(ge=1, le=200)


class Nothing(BaseModel):
    """No parameters beside the target."""

    model_config = ConfigDict(extra="forbid", strict=True)


OPERATIONS = {
    "supervisor.tail_log": Operation("supervisor_program", True, parameters=Lines),
    "supervisor.restart": Operation("supervisor_program", False, parameters=Nothing),
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
