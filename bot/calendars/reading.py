"""Reading: where calendars come from (files, listed addresses, ServiceNow's changes), as functions for the loader.

Made by `make_calendars` in this room's __init__. Must not follow a redirect, leave the folder of the policy through a
link that was not written there, or name an address in an error: addresses of calendars are often secret.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from bot.calendars.events import MOST_BYTES
from bot.calendars.recurrence import Unreadable
from bot.clients.allow_list import AllowList
from bot.clients.http import HttpClient
from bot.clients.servicenow import PlannedChange
from bot.errors import Transient
from guards.context import Period
from guards.policy_periods import DeclaredCalendar

ReadFile = Callable[[str], bytes]
Fetch = Callable[[str], Awaitable[bytes]]

DEADLINE: Final = 15.0
"""Seconds for one request, as for the other clients."""

PASSING: Final = frozenset({408, 425, 429})


class Changes(Protocol):
    """What the loader needs of ServiceNow: bot/clients/servicenow.py has it."""

    async def planned_changes(self, start: datetime, end: datetime) -> list[PlannedChange]:
        """Approved changes that overlap start <= t < end. Raises Transient or Permanent."""
        ...


def file_reader(folder: Path) -> ReadFile:
    """Reads a calendar file; a relative path lies in `folder` (that of the policy). It blocks: call it in a thread."""

    def read(name: str) -> bytes:
        try:
            with (folder / name).open("rb") as file:
                return file.read(MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "this is no path"
            raise Unreadable(f"the file {name} cannot be read ({why})") from error

    return read


def allow_list(calendars: Iterable[DeclaredCalendar], http_hosts: Iterable[str]) -> AllowList:
    """Exactly the hosts of the calendars' addresses; a private address needs its network in `http_hosts` (case T28)."""
    hosts = AllowList.of(calendar.url for calendar in calendars if calendar.url).hosts
    return AllowList(hosts, AllowList.of(http_hosts).networks)


def fetcher(http: HttpClient) -> Fetch:
    """Fetches a calendar from a listed host, without redirects, within DEADLINE and the client's most bytes."""

    async def fetch(url: str) -> bytes:
        answer = await http.request("GET", url, deadline=DEADLINE, headers={"Accept": "text/calendar"})
        if answer.status >= 500 or answer.status in PASSING:
            raise Transient(f"the answer was {answer.status}")
        if answer.status != 200:
            also = "; redirects are not followed" if 300 <= answer.status < 400 else ""
            raise Unreadable(f"the answer was {answer.status}{also}")
        if answer.truncated or len(answer.body) < answer.total_bytes:
            raise Unreadable(f"it is larger than {len(answer.body)} bytes")
        return answer.body

    return fetch


def change_periods(
    changes: Iterable[PlannedChange], declared: DeclaredCalendar, services: Collection[str]
) -> tuple[Period, ...]:
    """Planned changes as periods of the services that they name. services: names in the catalogue.

    A change for something that is not in the catalogue is none of ours. One that names nothing at all might be about
    anything, so it counts for every service of the calendar.
    """
    known = {name.casefold(): name for name in services}
    found = []
    for change in changes:
        named = tuple(sorted({known[name.casefold()] for name in change.names if name.casefold() in known}))
        if declared.services:
            named = tuple(name for name in named if name in declared.services)
        if change.names and not named:
            continue
        words = " ".join(change.short_description.split())
        text = "".join(c for c in f"{declared.name}: {change.number} {words}" if c.isprintable())[:100]
        where = named or declared.services
        found.append(Period(declared.kind, text, declared.environments, where, change.start, change.end))
    return tuple(found)
