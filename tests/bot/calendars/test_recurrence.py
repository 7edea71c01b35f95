"""Occurrences: wall time over changes of the clocks, bounded work, and a rule that cannot be followed says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calendars.recurrence import Unreadable, instant, occurrences, read_rule, rule_from
from guards.policy_periods import DeclaredPeriod

BERLIN = ZoneInfo("Europe/Berlin")


def period(start: str, end: str, repeat: str = "", zone: str = "Europe/Berlin", kind: str = "freeze") -> DeclaredPeriod:
    moments = [datetime.fromisoformat(at) for at in (start, end)]
    return DeclaredPeriod(kind, "p", ("prod",), ("payments",), moments[0], moments[1], zone, repeat)


def worked_out(declared: DeclaredPeriod, since: str, until: str) -> list[tuple[str, str]]:
    start, end = (datetime.fromisoformat(at).replace(tzinfo=UTC) for at in (since, until))
    found = occurrences(declared, start, end)
    assert {(p.kind, p.name, p.environments, p.services) for p in found} <= {
        (declared.kind, "p", ("prod",), ("payments",))
    }
    return [(f"{p.start:%m-%dT%H:%M}", f"{p.end:%m-%dT%H:%M}") for p in found]


FRIDAYS = period("2026-01-02T16:00", "2026-01-02T23:59", "FREQ=WEEKLY;BYDAY=FR")
NIGHTS = period("2026-01-01T22:00", "2026-01-02T06:00", "FREQ=DAILY")
CASES = [
    ("once", period("2026-12-20T00:00", "2027-01-03T00:00"), "2026-12-25", "2027-01-03", [("12-19T23:00", "01-02T23:00")]),
    ("once, over", period("2026-11-01T00:00", "2026-11-02T00:00"), "2026-11-20", "2026-11-29", []),
    ("once, not yet", period("2026-12-20T00:00", "2026-12-21T00:00"), "2026-11-20", "2026-11-29", []),
    ("ends exactly at the start of the days", period("2026-11-19T00:00", "2026-11-20T00:00", zone="UTC"), "2026-11-20", "2026-11-29", []),
    ("weekly", FRIDAYS, "2026-11-20", "2026-11-29", [("11-20T15:00", "11-20T22:59"), ("11-27T15:00", "11-27T22:59")]),
    ("weekly over spring", FRIDAYS, "2026-03-27", "2026-04-04", [("03-27T15:00", "03-27T22:59"), ("04-03T14:00", "04-03T21:59")]),
    ("weekly over autumn", FRIDAYS, "2026-10-23", "2026-10-31", [("10-23T14:00", "10-23T21:59"), ("10-30T15:00", "10-30T22:59")]),
    ("overnight", NIGHTS, "2026-06-01", "2026-06-02", [("05-31T20:00", "06-01T04:00"), ("06-01T20:00", "06-02T04:00")]),
    ("overnight, 7 h in spring", NIGHTS, "2026-03-28T12:00", "2026-03-29T12:00", [("03-28T21:00", "03-29T04:00")]),
    ("overnight, 9 h in autumn", NIGHTS, "2026-10-24T12:00", "2026-10-25T12:00", [("10-24T20:00", "10-25T05:00")]),
    ("yearly", period("2020-12-24T00:00", "2020-12-27T00:00", "FREQ=YEARLY"), "2026-12-23", "2027-01-01", [("12-23T23:00", "12-26T23:00")]),
    ("every 29 February", period("2024-02-29T08:00", "2024-02-29T09:00", "FREQ=YEARLY", "UTC"), "2028-02-25", "2028-03-02", [("02-29T08:00", "02-29T09:00")]),
    ("last day of the month", period("2026-01-31T08:00", "2026-01-31T09:00", "FREQ=MONTHLY;BYMONTHDAY=-1", "UTC"), "2026-02-25", "2026-03-02", [("02-28T08:00", "02-28T09:00")]),
    ("COUNT", period("2026-11-20T08:00", "2026-11-20T09:00", "FREQ=DAILY;COUNT=2", "UTC"), "2026-11-19", "2026-11-29", [("11-20T08:00", "11-20T09:00"), ("11-21T08:00", "11-21T09:00")]),
    ("UNTIL is a date: with that day", period("2026-11-20T08:00", "2026-11-20T09:00", "FREQ=DAILY;UNTIL=20261121", "UTC"), "2026-11-19", "2026-11-29", [("11-20T08:00", "11-20T09:00"), ("11-21T08:00", "11-21T09:00")]),
    ("UNTIL in UTC", period("2026-11-20T08:00", "2026-11-20T09:00", "FREQ=DAILY;UNTIL=20261121T070000Z"), "2026-11-19", "2026-11-29", [("11-20T07:00", "11-20T08:00"), ("11-21T07:00", "11-21T08:00")]),
    ("UNTIL in local time", period("2026-11-20T08:00", "2026-11-20T09:00", "FREQ=DAILY;UNTIL=20261120T080000"), "2026-11-19", "2026-11-29", [("11-20T07:00", "11-20T08:00")]),
    ("the start counts, fit or not", period("2026-11-19T08:00", "2026-11-19T09:00", "FREQ=WEEKLY;BYDAY=FR", "UTC"), "2026-11-19", "2026-11-22", [("11-19T08:00", "11-19T09:00"), ("11-20T08:00", "11-20T09:00")]),
    ("long occurrences overlap", period("2026-01-01T00:00", "2026-01-04T00:00", "FREQ=DAILY", "UTC"), "2026-11-20", "2026-11-21", [("11-18T00:00", "11-21T00:00"), ("11-19T00:00", "11-22T00:00"), ("11-20T00:00", "11-23T00:00")]),
    # 02:30 is missing on 29 March and there twice on 25 October
    ("freeze into the gap", period("2026-03-29T01:30", "2026-03-29T02:30"), "2026-03-28", "2026-03-30", [("03-29T00:30", "03-29T01:30")]),
    ("freeze inside the gap", period("2026-03-29T02:10", "2026-03-29T02:50"), "2026-03-28", "2026-03-30", [("03-29T00:10", "03-29T01:50")]),
    ("window inside the gap never opens", period("2026-03-29T02:10", "2026-03-29T02:50", kind="change_window"), "2026-03-28", "2026-03-30", []),
    ("freeze to the second 02:30", period("2026-10-25T01:00", "2026-10-25T02:30"), "2026-10-24", "2026-10-26", [("10-24T23:00", "10-25T01:30")]),
    ("window to the first 02:30", period("2026-10-25T01:00", "2026-10-25T02:30", kind="change_window"), "2026-10-24", "2026-10-26", [("10-24T23:00", "10-25T00:30")]),
]  # fmt: skip


@pytest.mark.parametrize("_name,declared,since,until,expected", CASES, ids=[case[0] for case in CASES])
def test_occurrences(
    _name: str, declared: DeclaredPeriod, since: str, until: str, expected: list[tuple[str, str]]
) -> None:
    assert worked_out(declared, since, until) == expected


BAD_RULES = [
    "FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=HOURLY", "FREQ=NEVER", "BYDAY=MO", "FREQ=WEEKLY;BYDAY=XX", "FREQ=DAILY;FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=2;UNTIL=20270101", "FREQ=DAILY;X=1",
    "FREQ=DAILY;BYEASTER=1", "FREQ=DAILY;UNTIL=TOMORROW", "FREQ=DAILY;UNTIL=20261399", "FREQ=DAILY;BYHOUR=25",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYMONTH=13", "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=3",
    "FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5", "FREQ=DAILY;INTERVAL=99999999999999999999", "", "FREQ", "FREQ=DAILY\nEXDATE:20260101T000000",
]  # fmt: skip


@pytest.mark.parametrize("rule", BAD_RULES)
def test_T56_a_rule_that_cannot_be_followed_is_an_error_and_not_an_endless_search(rule: str) -> None:
    with pytest.raises(Unreadable):
        rule_from(rule, datetime(2026, 1, 1, 16), BERLIN)


@pytest.mark.parametrize(
    "declared",
    [
        period("2026-01-01T00:00", "2026-01-01T00:01", "FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=0,10,20,30,40,50"),
        period("1950-01-01T00:00", "1990-01-01T00:00", "FREQ=DAILY"),
        period("0001-01-01T00:00", "0001-01-01T00:01", "FREQ=DAILY"),
        period("2026-01-01T00:00", "2026-01-02T00:00", "FREQ=DAILY", "Europe/Nowhere"),
    ],
    ids=["many in the days", "many at a time", "many before", "no such zone"],
)
def test_T56_too_many_occurrences_are_an_error(declared: DeclaredPeriod) -> None:
    with pytest.raises(Unreadable):
        occurrences(declared, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def test_a_rule_is_read_whatever_its_letter_case() -> None:
    assert read_rule(" freq=weekly;byday=fr ") == {"FREQ": "WEEKLY", "BYDAY": "FR"}


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))
def test_the_later_reading_is_never_before_the_earlier_one(local: datetime) -> None:
    early, late = (instant(local, BERLIN, later=later) for later in (False, True))
    assert early <= late <= early + timedelta(hours=1)
    assert instant(local, ZoneInfo("UTC"), later=True) == local.replace(tzinfo=UTC)
