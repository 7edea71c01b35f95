"""The calendar of a moment of the past: declared by the new policy, imported as it was recorded."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.calendars import declared_calendar
from bot.past_calendars import AHEAD, DAY, PastCalendars
from guards.context import Calendar, Period
from guards.policy import Policy
from guards.recording import to_data
from guards.testing import frozen
from tests.fakes.equipment import POLICY

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
COMPANY = {"name": "company", "file": "c.ics", "environments": ["prod"], "kind": "freeze", "max_age": "2d"}


def calendars(**changes: Any) -> PastCalendars:
    return PastCalendars(Policy.from_mapping(POLICY | changes))


def on(name: str) -> Period:
    return Period("freeze", name, ("prod",), ("payments",), NOON, NOON + DAY)


def text(calendar: Calendar | None, **changes: Any) -> str:
    return json.dumps(to_data(frozen(calendar=calendar, **changes)), separators=(",", ":"))


def test_the_rest_of_the_context_is_as_it_was_recorded() -> None:
    tricky = '"calendar":{"periods":[],"problems":[]},"x":"'
    for calendar in (None, Calendar(), Calendar((on("company: x"),))):
        for _ in range(2):
            data, _imported = calendars().parted(text(calendar, runbook=tricky, holders={"calendar": "run_1"}))
            assert data == to_data(frozen(runbook=tricky, holders={"calendar": "run_1"}))


def test_an_imported_calendar_is_read_again_when_it_changes_only() -> None:
    past = calendars(calendars=[COMPANY])
    first = past.parted(text(Calendar((on("company: 1"), on("other: 2"), on("declared")))))[1]
    assert [period.name for period in first.periods] == ["company: 1"]
    assert past.parted(text(Calendar((on("company: 1"), on("other: 2"), on("declared"))), service="x"))[1] is first
    longer = past.parted(
        text(Calendar((on("company: 1"), on("other: 2"), on("declared")), (("prod", "calendar company: ]}"),)))
    )[1]
    assert longer.problems == (("prod", "calendar company: ]}"),)
    assert past.parted(text(Calendar((on("company: 3"),))))[1].periods == (on("company: 3"),)
    assert past.parted(text(None))[1] == Calendar()
    assert past.at(NOON, longer).periods == longer.periods, "also one that is not the last"


def test_it_is_read_in_any_form_of_json() -> None:
    past = calendars(calendars=[COMPANY])
    data, imported = past.parted(json.dumps(to_data(frozen(calendar=Calendar((on("company: 1"),)))), indent=2))
    assert (imported.periods, "calendar" in data) == ((on("company: 1"),), False)


PERIOD = {"name": "p", "environments": ["prod"], "timezone": "Europe/Berlin", "repeat": "FREQ=DAILY;INTERVAL=3"}
DECLARED = {
    "freezes": [PERIOD | {"start": "2026-01-02T23:00", "end": "2026-01-03T05:00"}],
    "change_windows": [PERIOD | {"name": "w", "start": "2026-03-28T01:00", "end": "2026-04-02T04:00"}],
}


def test_what_is_declared_is_the_same_as_worked_out_for_that_day() -> None:
    past = calendars(**DECLARED)
    periods = Policy.from_mapping(POLICY | DECLARED).periods
    for hours in range(0, 24 * 60, 7):
        now = NOON + timedelta(hours=hours)
        day = now.replace(hour=0)
        expected = declared_calendar(periods, day - DAY, day + AHEAD)
        assert set(past.at(now, Calendar()).periods) == set(expected.periods), now


def test_as_often_as_a_rule_may_be_is_not_too_often() -> None:
    hours = ",".join(str(hour) for hour in range(24))
    often = PERIOD | {"start": "2026-11-01T00:00", "end": "2026-11-01T00:10", "repeat": f"FREQ=DAILY;BYHOUR={hours}"}
    found = calendars(freezes=[often]).at(NOON, Calendar())
    assert (found.problems, len(found.periods) > 200) == ((), True)


@pytest.mark.parametrize(
    "broken", ['{"calendar":{}}', '{"calendar":{"periods":1,"problems":[]}}', '{"calendar":{"periods":', "[]", "x"]
)
def test_another_shape_is_not_half_understood(broken: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError, IndexError)):
        calendars().parted(broken)
