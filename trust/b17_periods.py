"""B17: periods of time as people write them, and when they are on, reckoned a second time.

Used by trust/b17_model.py (when is it frozen) and trust/b17_world.py (what is written into the policy and into calendars).
Shares no code with guards/ or bot/calendars: day by day, with nothing but zoneinfo. Knows docs/policy.md, freeze.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
KINDS = ("freeze", "freeze", "maintenance")
# The clocks change a few hours or days after each of these, somewhere in ZONES; the last one is an ordinary week.
BEGINNINGS = (
    datetime(2026, 10, 24, 21, 0, tzinfo=UTC),
    datetime(2026, 10, 31, 23, 30, tzinfo=UTC),
    datetime(2027, 3, 13, 22, 0, tzinfo=UTC),
    datetime(2027, 3, 27, 20, 0, tzinfo=UTC),
    datetime(2026, 10, 3, 12, 0, tzinfo=UTC),
    datetime(2026, 11, 21, 3, 0, tzinfo=UTC),
)


@dataclass(frozen=True, slots=True)
class Written:
    """One period of the policy. start: local, without a zone; length: by the clock on the wall. services empty: all.

    every: `` (once), `day`, `week` or `month`. interval: of days. days: places in WEEKDAYS. most: COUNT of days, 0 none.
    """

    kind: str
    name: str
    environments: tuple[str, ...]
    services: tuple[str, ...]
    start: datetime
    length: timedelta
    zone: str
    every: str = ""
    interval: int = 1
    days: tuple[int, ...] = ()
    most: int = 0

    def as_policy(self) -> dict[str, object]:
        """As policy.yaml has it."""
        rules = {
            "": "",
            "day": f"FREQ=DAILY;INTERVAL={self.interval}" + (f";COUNT={self.most}" if self.most else ""),
            "week": f"FREQ=WEEKLY;BYDAY={','.join(WEEKDAYS[day] for day in self.days)}",
            "month": f"FREQ=MONTHLY;BYMONTHDAY={self.start.day}",
        }
        return {
            "name": self.name,
            "environments": list(self.environments),
            **({"services": list(self.services)} if self.services else {}),
            "start": self.start.isoformat(timespec="minutes"),
            "end": (self.start + self.length).isoformat(timespec="minutes"),
            "timezone": self.zone,
            **({"repeat": rules[self.every]} if self.every else {}),
        }

    def begins_on(self, day: date) -> bool:
        """Whether an occurrence begins on that local day. The written start is always the first."""
        past = (day - self.start.date()).days
        if past <= 0:
            return past == 0
        if self.every == "day":
            return past % self.interval == 0 and (not self.most or past // self.interval < self.most)
        if self.every == "week":
            return day.weekday() in self.days
        return self.every == "month" and day.day == self.start.day

    def on(self, now: datetime) -> bool:
        """Whether it is on. An hour that happens twice or never is read as what allows less: as a longer period."""
        return any(begins <= now < ends for begins, ends in self.around(now))

    def around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The occurrences (UTC) that begin in the days before and after a moment."""
        local = now.astimezone(ZoneInfo(self.zone)).date()
        days = int(self.length / DAY) + 3
        for past in range(-2, days):
            day = local - past * DAY
            if self.begins_on(day):
                begins = datetime.combine(day, self.start.time())
                yield min(both(begins, self.zone)), max(both(begins + self.length, self.zone))


def both(local: datetime, zone: str) -> tuple[datetime, datetime]:
    """The two readings of a time on the wall; mostly the same."""
    made = [local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)]
    return made[0], made[1]


def draw(dice: Random, begin: datetime, environments: Sequence[str], services: Sequence[str], number: int) -> Written:
    """A period that is on now and then in the days after `begin`."""
    zone = dice.choice(ZONES)
    local = begin.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    start = local.replace(second=0, microsecond=0) + timedelta(minutes=dice.randrange(-36 * 60, 60 * 60))
    every = dice.choice(("", "", "day", "day", "week", "month"))
    if every:
        start -= dice.choice((0, 1, 6, 40)) * DAY
    if every == "month":
        start = start.replace(day=dice.choice((1, 24, 25, 28)))
    if dice.random() < 0.4:  # at the hours that happen twice or never
        start = datetime.combine(start.date(), time(dice.randrange(1, 4), dice.choice((0, 30, 59))))
    return Written(
        kind=dice.choice(KINDS),
        name=f"period-{number}",
        environments=tuple(dice.sample(sorted(environments), dice.randint(1, len(environments)))),
        services=tuple(dice.sample(sorted(services), 1)) if dice.random() < 0.4 else (),
        start=start,
        length=timedelta(minutes=dice.choice((1, 30, 60, 90, 240, 600, 1500))),
        zone=zone,
        every=every,
        interval=dice.randint(1, 3),
        days=tuple(sorted({start.weekday(), *dice.sample(range(7), dice.randint(0, 3))})),
        most=dice.choice((0, 0, 2, 5, 60)),
    )


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a calendar file, repeated daily so often. start, end: UTC. fake: it does not count, and says so."""

    start: datetime
    end: datetime
    times: int = 1
    fake: str = ""

    def on(self, now: datetime) -> bool:
        """Whether it is on."""
        return not self.fake and any(self.start + n * DAY <= now < self.end + n * DAY for n in range(self.times))

    def as_ical(self, number: int, zone: str) -> str:
        """As a calendar file has it, in UTC or, when it happens once and the hour is clear, in a zone."""
        rule = f"RRULE:FREQ=DAILY;COUNT={self.times}\r\n" if self.times > 1 else ""
        zoned = not rule and all(len(set(both(self._local(at, zone), zone))) == 1 for at in (self.start, self.end))
        lines = [
            f"{key};TZID={zone}:{self._local(at, zone):%Y%m%dT%H%M%S}" if zoned else f"{key}:{at:%Y%m%dT%H%M%SZ}"
            for key, at in (("DTSTART", self.start), ("DTEND", self.end))
        ]
        ours = "\r\n".join(lines)
        return f"BEGIN:VEVENT\r\nUID:e{number}\r\n{ours}\r\n{rule}{self.fake}SUMMARY:busy\r\nEND:VEVENT\r\n"

    def _local(self, at: datetime, zone: str) -> datetime:
        return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def draw_events(dice: Random, begin: datetime) -> tuple[Event, ...]:
    """What a calendar says at one time."""
    made = []
    for _ in range(dice.randint(0, 3)):
        start = begin.replace(minute=0, second=0, microsecond=0) + timedelta(minutes=dice.randrange(-600, 4000))
        length = timedelta(minutes=dice.choice((5, 60, 300, 900)))
        fake = dice.choice(("", "", "", "", "STATUS:CANCELLED\r\n", "TRANSP:TRANSPARENT\r\n"))
        made.append(Event(start, start + length, dice.choice((1, 1, 1, 3)), fake))
    return tuple(made)


def calendar_file(events: Sequence[Event], zone: str) -> bytes:
    """The events as a calendar file."""
    text = "".join(event.as_ical(number, zone) for number, event in enumerate(events))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//trust//EN\r\n{text}END:VCALENDAR\r\n".encode()
