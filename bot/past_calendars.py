"""The calendar that a policy would have had at a moment of the past, from what was recorded then; for bot/backtest.py.

Freezes, maintenance and windows are worked out from the new policy. What was imported is taken from the recorded calendar,
for as long as the new policy imports a calendar of that name. A recorded calendar can be most of a context's text and is
the same in the next decision, so it is read once for as long as it does not change. Must not decide anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.calendars import declared_calendar
from guards.context import Calendar
from guards.policy import Policy
from guards.recording import from_data

KEY = '"calendar":'
MARK = KEY + '{"periods":'  # cannot stand inside a JSON text: its quotation marks would have backslashes there
SEPARATOR = (
    ": "  # between a calendar's name and what it holds (bot/calendars); a declared period has no blank in its name
)
DECLARED = ("freeze", "maintenance", "change_window")
DAY = timedelta(days=1)
AHEAD = timedelta(days=9)  # a day of decisions, and the eight days ahead that the bot looks at
STRETCH = timedelta(days=14)  # worked out at once; longer, and a rule of 24 times a day would be too many
READ = json.JSONDecoder()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PastCalendars:
    """The calendars of one policy, at any moment."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._imports = frozenset(calendar.name for calendar in policy.calendars)
        self._stretches: dict[datetime, Calendar] = {}
        self._days: dict[datetime, Calendar] = {}
        self._text = ""
        self._imported = Calendar()
        self._together: dict[datetime, Calendar] = {}

    def parted(self, text: str) -> tuple[dict[str, Any], Calendar]:
        """A recorded context as data without its calendar, and what of that calendar still counts.

        Raises ValueError, and KeyError, TypeError or AttributeError for a record of another shape.
        """
        at = text.find(MARK)
        if at < 0:
            data = json.loads(text)
            self._read(data.pop("calendar", {"periods": [], "problems": []}), "")
            return data, self._imported
        begins = at + len(KEY)
        end = begins + len(self._text)
        if not self._text or not text.startswith(self._text, begins):
            value, end = READ.raw_decode(text, begins)
            self._read(value, text[begins:end])
        data = json.loads(f"{text[:begins]}null{text[end:]}")
        del data["calendar"]
        return data, self._imported

    def at(self, now: datetime, imported: Calendar) -> Calendar:
        """Everything that the guards would have known at that moment. imported: as `parted` gave it last."""
        day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if imported is not self._imported:
            return _both(self._around(day), imported)
        found = self._together.get(day)
        if found is None:
            found = self._together[day] = _both(self._around(day), imported)
        return found

    def _read(self, value: Mapping[str, Any], text: str) -> None:
        periods = [period for period in value["periods"] if self._is_imported(period[1])]
        problems = [problem for problem in value["problems"] if self._still_a_problem(problem[1])]
        made = from_data({"calendar": {"periods": periods, "problems": problems}}).calendar
        self._imported, self._text, self._together = made or Calendar(), text, {}

    def _is_imported(self, name: str) -> bool:
        return name.partition(SEPARATOR)[0] in self._imports

    def _still_a_problem(self, text: str) -> bool:
        """Of an imported calendar, or of all of them; those of declared periods are worked out anew."""
        what, _, rest = text.partition(" ")
        return self._is_imported(rest) if what == "calendar" else what not in DECLARED

    def _around(self, day: datetime) -> Calendar:
        """What the policy declares for the days around this one."""
        found = self._days.get(day)
        if found is None:
            first = EPOCH + (day - EPOCH) // STRETCH * STRETCH
            stretch = self._stretches.get(first)
            if stretch is None:
                stretch = declared_calendar(self._policy.periods, first - DAY, first + STRETCH + AHEAD)
                self._stretches[first] = stretch
            start, end = day - DAY, day + AHEAD
            near = tuple(period for period in stretch.periods if period.start < end and period.end > start)
            found = self._days[day] = Calendar(near, stretch.problems)
        return found


def _both(declared: Calendar, imported: Calendar) -> Calendar:
    return Calendar((*declared.periods, *imported.periods), (*declared.problems, *imported.problems))
