"""No change while a freeze or a maintenance is on (mission G4, cases T56 and X11; docs/policy.md, freeze).

Compiled into every policy. Looks only at the occurrences in the context's calendar; recurrence, time zones and imports
are worked out before. What cannot be read counts as frozen. Must not read a calendar or a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from guards.context import Context, Period
from guards.decision import Allow, Deny, Verdict
from guards.missing import missing
from guards.periods import as_names, is_on, problem_of

_CODES = {"freeze": "frozen", "maintenance": "maintenance"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Denies `frozen`, `maintenance` or `calendar_unreadable`; allows what merely reads.

    watched: the policy has freezes, maintenance or calendars at all, so that a context without a calendar is a refusal.
    A period that is on denies whether watched or not, and one of a kind that is not known counts as a freeze.
    """

    watched: bool
    rule: ClassVar[str] = "freeze"

    def check(self, context: Context) -> Verdict:
        """Deny while a period is on, when one may be on, and when the calendar of this environment is not known."""
        return self.examine(context)[0]

    def inputs(self, context: Context) -> Mapping[str, object]:
        """The moment, the place, and the periods that are on there."""
        return self.examine(context)[1]

    def examine(self, context: Context) -> tuple[Verdict, Mapping[str, object]]:
        """Both answers from one look at the calendar."""
        on: list[Period] = []
        verdict = self._verdict(context, on)
        return verdict, {
            "watched": self.watched,
            "environment": context.environment,
            "service": context.service,
            "now": context.now.isoformat() if context.now else "",
            "on": tuple(f"{period.kind} {period.name} until {period.end.isoformat()}" for period in on),
        }

    def _verdict(self, context: Context, on: list[Period]) -> Verdict:
        """The verdict; `on` is filled with the periods that are on, the one to name first."""
        if context.risk == "read":
            return Allow("It only reads.")
        calendar = context.calendar
        if calendar is None:
            return _unreadable("nobody has read it") if self.watched else Allow("No freeze is written.")
        if not (self.watched or calendar.periods):
            return Allow("No freeze is written.")
        if not context.environment:
            return missing("environment")
        if context.now is None:
            return missing("now")
        here = [p for p in calendar.periods if p.kind != "change_window" and is_on(p, context.environment, context.now)]
        on += [p for p in here if not as_names(p.services) or context.service in p.services]
        on.sort(key=lambda period: (period.kind == "maintenance", period.name, period.end))
        if on:
            return _on(on[0], context.environment)
        if not context.service and here:
            return missing("service")
        problem = problem_of(calendar, context.environment)
        if self.watched and problem is not None:
            return _unreadable(problem)
        return Allow(f"No freeze and no maintenance is on in {context.environment}.")


def _on(period: Period, environment: str) -> Deny:
    end = period.end.isoformat(timespec="minutes")
    what = "People are at work on it" if period.kind == "maintenance" else "Changes are frozen"
    return Deny(
        code=_CODES.get(period.kind, "frozen"),
        reason=f"{what} in {environment} ({period.name}).",
        remedy=f"Wait until {end}, or let a person do it by hand.",
    )


def _unreadable(problem: str) -> Deny:
    return Deny(
        code="calendar_unreadable",
        reason=f"It is not known whether changes are frozen: {problem}.",
        remedy="Have the calendar mended; one that cannot be read counts as a freeze.",
    )
