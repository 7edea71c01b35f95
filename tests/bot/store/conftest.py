"""A real store in a file, and makers of the values that are stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.incident import Incident
from bot.plan import Act, Check, Plan, PlanStep, Target
from bot.store.approvals import Approval
from bot.store.runs import Run
from bot.store.session import Store

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """The instant at which every test begins."""
    return NOW


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Address of a database that is not there yet."""
    return f"sqlite+aiosqlite:///{tmp_path}/countersign.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An empty store."""
    async with await Store.open(url) as opened:
        yield opened


@pytest.fixture
def incident() -> Callable[..., Incident]:
    """Makes an incident; every field can be given."""

    def make(number: int = 1, **changes: Any) -> Incident:
        values: dict[str, Any] = {
            "id": f"inc_{number}",
            "source": "pagerduty",
            "external_id": f"Q{number}",
            "title": "payments answers 503",
            "status": "triggered",
            "severity": "error",
            "service": "payments",
            "environment": "prod",
            "opened_at": NOW,
            "updated_at": NOW,
            "alert_name": "ServiceDown",
        }
        return Incident(**{**values, **changes})

    return make


def act(operation: str = "supervisor.restart", name: str = "payments") -> Act:
    """One act on one target."""
    target = Target(kind="supervisor_program", environment="prod", name=name)
    return Act(
        adapter="supervisor",
        operation=operation,
        target=target,
        request={"program": name},
        shown=f"{operation} {name}",
        deadline_seconds=30,
    )


@pytest.fixture
def plan() -> Callable[..., Plan]:
    """Makes a plan: a look first, then a restart with proof."""

    def make(**changes: Any) -> Plan:
        check = Check(fact="health", expect="status == 200", within_seconds=60, every_seconds=2, required=3, of=4)
        steps = (
            PlanStep(id="look", title="Look", act=act("supervisor.tail_log"), read_only=True, risk="read"),
            PlanStep(id="restart", title="Restart", act=act(), read_only=False, risk="safe", check=check),
        )
        values: dict[str, Any] = {
            "incident_id": "inc_1",
            "runbook": "restart-service",
            "runbook_title": "Restart",
            "runbook_digest": "0" * 64,
            "policy_digest": "1" * 64,
            "service": "payments",
            "environment": "prod",
            "tier": 1,
            "requester": "ada",
            "steps": steps,
            "created_at": NOW,
            "expires_at": NOW + timedelta(minutes=15),
        }
        return Plan(**{**values, **changes})

    return make


@pytest.fixture
def new_run(plan: Callable[..., Plan]) -> Callable[..., Run]:
    """Makes a waiting run."""

    def make(number: int = 1, **changes: Any) -> Run:
        made = changes.pop("plan", None) or plan()
        values: dict[str, Any] = {
            "id": f"run_{number}",
            "incident_id": made.incident_id,
            "proposal_id": "prop_1",
            "plan": made,
            "digest": made.digest,
            "state": "waiting",
            "outcome": "",
            "requester": made.requester,
            "created_at": NOW + timedelta(seconds=number),
        }
        return Run(**{**values, **changes})

    return make


@pytest.fixture
def approval() -> Callable[..., Approval]:
    """Makes a pending question that expires in 15 minutes."""

    def make(number: int = 1, **changes: Any) -> Approval:
        values: dict[str, Any] = {
            "id": f"apr_{number}",
            "run_id": "run_1",
            "step_id": "restart",
            "kind": "approval",
            "digest": "d" * 64,
            "approvers": {"count": 1, "any_of": ["oncall"], "all_of": []},
            "requester": "ada",
            "message": "Restart payments?",
            "state": "pending",
            "created_at": NOW,
            "expires_at": NOW + timedelta(minutes=15),
        }
        return Approval(**{**values, **changes})

    return make
