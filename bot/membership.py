"""Who is in which approving group at this moment: people.yaml's own lists, Slack user groups, PagerDuty schedules.

Made by bot/assembly.py; asked by bot/requests.py at every click and by bot/stages/execute.py before the first act, never
inside a transaction. What cannot be looked up, or is older than a minute, is not known, and then nobody counts (T02).
Must not decide who may approve: that is guards/tally.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.errors import CountersignError
from bot.services import GroupSource, People

FRESH = timedelta(seconds=60)  # trust case T02
PATIENCE = 3.0  # seconds for one lookup
Lookup = Callable[[str], Awaitable[Iterable[str]]]


@dataclass(frozen=True, slots=True)
class Membership:
    """members: group -> person ids. unknown: group -> why its members could not be learned."""

    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)

    def of(self, person_id: str) -> frozenset[str]:
        """The groups that this person is known to be in."""
        return frozenset(name for name, people in self.members.items() if person_id in people)

    def why_unknown(self, groups: Iterable[str]) -> str:
        """One sentence on those of the groups that are not known; empty when all are."""
        return "; ".join(f"{name}: {self.unknown[name]}" for name in sorted(set(groups)) if name in self.unknown)


class Groups:
    """usergroup: Slack user group id -> Slack user ids. schedule: PagerDuty schedule id -> PagerDuty user ids on call now.

    Either is None when that system is not configured. team: our Slack workspace. clock: UTC now.
    """

    def __init__(
        self,
        people: People,
        team: str,
        clock: Callable[[], datetime],
        *,
        usergroup: Lookup | None = None,
        schedule: Lookup | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._people = people
        self._team = team
        self._clock = clock
        self._usergroup = usergroup
        self._schedule = schedule
        self._patience = patience
        self._known: dict[str, tuple[datetime, frozenset[str]]] = {}

    async def resolve(self, groups: Iterable[str]) -> Membership:
        """The members of these groups, each at most a minute old. Never raises: what cannot be learned is `unknown`."""
        names = tuple(dict.fromkeys(groups))
        found = await asyncio.gather(*(self._members(name) for name in names))
        pairs = list(zip(names, found, strict=True))
        return Membership(
            {name: members for name, members in pairs if not isinstance(members, str)},
            {name: members for name, members in pairs if isinstance(members, str)},
        )

    def forget(self) -> None:
        """Ask again next time (Slack said that a user group changed)."""
        self._known.clear()

    async def _members(self, name: str) -> frozenset[str] | str:
        """The people, or why they are not known."""
        declared = self._people.groups.get(name)
        if declared is None:
            return "people.yaml has no such group"
        if not isinstance(declared, GroupSource):
            return frozenset(declared)
        now = self._clock()
        kept = self._known.get(name)
        if kept is not None and timedelta(0) <= now - kept[0] < FRESH:
            return kept[1]
        self._known.pop(name, None)
        asked = await self._ask(declared)
        if not isinstance(asked, str):
            self._known[name] = (now, asked)
        return asked

    async def _ask(self, declared: GroupSource) -> frozenset[str] | str:
        in_slack = bool(declared.slack_usergroup)
        lookup, system = (self._usergroup, "Slack") if in_slack else (self._schedule, "PagerDuty")
        if lookup is None:
            return f"{system} is not configured"
        try:
            async with asyncio.timeout(self._patience):
                accounts = list(await lookup(declared.slack_usergroup or declared.pagerduty_schedule))
        except TimeoutError:
            return f"{system} did not answer within {self._patience:g} s"
        except CountersignError as error:
            return f"{system} could not say ({error})"
        of = (lambda user: self._people.by_slack(self._team, user)) if in_slack else self._people.by_pagerduty
        return frozenset(person.id for person in map(of, accounts) if person is not None)
