"""`report shadow`: the comparison as a table and as JSON, from the database that the configuration names."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from bot.incident import Incident, IncidentStatus, Severity
from bot.store import entries, incidents
from bot.store.session import Store
from bot.transcript import Entry, EntryKind
from tests.bot.cli.conftest import Command


def fill(installation: Path, ages: list[timedelta]) -> None:
    """One incident for each, so long ago, in which the bot would have restarted payments; the first is resolved."""
    now = datetime.now(UTC)

    def write(session: Session) -> None:
        for number, age in enumerate(ages):
            incidents.save(
                session,
                Incident(
                    id=f"inc_{number}",
                    source="pagerduty",
                    external_id=f"Q{number}",
                    title="down",
                    status=IncidentStatus.TRIGGERED if number else IncidentStatus.RESOLVED,
                    severity=Severity.ERROR,
                    service="payments",
                    environment="prod",
                    opened_at=now - age,
                    updated_at=now - age,
                ),
            )
            data = {"runbook": "restart-service", "step": "restart", "answer": "run it alone"}
            kind = EntryKind.WOULD_HAVE
            entries.append(session, Entry(incident_id=f"inc_{number}", kind=kind, at=now - age, actor="bot", data=data))

    async def make() -> None:
        folder = installation / "state"
        folder.mkdir(exist_ok=True)
        async with await Store.open(f"sqlite+aiosqlite:///{folder / 'countersign.db'}") as store:
            await store.write(write)

    asyncio.run(make())


def test_G11_a_line_for_each_runbook_and_environment(runbookctl: Command, installation: Path) -> None:
    fill(installation, [timedelta(hours=1), timedelta(days=3)])
    told = runbookctl("report", "shadow", "--since", "30d")
    assert (told.code, told.err) == (0, "")
    for word in ("restart-service", "prod", "Would have acted", "Agreement", "run it alone (2)"):
        assert word in told.out


def test_G11_json_for_machines(runbookctl: Command, installation: Path) -> None:
    fill(installation, [timedelta(hours=1), timedelta(days=3)])
    (line,) = json.loads(runbookctl("report", "shadow", "--json").out)["runbooks"]
    assert line == {
        "runbook": "restart-service",
        "environment": "prod",
        "times": 2,
        "agreed": 0,
        "differed": 0,
        "resolved": 1,
        "nothing": 1,
        "agreement": None,
        "answers": {"run it alone": 2},
    }
    (line,) = json.loads(runbookctl("report", "shadow", "--since", "2d", "--json").out)["runbooks"]
    assert line["times"] == 1


def test_nothing_to_report_is_said(runbookctl: Command, installation: Path) -> None:
    fill(installation, [])
    told = runbookctl("report", "shadow")
    assert told.code == 0
    assert "nothing that the bot would have done" in told.out


@pytest.mark.parametrize("since", ["soon", "90d", "0h"])
def test_a_time_that_is_none_is_a_mistake_of_use(runbookctl: Command, installation: Path, since: str) -> None:
    fill(installation, [])
    told = runbookctl("report", "shadow", "--since", since)
    assert told.code == 2
    assert "--since" in told.err
