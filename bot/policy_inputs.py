"""What policy looks at outside the store: calendars, approving groups, promotion records. Made once by bot/app.py.

Calendars have an HTTP client of their own, so that a runbook's request can never reach a calendar's host and the other
way round. Must not decide anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.assembly import Clients, utc_now
from bot.calendars import Calendars, allow_list, make_calendars
from bot.clients.http import HttpClient
from bot.config import Configuration
from bot.errors import ConfigurationError
from bot.membership import Groups
from guards.policy import Policy
from runbooks.ladder import Ladder
from runbooks.promotion_records import PromotionRecords

LARGEST_CALENDAR = 1 << 20  # bytes
REFRESH_SECONDS = 15.0  # a look at what is due; files are read once a minute, addresses every five


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """calendars: asked before every step, from memory. groups: asked at every click and before every first act."""

    calendars: Calendars
    groups: Groups
    http: HttpClient

    async def keep_fresh(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Read the calendars again and again, until cancelled."""
        while True:
            await self.calendars.refresh()
            await sleep(REFRESH_SECONDS)

    async def close(self) -> None:
        """Close the calendars' connections."""
        await self.http.close()


def make(
    found: Configuration, policy: Policy, clients: Clients, clock: Callable[[], datetime] = utc_now
) -> PolicyInputs:
    """Calendars are not read yet: await `calendars.refresh()` before the first decision; until then all is frozen."""
    http = HttpClient(allow_list(policy.calendars, found.file.http_hosts), keep=LARGEST_CALENDAR)
    calendars = make_calendars(
        policy,
        folder=(found.path.parent / found.file.policy).parent,
        http=http,
        servicenow=clients.servicenow,
        services={service.name for service in found.catalogue.services},
        clock=clock,
    )

    async def schedule(name: str) -> Iterable[str]:
        return [] if clients.pagerduty is None else await clients.pagerduty.on_schedule(name)

    groups = Groups(
        found.people,
        found.file.slack.team,
        clock,
        usergroup=clients.slack.usergroup_members,
        schedule=schedule if clients.pagerduty is not None else None,
    )
    return PolicyInputs(calendars, groups, http)


def make_promotions(found: Configuration, policy: Policy) -> PromotionRecords:
    """The promotion records. One that cannot be read promotes nothing, and is in `problems`.

    Raises ConfigurationError for a ladder that makes no sense.
    """
    given = found.file.promotion
    place = f"{found.path.name}: promotion"
    unknown = sorted({*given.ladder, *given.without_record} - set(policy.environments))
    if unknown:
        fix = f"use the environments of policy.yaml: {', '.join(policy.environments)}."
        raise ConfigurationError(f"{', '.join(unknown)} is no environment of the policy.", place=place, fix=fix)
    if len(set(given.ladder)) != len(given.ladder) or given.ladder[:1] not in ((), (policy.lowest_environment,)):
        fix = f"begin with {policy.lowest_environment} and name each environment once, the riskiest last."
        raise ConfigurationError("the ladder is not in order.", place=f"{place}.ladder", fix=fix)
    ladder = Ladder(policy.lowest_environment, given.ladder, frozenset(given.without_record))
    return PromotionRecords(found.promotion_folders, ladder, demotes=given.demote_on_failure)
