"""Events of a file: every kind of time and recurrence, and whatever cannot be read for certain is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calendars.events import MOST_BYTES, periods_of
from bot.calendars.recurrence import Unreadable
from guards.policy_periods import DeclaredCalendar

DECLARED = DeclaredCalendar("company", "freeze", ("prod",), ("payments",), 86_400.0, file="freezes.ics")
START, END = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 29, tzinfo=UTC)
ONE = "UID:1\nDTSTART:20261121T100000Z\nDTEND:20261121T110000Z"
DAILY = "UID:1\nDTSTART:20261121T100000Z\nDTEND:20261121T110000Z\nRRULE:FREQ=DAILY;COUNT=3"
TEN = ("11-21T10:00", "11-21T11:00")


def file(*events: str, head: str = "") -> bytes:
    inside = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{head}{inside}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def times(data: bytes) -> list[tuple[str, str]]:
    found = periods_of(data, DECLARED, START, END)
    assert all((p.kind, p.environments, p.services) == ("freeze", ("prod",), ("payments",)) for p in found)
    return [(f"{p.start:%m-%dT%H:%M}", f"{p.end:%m-%dT%H:%M}") for p in found]


BERLIN = "UID:1\nDTSTART;TZID=Europe/Berlin:{0}T160000\nDTEND;TZID=Europe/Berlin:{0}T170000"
CUSTOM_ZONE = (
    "BEGIN:VTIMEZONE\nTZID:Office\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0300\n"
    "END:STANDARD\nEND:VTIMEZONE\n"
)
GOOD = [
    ("empty", file(), []),
    ("once", file(ONE), [TEN]),
    ("with a zone", file(BERLIN.format("20261121")), [("11-21T15:00", "11-21T16:00")]),
    ("a zone by its Windows name", file(BERLIN.format("20261121").replace("Europe/Berlin", "W. Europe Standard Time")), [("11-21T15:00", "11-21T16:00")]),
    ("a zone of its own", file("UID:1\nDTSTART;TZID=Office:20261121T100000\nDTEND;TZID=Office:20261121T110000", head=CUSTOM_ZONE), [("11-21T07:00", "11-21T08:00")]),
    ("floating is UTC", file("UID:1\nDTSTART:20261121T100000\nDTEND:20261121T110000"), [TEN]),
    ("floating in the zone of the file", file("UID:1\nDTSTART:20261121T110000\nDTEND:20261121T120000", head="X-WR-TIMEZONE:Europe/Berlin\n"), [TEN]),
    ("UTC stays UTC in a file with a zone", file(ONE, head="X-WR-TIMEZONE:Europe/Berlin\n"), [TEN]),
    ("all day", file("UID:1\nDTSTART;VALUE=DATE:20261121\nDTEND;VALUE=DATE:20261123"), [("11-21T00:00", "11-23T00:00")]),
    ("all day without an end", file("UID:1\nDTSTART;VALUE=DATE:20261121"), [("11-21T00:00", "11-22T00:00")]),
    ("all day in the zone of the file", file("UID:1\nDTSTART;VALUE=DATE:20261121", head="X-WR-TIMEZONE:Europe/Berlin\n"), [("11-20T23:00", "11-21T23:00")]),
    ("all day, every week", file("UID:1\nDTSTART;VALUE=DATE:20260102\nRRULE:FREQ=WEEKLY;BYDAY=FR"), [("11-20T00:00", "11-21T00:00"), ("11-27T00:00", "11-28T00:00")]),
    ("all day until", file("UID:1\nDTSTART;VALUE=DATE:20261121\nRRULE:FREQ=DAILY;UNTIL=20261122"), [("11-21T00:00", "11-22T00:00"), ("11-22T00:00", "11-23T00:00")]),
    ("duration", file("UID:1\nDTSTART:20261121T100000Z\nDURATION:PT1H"), [TEN]),
    ("no end: no time at all", file("UID:1\nDTSTART:20261121T100000Z"), []),
    ("outside the days", file(ONE.replace("202611", "202701")), []),
    ("began long before", file("UID:1\nDTSTART:20260101T000000Z\nDTEND:20270101T000000Z"), [("01-01T00:00", "01-01T00:00")]),
    ("weekly over years", file(BERLIN.format("20200103") + "\nRRULE:FREQ=WEEKLY;BYDAY=FR"), [("11-20T15:00", "11-20T16:00"), ("11-27T15:00", "11-27T16:00")]),
    ("yearly", file("UID:1\nDTSTART:20201121T100000Z\nDTEND:20201121T110000Z\nRRULE:FREQ=YEARLY"), [TEN]),
    ("EXDATE", file(DAILY + "\nEXDATE:20261122T100000Z"), [TEN, ("11-23T10:00", "11-23T11:00")]),
    ("RDATE", file(ONE + "\nRDATE:20261125T100000Z"), [TEN, ("11-25T10:00", "11-25T11:00")]),
    ("RDATE with a period", file(ONE + "\nRDATE;VALUE=PERIOD:20261125T100000Z/PT2H"), [TEN, ("11-25T10:00", "11-25T12:00")]),
    ("one moved", file(DAILY, "UID:1\nRECURRENCE-ID:20261122T100000Z\nDTSTART:20261126T100000Z\nDTEND:20261126T120000Z"), [TEN, ("11-23T10:00", "11-23T11:00"), ("11-26T10:00", "11-26T12:00")]),
    ("one cancelled", file(DAILY, "UID:1\nRECURRENCE-ID:20261122T100000Z\nDTSTART:20261122T100000Z\nDTEND:20261122T110000Z\nSTATUS:CANCELLED"), [TEN, ("11-23T10:00", "11-23T11:00")]),
    ("all cancelled", file(DAILY + "\nSTATUS:cancelled"), []),
    ("tentative counts", file(ONE + "\nSTATUS:TENTATIVE"), [TEN]),
    ("transparent", file(ONE + "\nTRANSP:TRANSPARENT"), []),
    ("opaque", file(ONE + "\nTRANSP:OPAQUE"), [TEN]),
    ("the newer of two", file(ONE + "\nSEQUENCE:1", "UID:1\nDTSTART:20261122T100000Z\nDTEND:20261122T110000Z\nSEQUENCE:2"), [("11-22T10:00", "11-22T11:00")]),
    ("UNTIL is a date: with that day", file(BERLIN.format("20261121") + "\nRRULE:FREQ=DAILY;UNTIL=20261122"), [("11-21T15:00", "11-21T16:00"), ("11-22T15:00", "11-22T16:00")]),
    ("UNTIL in local time", file(BERLIN.format("20261121") + "\nRRULE:FREQ=DAILY;UNTIL=20261122T160000"), [("11-21T15:00", "11-21T16:00"), ("11-22T15:00", "11-22T16:00")]),
    ("UNTIL in UTC", file(BERLIN.format("20261121") + "\nRRULE:FREQ=DAILY;UNTIL=20261122T145959Z"), [("11-21T15:00", "11-21T16:00")]),
    ("two calendars", file(ONE) + file("UID:1\nDTSTART:20261122T100000Z\nDTEND:20261122T110000Z"), [TEN, ("11-22T10:00", "11-22T11:00")]),
    ("tasks are none", file(ONE).replace(b"VEVENT", b"VTODO"), []),
    ("a byte order mark and bare line ends", b"\xef\xbb\xbf" + file(ONE).replace(b"\r\n", b"\n"), [TEN]),
    ("a folded line", file(ONE.replace("DTSTART:2026", "DTSTART:20\n 26")), [TEN]),
    ("a mistake that does not matter", file(ONE + "\nGEO:nowhere"), [TEN]),
]  # fmt: skip


@pytest.mark.parametrize("_name,data,expected", GOOD, ids=[case[0] for case in GOOD])
def test_events_become_periods(_name: str, data: bytes, expected: list[tuple[str, str]]) -> None:
    assert times(data) == expected


NEVER = "\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"
BAD = [
    ("nothing", b""),
    ("a login page", b"<html><body>sign in</body></html>"),
    ("cut off", file(ONE)[:-30]),
    ("cut in the middle", file(ONE).replace(b"END:VEVENT\r\n", b"")),
    ("only an event", b"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261121T100000Z\r\nEND:VEVENT\r\n"),
    ("closed in the wrong order", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\nEND:VEVENT\r\nEND:VCALENDAR"),
    ("not text", file(ONE + "\nSUMMARY:x").replace(b"SUMMARY:x", b"SUMMARY:\xff\xfe")),
    ("too big", file("UID:1\nDTSTART:20261121T100000Z\nX-PAD:" + "x" * MOST_BYTES)),
    ("too many events", file(*[f"UID:{i}\nDTSTART:20300101T000000Z" for i in range(5001)])),
    ("too many recurring", file(*[f"UID:{i}\nDTSTART:20261121T000000Z\nDTEND:20261121T010000Z\nRRULE:FREQ=DAILY" for i in range(1500)])),
    ("too many in these days", file(*[f"UID:{i}\nDTSTART:20261121T000000Z\nDTEND:20261121T010000Z\nRRULE:FREQ=DAILY" for i in range(150)])),
    ("too long and too often", file("UID:1\nDTSTART:19800101T000000Z\nDTEND:20261121T000000Z\nRRULE:FREQ=DAILY;BYHOUR=0,6,12")),
    ("too much to follow", file(*[f"UID:{i}\nDTSTART:16010101T000000Z\nRRULE:FREQ=DAILY" for i in range(30)])),
    ("too deep", b"BEGIN:VCALENDAR\r\n" * 50 + b"END:VCALENDAR\r\n" * 50),
    ("start that is none", file("UID:1\nDTSTART:soon\nDTEND:20261121T110000Z")),
    ("end that is none", file("UID:1\nDTSTART:20261121T100000Z\nDTEND:later")),
    ("no start", file("UID:1\nSUMMARY:x")),
    ("two starts", file(ONE + "\nDTSTART:20261122T100000Z")),
    ("ends before it starts", file("UID:1\nDTSTART:20261121T110000Z\nDTEND:20261121T100000Z")),
    ("negative duration", file("UID:1\nDTSTART:20261121T110000Z\nDURATION:-PT1H")),
    ("a zone nobody knows", file(BERLIN.format("20261121").replace("Europe/Berlin", "Foo/Bar"))),
    ("a zone that is a folder", file(BERLIN.format("20261121").replace("Europe/Berlin", "Europe"))),
    ("an exception in a zone nobody knows", file(DAILY + "\nEXDATE;TZID=Foo/Bar:20261122T100000")),
    ("the file's zone is not known", file(ONE, head="X-WR-TIMEZONE:Europe/Nowhere\n")),
    ("the file's zone is a path", file(ONE, head="X-WR-TIMEZONE:../../etc/passwd\n")),
    ("two events with one UID", file(ONE, "UID:1\nDTSTART:20261122T100000Z\nDTEND:20261122T110000Z")),
    ("a line that is none", file(ONE + "\nthis is no line")),
    ("an exception that is none", file(DAILY + "\nEXDATE:hello")),
    ("a sequence that is none", file(ONE + "\nSEQUENCE:x")),
    ("every second", file(ONE + "\nRRULE:FREQ=SECONDLY")),
    ("every second, folded", file(ONE + "\nRRULE:FREQ=SEC\n ONDLY")),
    ("an unknown frequency", file(ONE + "\nRRULE:FREQ=NEVER")),
    ("interval nought", file(ONE + "\nRRULE:FREQ=DAILY;INTERVAL=0")),
    ("never", file(ONE + NEVER)),
    ("EXRULE", file(ONE + "\nEXRULE:FREQ=DAILY")),
    ("another calendar than the Gregorian", file(ONE, head="CALSCALE:ISLAMIC\n")),
    ("a time zone that changes daily", file(ONE, head=CUSTOM_ZONE.replace("TZOFFSETFROM", "RRULE:FREQ=DAILY\nTZOFFSETFROM"))),
]  # fmt: skip


@pytest.mark.parametrize("_name,data", BAD, ids=[case[0] for case in BAD])
def test_T56_what_cannot_be_read_for_certain_is_refused_and_not_skipped(_name: str, data: bytes) -> None:
    with pytest.raises(Unreadable):
        periods_of(data, DECLARED, START, END)


def test_a_period_is_called_by_its_calendar_and_event_in_one_printable_line() -> None:
    def called(summary: str) -> str:
        (period,) = periods_of(file(f"{ONE}\nSUMMARY:{summary}"), DECLARED, START, END)
        return period.name

    assert called("Year end") == "company: Year end"
    assert called("a\\n b\u202e\u200bc") == "company: a bc"
    assert called("") == "company"
    assert len(called("x" * 500)) < 100


TIMES = [
    "DTSTART",
    "DTEND",
    "TZID=Europe/Berlin",
    "VALUE=DATE",
    "20261121T100000Z",
    "20261121",
    "99999999",
    "DURATION:P1D",
]
OTHERS = ["RRULE:FREQ=DAILY", "COUNT=1", "EXDATE", "RECURRENCE-ID", "UID:1", "BEGIN:VALARM", "END:VALARM"]
BETWEEN = [":", ";", "=", ",", "-", " ", "\r\n", "\r\n ", "é", "\x00"]
PIECES = st.sampled_from([*TIMES, *OTHERS, *BETWEEN])


@given(st.lists(PIECES, max_size=25).map("".join))
def test_T56_any_text_is_periods_or_unreadable_and_nothing_else(inside: str) -> None:
    try:
        found = periods_of(file(inside), DECLARED, START, END)
    except Unreadable as error:
        assert str(error)
    else:
        assert all(p.start < END and p.end > START for p in found)
