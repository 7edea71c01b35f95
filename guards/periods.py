"""Which occurrences of a freeze, a maintenance or a change window are on, and which calendars cannot be read.

Called by guards/freeze.py and guards/change_window.py. Strict about shapes, because `"prod" in "production"` is true: a
list of names that is not a tuple raises, and the chain then denies. Must not work out recurrence.
"""

from __future__ import annotations

from datetime import datetime

from guards.context import Calendar, Period


def is_on(period: Period, environment: str, now: datetime) -> bool:
    """Whether the period is on in that environment: start <= now < end. Its services are the caller's business.

    Raises TypeError for environments that are not a tuple, and when only one of the times has a zone.
    """
    return environment in as_names(period.environments) and period.start <= now < period.end


def as_names(listed: tuple[str, ...]) -> tuple[str, ...]:
    """The same list. Raises TypeError when it is not a tuple."""
    if not isinstance(listed, tuple):
        raise TypeError("environments and services must be tuples of names")
    return listed


def problem_of(calendar: Calendar, environment: str) -> str | None:
    """What is wrong with a calendar of that environment, or None. A problem without environment is everybody's."""
    return next((what for place, what in calendar.problems if place in ("", environment)), None)
