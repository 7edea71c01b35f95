"""`runbookctl coverage`: from a file without any installation, and from the bot's own incidents."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.incident import Incident, IncidentStatus, Severity
from bot.store import incidents
from bot.store.session import Store
from tests.bot.cli.conftest import Command

NOW = datetime.now(UTC)


def line(alert: str, hours_ago: float, minutes: float, **more: str) -> str:
    opened = NOW - timedelta(hours=hours_ago)
    ended = opened + timedelta(minutes=minutes)
    return json.dumps({"alert": alert, "opened_at": opened.isoformat(), "resolved_at": ended.isoformat(), **more})


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("COUNTERSIGN_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "alerts.jsonl"
    lines = [
        line("ServiceDown", 5, 10, severity="critical"),
        line("QueueStuck", 4, 70, service="orders"),
        line("QueueStuck", 3, 50, service="orders"),
        line("Rare", 2, 5),
        line("Ancient", 24 * 400, 5),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_R8_a_clean_clone_reports_on_a_file(history: Path, runbookctl: Command) -> None:
    told = runbookctl("coverage", "--alerts", str(history))
    assert (told.code, told.err) == (0, "")
    assert "1 of 4 alerts of the last 90d have a runbook (25%)." in told.out
    rows = [row for row in told.out.splitlines() if "QueueStuck" in row or "Rare" in row]
    assert "2 h" in rows[0]
    assert "QueueStuck" in rows[0]
    assert "runbookctl new --alert QueueStuck" in told.out
    assert "new --alert Rare" not in told.out, "once is not often"
    assert "Never matched: " in told.out


def test_as_json_with_everything(history: Path, runbookctl: Command) -> None:
    data = json.loads(runbookctl("coverage", "--alerts", str(history), "--since", "2w", "--json").out)
    assert (data["alerts"], data["covered"], data["review"]) == (4, 1, {})
    assert [(gap["name"], gap["times"], gap["toil_seconds"]) for gap in data["gaps"]] == [
        ("QueueStuck", 2, 7200.0),
        ("Rare", 1, 300.0),
    ]


def test_a_wrong_line_is_told_with_its_place(history: Path, runbookctl: Command) -> None:
    history.write_text("{", encoding="utf-8")
    told = runbookctl("coverage", "--alerts", str(history))
    assert told.code == 2
    assert f"{history}:1: this is not JSON" in told.err


@pytest.mark.parametrize("since", ["", "soon", "0d", "-3d", "99999d", "d", "3"])
def test_a_time_that_is_none_is_a_usage_error(history: Path, runbookctl: Command, since: str) -> None:
    assert runbookctl("coverage", "--alerts", str(history), "--since", since).code == 2


def test_an_empty_history_says_so(history: Path, runbookctl: Command) -> None:
    history.write_text("\n", encoding="utf-8")
    told = runbookctl("coverage", "--alerts", str(history))
    assert (told.code, told.out) == (0, "There are no alerts of the last 90d to look at.\n")


def test_from_the_bots_own_incidents(installation: Path, runbookctl: Command) -> None:
    def made(number: int, source: str, title: str) -> Incident:
        at = NOW - timedelta(hours=number)
        return Incident(
            id=f"inc_{number}",
            source=source,
            external_id=f"P{number}",
            title=title,
            status=IncidentStatus.RESOLVED,
            severity=Severity.CRITICAL,
            service="payments",
            environment="prod",
            opened_at=at,
            updated_at=at + timedelta(minutes=30),
        )

    async def fill() -> None:
        (installation / "state").mkdir()
        async with await Store.open(f"sqlite:///{installation / 'state' / 'countersign.db'}") as store:
            some = [made(n, "pagerduty", f"Queue {n} is stuck") for n in range(1, 4)]
            some.append(made(9, "slack", "Ana asked for restart-service"))
            await store.write(lambda s: incidents.save_all(s, some))

    asyncio.run(fill())
    told = runbookctl("coverage")
    assert (told.code, told.err) == (0, "")
    assert "0 of 3 alerts" in told.out
    assert "Queue # is stuck" in told.out
