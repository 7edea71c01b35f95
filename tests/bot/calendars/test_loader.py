"""The calendars in memory: kept up to date, honest about what they could not read, and quick to ask."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.calendars.loader import AHEAD, BEFORE, Calendars, declared_calendar
from bot.calendars.recurrence import Unreadable
from bot.clients.servicenow import PlannedChange
from bot.errors import Permanent, Transient
from guards.context import Calendar
from guards.policy_periods import DeclaredCalendar, DeclaredPeriod

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FILE = DeclaredCalendar("company", "freeze", ("prod", "staging"), (), 7200.0, file="freezes.ics")
ADDRESS = DeclaredCalendar("shop", "freeze", ("prod",), (), 7200.0, url="https://calendar.example.com/x.ics")
CHANGES = DeclaredCalendar("changes", "maintenance", ("prod",), (), 7200.0, servicenow=True)
YEAR_END = DeclaredPeriod(
    "freeze", "year-end", ("prod",), (), datetime(2026, 11, 25), datetime(2026, 11, 26), "Europe/Berlin"
)
BROKEN = DeclaredPeriod(
    "freeze", "odd", ("dev",), (), datetime(2026, 1, 1), datetime(2026, 1, 2), "UTC", "FREQ=SECONDLY"
)


def ics(day: str = "20261121", until: str = "20261122") -> bytes:
    event = f"BEGIN:VEVENT\nUID:1\nSUMMARY:s\nDTSTART;VALUE=DATE:{day}\nDTEND;VALUE=DATE:{until}\nEND:VEVENT\n"
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:t\n{event}END:VCALENDAR\n".encode()


@dataclass
class World:
    """The places that calendars are read from, and a clock. An exception as content is raised."""

    now: datetime = NOW
    file: bytes | Exception = field(default_factory=ics)
    page: bytes | Exception = field(default_factory=ics)
    changes: list[PlannedChange] | Exception = field(default_factory=list)
    reads: list[str] = field(default_factory=list)

    def read_file(self, name: str) -> bytes:
        self.reads.append(name)
        if isinstance(self.file, Exception):
            raise self.file
        return self.file

    async def fetch(self, url: str) -> bytes:
        self.reads.append(url)
        if isinstance(self.page, Exception):
            raise self.page
        return self.page

    async def planned_changes(self, start: datetime, end: datetime) -> list[PlannedChange]:
        self.reads.append("changes")
        if isinstance(self.changes, Exception):
            raise self.changes
        return [change for change in self.changes if change.start < end and change.end > start]

    def calendars(
        self, *calendars: DeclaredCalendar, periods: Sequence[DeclaredPeriod] = (), servicenow: bool = True
    ) -> Calendars:
        return Calendars(
            periods,
            calendars,
            read_file=self.read_file,
            fetch=self.fetch,
            servicenow=self if servicenow else None,
            services=("payments",),
            clock=lambda: self.now,
        )

    async def at(self, calendars: Calendars, after: timedelta) -> tuple[tuple[str, str], ...]:
        """Refresh at NOW + after; the problems then."""
        self.now = NOW + after
        await calendars.refresh()
        return calendars.current(self.now).problems


@pytest.fixture
def world() -> World:
    return World()


async def test_a_policy_without_periods_and_calendars_has_nothing_to_say(world: World) -> None:
    calendars = world.calendars()
    assert calendars.current(NOW) == Calendar()
    assert await world.at(calendars, 0 * DAY) == ()
    assert calendars.current(NOW) == Calendar()


async def test_all_kinds_of_sources_come_together_in_order(world: World) -> None:
    world.changes = [PlannedChange("CHG1", "disks", NOW - HOUR, NOW + HOUR, ("payments",))]
    calendars = world.calendars(FILE, ADDRESS, CHANGES, periods=[YEAR_END])
    assert await world.at(calendars, 0 * DAY) == ()
    assert [(p.kind, p.name, p.environments, p.services) for p in calendars.current(NOW).periods] == [
        ("freeze", "company: s", ("prod", "staging"), ()),
        ("freeze", "shop: s", ("prod",), ()),
        ("maintenance", "changes: CHG1 disks", ("prod",), ("payments",)),
        ("freeze", "year-end", ("prod",), ()),
    ]


async def test_T56_what_was_never_read_is_frozen(world: World) -> None:
    calendars = world.calendars(FILE, periods=[YEAR_END])
    assert {where for where, _ in calendars.current(NOW).problems} == {"prod", "staging"}
    assert calendars.current(NOW).periods == ()
    assert calendars.upcoming(NOW, "prod", "", 5) == ()


UNREADABLE = [
    (FILE, "file", Unreadable("the file freezes.ics cannot be read (No such file or directory)"), "No such file"),
    (FILE, "file", b"<html>", "not a whole iCalendar file"),
    (ADDRESS, "page", Permanent("the answer was 404"), "404"),
    (ADDRESS, "page", Transient("no answer within 15 s"), "no answer"),
    (ADDRESS, "page", ics()[:-5], "not a whole iCalendar file"),
    (CHANGES, "changes", Permanent("ServiceNow planned changes: answer 403"), "403"),
    (CHANGES, "changes", Transient("ServiceNow planned changes: cannot connect"), "cannot connect"),
]


@pytest.mark.parametrize("declared,place,found,words", UNREADABLE)
async def test_T56_a_calendar_that_cannot_be_read_at_first_is_frozen_and_says_why(
    world: World, declared: DeclaredCalendar, place: str, found: object, words: str
) -> None:
    setattr(world, place, found)
    calendars = world.calendars(declared)
    problems = await world.at(calendars, 0 * DAY)
    assert [where for where, _ in problems] == list(declared.environments)
    assert all(declared.name in what and words in what for _, what in problems)
    setattr(world, place, [] if place == "changes" else ics())
    assert await world.at(calendars, 61 * timedelta(seconds=1)) == ()


@pytest.mark.parametrize(
    "declared,place,found,words", [case for case in UNREADABLE if not isinstance(case[2], Transient)]
)
async def test_T56_a_calendar_that_becomes_unreadable_is_frozen_at_once(
    world: World, declared: DeclaredCalendar, place: str, found: object, words: str
) -> None:
    calendars = world.calendars(declared)
    assert await world.at(calendars, 0 * DAY) == ()
    setattr(world, place, found)
    problems = await world.at(calendars, 6 * MINUTE)
    assert problems
    assert all(words in what for _, what in problems)
    assert await world.at(calendars, 6 * MINUTE + timedelta(seconds=5)) == problems
    setattr(world, place, [] if place == "changes" else ics())
    assert await world.at(calendars, 8 * MINUTE) == ()


@pytest.mark.parametrize("declared,place", [(ADDRESS, "page"), (CHANGES, "changes")])
async def test_T56_a_failure_that_may_pass_is_borne_until_what_was_read_is_too_old(
    world: World, declared: DeclaredCalendar, place: str
) -> None:
    calendars = world.calendars(declared)
    assert await world.at(calendars, 0 * DAY) == ()
    setattr(world, place, Transient("no answer"))
    assert await world.at(calendars, 2 * HOUR) == ()
    (state,) = calendars.states(world.now)
    assert (state.problem, state.note, state.read_at) == ("", "no answer", NOW)
    ((where, what),) = await world.at(calendars, 2 * HOUR + MINUTE)
    assert where == "prod"
    assert "last read at 2026-11-21 14:00 UTC" in what
    assert "no answer" in what


async def test_T56_a_calendar_that_nobody_refreshes_becomes_too_old(world: World) -> None:
    calendars = world.calendars(FILE, periods=[YEAR_END])
    await world.at(calendars, 0 * DAY)
    assert calendars.problems(NOW + 2 * HOUR) == ()
    assert [where for where, _ in calendars.problems(NOW + 2 * HOUR + MINUTE)] == ["prod", "staging"]


@pytest.mark.parametrize("moment", [NOW + AHEAD, NOW + AHEAD + DAY, NOW - BEFORE - MINUTE])
async def test_T56_a_moment_that_was_not_worked_out_is_frozen(world: World, moment: datetime) -> None:
    calendars = world.calendars(periods=[YEAR_END])
    assert await world.at(calendars, 0 * DAY) == ()
    assert [where for where, _ in calendars.problems(moment)] == ["prod"]


async def test_T56_a_rule_that_cannot_be_followed_freezes_its_environments_only(world: World) -> None:
    calendars = world.calendars(periods=[YEAR_END, BROKEN])
    ((where, what),) = await world.at(calendars, 0 * DAY)
    assert where == "dev"
    assert "freeze odd" in what
    assert "SECONDLY" in what
    assert [p.name for p in calendars.current(NOW).periods] == ["year-end"]


async def test_T56_servicenow_that_is_not_configured_is_frozen(world: World) -> None:
    ((_, what),) = await world.at(world.calendars(CHANGES, servicenow=False), 0 * DAY)
    assert "SERVICENOW_URL" in what


async def test_a_file_is_read_every_minute_and_addresses_every_five(world: World) -> None:
    calendars = world.calendars(FILE, ADDRESS, CHANGES)
    for seconds in range(0, 601, 10):
        await world.at(calendars, timedelta(seconds=seconds))
    counts = {name: world.reads.count(name) for name in world.reads}
    assert counts == {"freezes.ics": 11, ADDRESS.url: 3, "changes": 3}


async def test_a_short_max_age_means_more_reads(world: World) -> None:
    calendars = world.calendars(DeclaredCalendar("c", "freeze", ("prod",), (), 30.0, url="https://c.example.com/"))
    for seconds in range(0, 61, 5):
        assert await world.at(calendars, timedelta(seconds=seconds)) == ()
    assert len(world.reads) == 7


async def test_a_file_that_changes_is_followed(world: World) -> None:
    calendars = world.calendars(FILE)
    await world.at(calendars, 0 * DAY)
    world.file = ics("20261123", "20261124")
    await world.at(calendars, 2 * MINUTE)
    assert [p.start.day for p in calendars.current(world.now).periods] == [23]


async def test_the_days_move_with_the_clock_also_for_what_was_read_before(world: World) -> None:
    world.file = world.page = ics("20261130", "20261201")
    calendars = world.calendars(FILE, ADDRESS, periods=[YEAR_END])
    await world.at(calendars, 0 * DAY)
    assert [p.name for p in calendars.current(world.now).periods] == ["year-end"]
    world.page = Transient("away")
    await world.at(calendars, 100 * MINUTE)
    await world.at(calendars, 2 * DAY)
    assert [p.name for p in calendars.current(world.now).periods] == ["year-end", "company: s", "shop: s"]
    await world.at(calendars, -30 * DAY)
    assert calendars.problems(world.now)[-1][0] == "prod"


async def test_refreshes_at_the_same_time_read_once(world: World) -> None:
    calendars = world.calendars(FILE, ADDRESS)
    await asyncio.gather(*(calendars.refresh() for _ in range(5)))
    assert sorted(world.reads) == sorted([FILE.file, ADDRESS.url])


def standing(name: str, environment: str, services: tuple[str, ...], day: int, kind: str = "freeze") -> DeclaredPeriod:
    return DeclaredPeriod(
        kind, name, (environment,), services, datetime(2026, 11, day), datetime(2026, 11, day + 1), "UTC"
    )


@pytest.mark.parametrize(
    "environment,service,limit,expected",
    [
        ("prod", "payments", 5, ["now", "later"]),
        ("prod", "checkout", 5, ["now"]),
        ("prod", "payments", 1, ["now"]),
        ("prod", "payments", 0, []),
        ("staging", "payments", 5, ["staging"]),
        ("", "", 5, ["now", "staging", "later"]),
        ("dev", "", 5, []),
    ],
)
async def test_upcoming(world: World, environment: str, service: str, limit: int, expected: list[str]) -> None:
    periods = [
        standing("over", "prod", (), 20),
        standing("later", "prod", ("payments",), 23),
        standing("now", "prod", (), 21),
        standing("staging", "staging", (), 22),
        standing("window", "prod", (), 22, "change_window"),
    ]
    calendars = world.calendars(periods=periods)
    await calendars.refresh()
    assert [p.name for p in calendars.upcoming(NOW, environment, service, limit)] == expected


async def test_current_agrees_with_the_plain_meaning_of_a_weekly_rule_at_random_instants(world: World) -> None:
    """Tuesdays and Fridays from 22:00 to 06:00 in New York, asked at a thousand instants of a year."""
    zone = ZoneInfo("America/New_York")
    rule = DeclaredPeriod(
        "freeze",
        "nights",
        ("prod",),
        (),
        datetime(2026, 1, 2, 22),
        datetime(2026, 1, 3, 6),
        "America/New_York",
        "FREQ=WEEKLY;BYDAY=TU,FR",
    )
    calendars = world.calendars(periods=[rule])
    dice = random.Random(56)
    frozen = 0
    for second in sorted(dice.randrange(365 * 86_400) for _ in range(1000)):
        world.now = datetime(2026, 1, 2, 22, tzinfo=zone).astimezone(UTC) + timedelta(seconds=second)
        await calendars.refresh()
        local = world.now.astimezone(zone)
        evening = local.weekday() in (1, 4) and local.hour >= 22
        morning = local.weekday() in (2, 5) and local.hour < 6
        found = calendars.current(world.now)
        assert found.problems == ()
        assert any(p.start <= world.now < p.end for p in found.periods) == (evening or morning), local
        frozen += evening or morning
    assert 50 < frozen < 150


def test_declared_calendar_is_the_policy_alone() -> None:
    found = declared_calendar([YEAR_END, BROKEN], NOW, NOW + 8 * DAY)
    assert [p.name for p in found.periods] == ["year-end"]
    assert [where for where, _ in found.problems] == ["dev"]
