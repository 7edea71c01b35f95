"""Calendars: freezes, maintenance and change windows of policy.yaml and of imported calendars, for the guards.

Made by bot/assembly.py, refreshed by bot/app.py, asked by bot/stages through Equipment. Recurrence, iCalendar and
ServiceNow end here: what leaves is a `guards.Calendar` of plain periods, and everything unreadable is frozen (T56).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from bot.calendars.loader import Calendars, CalendarState, declared_calendar
from bot.calendars.reading import Changes, allow_list, fetcher, file_reader
from bot.clients.http import HttpClient
from guards.policy import Policy

__all__ = ["CalendarState", "Calendars", "allow_list", "declared_calendar", "make_calendars"]


def make_calendars(
    policy: Policy,
    *,
    folder: Path,
    http: HttpClient,
    servicenow: Changes | None,
    services: Collection[str],
    clock: Callable[[], datetime],
) -> Calendars:
    """The calendars of a policy, not read yet: await `refresh()` before the first use.

    folder: where policy.yaml lies; http: a client with `allow_list(policy.calendars, http_hosts)`; servicenow: None when
    it is not configured; services: names in the catalogue.
    """
    return Calendars(
        policy.periods,
        policy.calendars,
        read_file=file_reader(folder),
        fetch=fetcher(http),
        servicenow=servicenow,
        services=services,
        clock=clock,
    )
