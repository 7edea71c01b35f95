"""Past alerts: from incidents, and from a file whose every mistake has its line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ConfigurationError
from bot.incident import Incident, IncidentStatus, Severity
from bot.past_alerts import of_incident, read_file

AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LINE: dict[str, Any] = {"title": "payments is down", "opened_at": "2026-11-21T03:00:00Z"}


def incident(status: IncidentStatus) -> Incident:
    return Incident(
        id="inc_1",
        source="pagerduty",
        external_id="P1",
        title="payments is down",
        status=status,
        severity=Severity.ERROR,
        service="payments",
        environment="prod",
        opened_at=AT,
        updated_at=AT + timedelta(minutes=5),
        alert_name="ServiceDown",
    )


def test_an_incident_took_until_it_was_resolved() -> None:
    over = of_incident(incident(IncidentStatus.RESOLVED))
    assert (over.about.alert, over.about.service, over.seconds) == ("ServiceDown", "payments", 300.0)
    assert of_incident(incident(IncidentStatus.TRIGGERED)).seconds is None


def write(folder: Path, *lines: str | bytes) -> Path:
    path = folder / "alerts.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def test_a_file_gives_one_alert_a_line(tmp_path: Path) -> None:
    whole = {**LINE, "alert_name": "ServiceDown", "labels": {"a": "b"}, "resolved_at": "2026-11-21T04:00:00+01:00"}
    path = write(
        tmp_path, json.dumps(LINE), "", json.dumps(whole), json.dumps({**whole, "resolved_at": LINE["opened_at"]})
    )
    first, second, third = read_file(path)
    assert (first.about.title, first.opened_at, first.seconds) == ("payments is down", AT, None)
    assert (second.about.alert, dict(second.about.labels), second.seconds) == ("ServiceDown", {"a": "b"}, 0.0)
    assert third.seconds == 0.0


WRONG = [
    ("{", "not JSON"),
    ("[1]", "not an object"),
    ("null", "not an object"),
    (b"\xff\xfe{}", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ('{"title": "' + "x" * 200_000 + '"}', "longer than 200 kB"),
    (json.dumps({"title": "x"}), "does not say opened_at"),
    (json.dumps({"opened_at": LINE["opened_at"]}), "neither title nor alert"),
    (json.dumps({**LINE, "opened_at": "yesterday"}), "opened_at"),
    (json.dumps({**LINE, "opened_at": "2026-11-21T03:00:00"}), "opened_at"),
    (json.dumps({**LINE, "opened_at": 5}), "opened_at"),
    (json.dumps({**LINE, "labels": {"a": 1}}), "labels.a"),
    (json.dumps({**LINE, "labels": ["a"]}), "labels"),
    (json.dumps({**LINE, "title": None}), "title"),
    (json.dumps({**LINE, "\x1b[31mred": 1}), "is not a known key"),
]


@pytest.mark.parametrize(("line", "words"), WRONG, ids=lambda value: str(value)[:30])
def test_every_mistake_has_its_line_and_a_fix(tmp_path: Path, line: str | bytes, words: str) -> None:
    path = write(tmp_path, json.dumps(LINE), line)
    with pytest.raises(ConfigurationError, match=words) as told:
        list(read_file(path))
    assert f"{path}:2" in str(told.value)
    assert "Fix: " in str(told.value)
    assert "\x1b" not in str(told.value)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(read_file(tmp_path / "none.jsonl"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(read_file(tmp_path))
