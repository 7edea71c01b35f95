"""`backtest`: exit 0 when nothing would change, 1 when something would, 2 for a policy that is not taken."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.store import decisions
from bot.store.decisions import RecordedDecision
from bot.store.session import Store
from guards.policy import Policy
from guards.recording import decision_data, to_data
from guards.testing import frozen
from tests.bot.cli.conftest import Command


def write(installation: Path, *rows: RecordedDecision) -> None:
    async def add() -> None:
        async with await Store.open(f"sqlite:///{installation / 'state' / 'countersign.db'}") as store:
            for row in rows:
                await store.write(lambda session, row=row: decisions.add(session, row))

    asyncio.run(add())


def configured(installation: Path) -> dict[str, Any]:
    """The policy of the installation without what depends on the hour of the day."""
    found: dict[str, Any] = yaml.safe_load((installation / "policy.yaml").read_text())
    found |= {"freezes": [], "maintenance": [], "change_windows": [], "calendars": []}
    (installation / "policy.yaml").write_text(json.dumps(found))
    return found


def decided(policy: dict[str, Any], days_ago: float = 1.0, **changes: Any) -> RecordedDecision:
    """Somebody asked for a restart of payments in prod."""
    by = Policy.from_mapping(policy)
    now = datetime.now(UTC) - timedelta(days=days_ago)
    usual: dict[str, Any] = {"environment": "prod", "service": "payments", "tier": 1, "action": "supervisor.restart"}
    context = frozen(now=now, runbook="restart-service", run="run_1", **(usual | changes))
    decision = by.decide(context)
    return RecordedDecision(
        at=now, incident_id="inc_1", run_id="run_1", step_id="restart", phase="act", runbook="restart-service",
        service="payments", environment="prod", action="supervisor.restart", actor="ana", outcome=decision.outcome,
        policy_digest=by.digest, looked_back=60.0, context=to_data(context), findings=decision_data(decision),
    )  # fmt: skip


def new_policy(installation: Path, policy: dict[str, Any], word: str) -> str:
    path = installation / "new.yaml"
    path.write_text(json.dumps(policy | {"matrix": policy["matrix"] | {"prod": {"read": "auto", "safe": word}}}))
    return str(path)


@pytest.fixture
def policy(installation: Path) -> dict[str, Any]:
    return configured(installation)


def test_the_configured_policy_changes_nothing(runbookctl: Command, installation: Path, policy: dict[str, Any]) -> None:
    write(installation, decided(policy), decided(policy, risk="read"))
    told = runbookctl("backtest", "--policy", str(installation / "policy.yaml"))
    assert (told.code, told.err) == (0, "")
    assert "2 decisions since" in told.out
    assert "2 the same, 0 changed" in told.out


def test_what_would_change_is_told_with_what_becomes_possible_first(
    runbookctl: Command, installation: Path, policy: dict[str, Any]
) -> None:
    refused = decided(policy, actor=None)
    write(installation, *[decided(policy)] * 3, refused)
    told = runbookctl("backtest", "--policy", new_policy(installation, policy, "auto"))
    assert told.code == 1
    assert "ASKED -> ALLOWED: 3" in told.out
    assert "    3 of restart-service, step restart, on payments in prod" in told.out
    assert "→  allowed" in told.out
    stricter = runbookctl("backtest", "--policy", new_policy(installation, policy, "forbid"))
    assert (stricter.code, "ASKED -> REFUSED: 3" in stricter.out) == (1, True)


def test_since_is_how_far_back(runbookctl: Command, installation: Path, policy: dict[str, Any]) -> None:
    write(installation, decided(policy, days_ago=9), decided(policy, days_ago=2))
    path = new_policy(installation, policy, "auto")
    counts = {
        since: runbookctl("backtest", "--policy", path, "--since", since, "--json").out for since in ("1d", "1w", "90d")
    }
    assert {since: json.loads(out)["changed"] for since, out in counts.items()} == {"1d": 0, "1w": 1, "90d": 2}
    nothing = runbookctl("backtest", "--policy", path, "--since", "1h")
    assert (nothing.code, "says nothing about the policy" in nothing.out) == (0, True)


def test_json_is_one_object(runbookctl: Command, installation: Path, policy: dict[str, Any]) -> None:
    write(installation, decided(policy))
    told = runbookctl("backtest", "--policy", new_policy(installation, policy, "auto"), "--json")
    found = json.loads(told.out)
    assert (told.code, found["decisions"], found["same"], found["laxer"]) == (1, 1, 0, 1)
    (changed,) = found["changes"]
    assert (changed["change"], changed["run"], changed["after"]["outcome"]) == ("asked -> allowed", "run_1", "allow")
    assert found["counts"] == {"asked -> allowed": 1}


def test_a_record_that_cannot_be_read_is_exit_1(
    runbookctl: Command, installation: Path, policy: dict[str, Any]
) -> None:
    write(installation, replace(decided(policy), context={"from_next_year": True}))
    told = runbookctl("backtest", "--policy", str(installation / "policy.yaml"))
    assert told.code == 1
    assert "decision 1 cannot be read" in told.out
    assert "from_next_year" in told.out


def test_a_policy_that_is_not_taken_is_exit_2_with_place_and_fix(
    runbookctl: Command, installation: Path, policy: dict[str, Any]
) -> None:
    told = runbookctl("backtest", "--policy", new_policy(installation, policy, "maybe"))
    assert (told.code, told.out) == (2, "")
    assert "new.yaml: matrix.prod.safe" in told.err
    assert "Fix: " in told.err
    assert runbookctl("backtest", "--policy", str(installation / "nothing.yaml")).code == 2


@pytest.mark.parametrize("since", ["", "90", "-1d", "0d", "1y", "1d\n", "99999d"])
def test_a_wrong_time_is_exit_2(runbookctl: Command, installation: Path, since: str) -> None:
    told = runbookctl("backtest", "--policy", "new.yaml", "--since", since)
    assert told.code == 2
    assert "--since" in told.err


def test_many_kinds_of_change_are_cut(runbookctl: Command, installation: Path, policy: dict[str, Any]) -> None:
    write(installation, *(replace(decided(policy), service=f"svc-{number}") for number in range(30)))
    told = runbookctl("backtest", "--policy", new_policy(installation, policy, "auto"))
    assert "and 10 more kinds of change" in told.out
