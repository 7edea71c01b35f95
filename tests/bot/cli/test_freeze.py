"""`freeze`: what holds now, what comes, and exit 1 with the reason when a calendar cannot be read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bot.cli.conftest import Command

DAY = timedelta(days=1)


def local(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def declare(installation: Path, **keys: Any) -> None:
    """Put keys into policy.yaml."""
    path = installation / "policy.yaml"
    path.write_text(json.dumps(yaml.safe_load(path.read_text()) | keys))  # JSON is YAML, and has no anchors


def period(name: str, start: datetime, end: datetime, **more: Any) -> dict[str, Any]:
    return {"name": name, "environments": ["prod"], "start": local(start), "end": local(end), "timezone": "UTC"} | more


def write_calendar(installation: Path, now: datetime) -> None:
    day = (now + 2 * DAY).strftime("%Y%m%d")
    event = f"BEGIN:VEVENT\nUID:1\nSUMMARY:Audit\nDTSTART;VALUE=DATE:{day}\nEND:VEVENT\n"
    (installation / "freezes.ics").write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:t\n{event}END:VCALENDAR\n")


COMPANY = {"name": "company", "file": "freezes.ics", "environments": ["prod"], "kind": "freeze", "max_age": "2d"}


def test_nothing_declared_is_nothing_to_say(runbookctl: Command, installation: Path) -> None:
    declare(installation, freezes=[], maintenance=[], change_windows=[], calendars=[])
    told = runbookctl("freeze")
    assert (told.code, told.err) == (0, "")
    assert "Nothing holds now" in told.out


def test_what_holds_now_and_what_comes(runbookctl: Command, installation: Path, now: datetime) -> None:
    write_calendar(installation, now)
    declare(
        installation,
        freezes=[period("year-end", now - DAY, now + DAY)],
        maintenance=[period("database", now + 3 * DAY, now + 4 * DAY, services=["payments"])],
        change_windows=[],
        calendars=[COMPANY],
    )
    told = runbookctl("freeze")
    assert told.code == 0, told.out
    lines = told.out.splitlines()
    assert [line.split()[0] for line in lines] == ["NOW", "comes", "comes", "read"]
    assert "year-end: prod, every service" in lines[0]
    assert "company: Audit: prod" in lines[1]
    assert "database: prod, payments" in lines[2]
    assert "read   calendar company" in lines[3]
    assert "Nothing holds" in runbookctl("freeze", "--environment", "dev").out
    assert "database" not in runbookctl("freeze", "--service", "checkout").out


def test_T56_a_calendar_that_cannot_be_read_is_exit_1_and_says_why(
    runbookctl: Command, installation: Path, now: datetime
) -> None:
    declare(installation, freezes=[], maintenance=[], change_windows=[], calendars=[COMPANY])
    told = runbookctl("freeze")
    assert told.code == 1
    assert "ERROR  prod counts as frozen: calendar company: the file freezes.ics cannot be read" in told.out
    write_calendar(installation, now)
    assert runbookctl("freeze").code == 0


def test_T28_a_calendar_at_an_address_is_asked_for_there_only(runbookctl: Command, installation: Path) -> None:
    there = {k: v for k, v in COMPANY.items() if k != "file"} | {"url": "http://127.0.0.1:1/x.ics?token=s3cret"}
    changes = {k: v for k, v in COMPANY.items() if k != "file"} | {"name": "changes", "servicenow": True}
    declare(installation, freezes=[], maintenance=[], change_windows=[], calendars=[there, changes])
    told = runbookctl("freeze", "--json")
    assert told.code == 1
    report = json.loads(told.out)
    assert [(state["name"], state["read_at"]) for state in report["calendars"]] == [
        ("changes", None),
        ("company", None),
    ]
    assert all("cannot connect" in state["problem"] for state in report["calendars"])
    assert [problem["environment"] for problem in report["problems"]] == ["prod", "prod"]
    assert "s3cret" not in told.out


def test_json_is_one_object(runbookctl: Command, installation: Path, now: datetime) -> None:
    declare(installation, freezes=[period("f", now - DAY, now + DAY)], maintenance=[], change_windows=[], calendars=[])
    told = runbookctl("freeze", "--json")
    (found,) = json.loads(told.out)["periods"]
    assert (found["kind"], found["name"], found["now"], found["services"]) == ("freeze", "f", True, [])
    assert datetime.fromisoformat(found["start"]) < now < datetime.fromisoformat(found["end"])


def test_a_policy_that_is_not_taken_is_exit_2(runbookctl: Command, installation: Path) -> None:
    declare(installation, freezes=[{"name": "x"}])
    told = runbookctl("freeze")
    assert told.code == 2
    assert "policy.yaml: freezes[0]" in told.err
