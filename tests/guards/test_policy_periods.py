"""guards/policy_periods.py: what the policy declares about time (case T56)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from guards.policy_periods import (
    DeclaredCalendar,
    DeclaredPeriod,
    declared_calendars,
    declared_periods,
    read_calendars,
    read_periods,
)
from guards.policy_values import PolicyError

KNOWN = ("dev", "prod")
PERIOD: dict[str, Any] = {
    "name": "friday-evening",
    "environments": ["prod", "dev"],
    "services": ["web", "db"],
    "start": "2026-01-02T16:00",
    "end": "2026-01-02T23:59:30",
    "timezone": "Europe/Berlin",
    "repeat": "BYDAY=FR,MO;FREQ=WEEKLY;UNTIL=20271231T000000Z",
}
CALENDAR: dict[str, Any] = {
    "name": "company", "file": "freezes.ics", "environments": ["prod"], "kind": "freeze", "max_age": "2d",
}  # fmt: skip
ELSEWHERE: dict[str, Any] = {key: value for key, value in CALENDAR.items() if key != "file"}
REMOVE = object()


def changed(good: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    return {k: v for k, v in {**good, key: value}.items() if v is not REMOVE}


def test_a_period_as_it_is_declared() -> None:
    read = {
        "freezes": [],
        "maintenance": read_periods([PERIOD], "maintenance", KNOWN),
        "change_windows": read_periods([changed(PERIOD, "repeat", REMOVE)], "change_windows", KNOWN),
    }
    first, second = declared_periods(read)
    assert first == DeclaredPeriod(
        kind="maintenance",
        name="friday-evening",
        environments=("dev", "prod"),
        services=("db", "web"),
        start=datetime(2026, 1, 2, 16),
        end=datetime(2026, 1, 2, 23, 59, 30),
        timezone="Europe/Berlin",
        repeat="FREQ=WEEKLY;BYDAY=FR,MO;UNTIL=20271231T000000Z",
    )
    assert (second.kind, second.repeat) == ("change_window", "")


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("name", REMOVE, "freezes[0]"),
        ("name", "", "freezes[0].name"),
        ("environments", REMOVE, "freezes[0]"),
        ("environments", [], "freezes[0].environments"),
        ("environments", ["qa"], "freezes[0].environments"),
        ("environments", ["*"], "freezes[0].environments"),
        ("environments", "prod", "freezes[0].environments"),
        ("services", ["*"], "freezes[0].services"),
        ("services", None, "freezes[0].services"),
        ("start", "2026-01-02", "freezes[0].start"),
        ("start", "2026-01-03T00:00", "freezes[0].end"),
        ("end", "2026-01-02T16:00", "freezes[0].end"),
        ("end", None, "freezes[0].end"),
        ("timezone", REMOVE, "freezes[0]"),
        ("timezone", "Mars/Olympus", "freezes[0].timezone"),
        ("timezone", "Europe", "freezes[0].timezone"),
        ("timezone", "../../etc/passwd", "freezes[0].timezone"),
        ("timezone", "localtime", "freezes[0].timezone"),
        ("timezone", "", "freezes[0].timezone"),
        ("timezone", None, "freezes[0].timezone"),
        ("repeat", "", "freezes[0].repeat"),
        ("repeat", None, "freezes[0].repeat"),
        ("repeat", "weekly", "freezes[0].repeat"),
        ("repeat", "BYDAY=FR", "freezes[0].repeat"),
        ("repeat", "FREQ=WEEKLY;FREQ=DAILY", "freezes[0].repeat"),
        ("repeat", "FREQ=WEEKLY;BYDAY=FR,,MO", "freezes[0].repeat"),
        ("repeat", "FREQ=WEEKLY;", "freezes[0].repeat"),
        ("repeat", "FREQ=WEEKLY\nEXDATE=1", "freezes[0].repeat"),
        ("repeat", "FREQ=WEEKLY;BYDAY=" + ",".join(["MO"] * 70), "freezes[0].repeat"),
        ("color", "red", "freezes[0]"),
    ],
)
def test_T43_mistakes_in_a_period(key: str, value: object, place: str) -> None:
    with pytest.raises(PolicyError) as error:
        read_periods([changed(PERIOD, key, value)], "freezes", KNOWN)
    assert error.value.place == place


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"file": "freezes.ics"}, ("freezes.ics", "", False)),
        ({"url": "https://calendar.example.com/a.ics?b=c"}, ("", "https://calendar.example.com/a.ics?b=c", False)),
        ({"url": "http://127.0.0.1:8080/a.ics"}, ("", "http://127.0.0.1:8080/a.ics", False)),
        ({"servicenow": True}, ("", "", True)),
    ],
)
def test_a_calendar_has_one_place(where: dict[str, Any], expected: tuple[str, str, bool]) -> None:
    (found,) = declared_calendars({"calendars": read_calendars([{**ELSEWHERE, **where}], KNOWN)})
    assert found == DeclaredCalendar("company", "freeze", ("prod",), (), 172_800.0, *expected)


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("name", "a b", "calendars[0].name"),
        ("kind", "change_window", "calendars[0].kind"),
        ("kind", REMOVE, "calendars[0]"),
        ("max_age", REMOVE, "calendars[0]"),
        ("max_age", 0, "calendars[0].max_age"),
        ("environments", [], "calendars[0].environments"),
        ("file", REMOVE, "calendars[0]"),
        ("file", "", "calendars[0].file"),
        ("file", " a", "calendars[0].file"),
        ("file", "a ", "calendars[0].file"),
        ("file", "a\nb", "calendars[0].file"),
        ("file", 5, "calendars[0].file"),
        ("file", "x" * 501, "calendars[0].file"),
        ("url", "https://x.example", "calendars[0]"),
        ("servicenow", True, "calendars[0]"),
        ("path", "x", "calendars[0]"),
    ],
)
def test_T43_mistakes_in_a_calendar(key: str, value: object, place: str) -> None:
    with pytest.raises(PolicyError) as error:
        read_calendars([changed(CALENDAR, key, value)], KNOWN)
    assert error.value.place == place


@pytest.mark.parametrize(
    "where",
    [
        {"url": "http://calendar.example.com/a.ics"},
        {"url": "file:///etc/passwd"},
        {"url": "https://"},
        {"url": "https://me:secret@calendar.example.com/a.ics"},
        {"url": "https://calendar.example.com/a b.ics"},
        {"url": "https://[::1/a.ics"},
        {"url": 5},
        {"url": "sftp://calendar.example.com/a.ics"},
        {"url": "sftp://localhost/a.ics"},
        {"url": "ftp://localhost/a.ics"},
        {"servicenow": 1},
        {"servicenow": False},
        {"servicenow": "yes"},
    ],
)
def test_T43_places_that_are_not_taken(where: dict[str, Any]) -> None:
    (key,) = where
    with pytest.raises(PolicyError) as error:
        read_calendars([{**ELSEWHERE, **where}], KNOWN)
    assert error.value.place == f"calendars[0].{key}"


def test_T43_two_calendars_of_one_name() -> None:
    with pytest.raises(PolicyError) as error:
        read_calendars([CALENDAR, {**CALENDAR, "kind": "maintenance"}], KNOWN)
    assert error.value.place == "calendars"


def test_the_longest_rule_and_the_shortest_and_longest_place_are_taken() -> None:
    rule = "FREQ=WEEKLY;X=" + "A" * (200 - len("FREQ=WEEKLY;X="))
    (read,) = read_periods([changed(PERIOD, "repeat", rule)], "freezes", KNOWN)
    assert (read["repeat"], len(rule)) == (rule, 200)
    for file in ("f", "x" * 500):
        (place,) = read_calendars([changed(CALENDAR, "file", file)], KNOWN)
        assert place["file"] == file
    with pytest.raises(PolicyError):
        read_periods([changed(PERIOD, "repeat", rule + "A")], "freezes", KNOWN)


def test_a_calendar_is_not_in_servicenow_unless_it_says_so() -> None:
    assert DeclaredCalendar("company", "freeze", ("prod",), (), 60.0, "freezes.ics").servicenow is False


def test_many_calendars_have_many_names() -> None:
    found = read_calendars([{**CALENDAR, "name": f"c{number}"} for number in range(300)], KNOWN)
    assert len({each["name"] for each in found}) == 300
