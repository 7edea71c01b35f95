"""The oracle's rules about when and how often: limits, freezes, change windows, circuit breakers.

Used by trust/oracle.py only, one function for each heading of docs/policy.md. Must not import guards/ at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from trust.oracle_words import FORBIDDEN, MISSING, Verdict, asked_or, seconds, somebody

if TYPE_CHECKING:
    from guards.context import Context, OpenBreaker, PastAct, Period

Policy = Mapping[str, Any]
GOOD_ENDS = ("succeeded", "running")  # stricter: what is neither, went wrong
OPEN = "breaker_open"
NEVER = datetime.max.replace(tzinfo=UTC)
UNREADABLE = "calendar_unreadable"


def recent(act: PastAct, now: datetime, window: str) -> bool:
    """Strictly inside the last window, or in the future."""
    return act.at > now - timedelta(seconds=seconds(window))


def limit(one: Mapping[str, Any], context: Context) -> Verdict:
    """One entry of `limits`."""
    for key, asked in (("env", context.environment), ("action", context.action), ("service", context.service)):
        if key in one and asked and one[key] != asked:
            return None
    for key, asked in (("env", context.environment), ("action", context.action), ("service", context.service)):
        if key in one and not asked:  # stricter: nobody can tell whether the limit holds
            return MISSING
    if context.now is None:
        return MISSING
    acts = []
    for act in context.history:
        if not recent(act, context.now, one["window"]):
            continue
        if "env" in one and act.environment != one["env"]:
            continue
        if "action" in one and act.action != one["action"]:
            continue
        if "service" in one and act.service != one["service"]:
            continue
        acts.append(act)
    return counted(one, context, acts)


def counted(one: Mapping[str, Any], context: Context, acts: list[PastAct]) -> Verdict:
    """Whether these acts reach the limit, by what it is `per`."""
    per = one["per"]
    if per == "global":
        return "rate_limited" if len(acts) >= one["max"] else None
    if per == "person":
        if not somebody(context):
            return MISSING
        found = sum(1 for act in acts if act.actor == somebody(context))
        return "rate_limited" if found >= one["max"] else None
    if not context.action:
        return MISSING
    same = [act for act in acts if act.action == context.action]
    if per == "action":
        return "rate_limited" if len(same) >= one["max"] else None
    if per == "service":
        if not context.service:
            return MISSING
        found = sum(1 for act in same if act.service == context.service)
        return "rate_limited" if found >= one["max"] else None
    if not context.targets:
        return MISSING
    for target in context.targets:
        if sum(1 for act in same if act.target == target) >= one["max"]:
            return "rate_limited"
    return None


def unreadable(context: Context) -> bool:
    """Whether there is no calendar, or one of this environment could not be read."""
    if context.calendar is None:
        return True
    return any(environment in {"", context.environment} for environment, _ in context.calendar.problems)


def freeze(policy: Policy, context: Context) -> Verdict:
    """Freezes, maintenance, and what cannot be read."""
    if context.risk == "read":
        return None
    watched = bool(policy.get("freezes") or policy.get("maintenance") or policy.get("calendars"))
    if context.calendar is None:
        return UNREADABLE if watched else None
    if not watched and not context.calendar.periods:
        return None
    if context.now is None or not context.environment:
        return MISSING
    found: set[str] = set()
    for period in context.calendar.periods:
        if period.kind == "change_window":
            continue
        if context.environment not in period.environments or not period.start <= context.now < period.end:
            continue
        if not period.services or context.service in period.services:
            found.add("maintenance" if period.kind == "maintenance" else "frozen")
        elif not context.service:  # stricter: it may be the service that the period is about
            found.add(MISSING)
    if watched and unreadable(context):
        found.add(UNREADABLE)
    for code in ("frozen", "maintenance", MISSING, UNREADABLE):
        if code in found:
            return code
    return None


def change_window(policy: Policy, context: Context) -> Verdict:
    """Inside one of the windows that are for this."""
    if context.risk == "read":
        return None
    windows = policy.get("change_windows", ())
    if windows and not context.environment:
        return MISSING
    windows = [w for w in windows if context.environment in w["environments"]]
    if not context.service and any(w.get("services") for w in windows):
        return MISSING  # stricter: nobody can tell which windows are for it
    mine = [w for w in windows if not w.get("services") or context.service in w["services"]]
    if not mine:
        return None
    if context.now is None:
        return MISSING
    if unreadable(context):  # stricter: what is written in a calendar that cannot be read is not known
        return UNREADABLE
    periods: tuple[Period, ...] = context.calendar.periods if context.calendar is not None else ()
    for period in periods:
        if period.kind != "change_window" or context.environment not in period.environments:
            continue
        if period.services and context.service not in period.services:
            continue
        if period.start <= context.now < period.end:
            return None
    return "outside_change_window"


def opened(entries: list[OpenBreaker], cooldown: str, context: Context, now: datetime) -> str:
    """What the open breakers of one key mean now: `open`, or `half open`, which is when people may be asked."""
    for entry in entries:
        if now < entry.opened_at + timedelta(seconds=seconds(cooldown)):
            return "open"
        if entry.trial_run and entry.trial_run != context.run:
            return "open"
    return "half open"


def state_of_breaker(name: str, breaker: Mapping[str, Any], context: Context, now: datetime) -> str:
    """`closed`, `open` or `half open`."""
    history = context.history
    if name == "incident":
        acts = [act for act in history if act.incident == context.incident and act.result not in GOOD_ENDS]
        return "half open" if len(acts) >= breaker["failures"] else "closed"
    if name == "remediation":
        key = f"remediation:{context.environment}/{context.service}/{context.action}"
        place = (context.environment, context.service, context.action)
        acts = [act for act in history if (act.environment, act.service, act.action) == place]
        most = breaker["max"]
    else:
        key = "global"
        acts = [act for act in history if act.result not in GOOD_ENDS]
        most = breaker["failures"]
    entries = [entry for entry in context.breakers if entry.key == key]
    if entries:
        return opened(entries, breaker["cooldown"], context, now)
    return "open" if sum(1 for act in acts if recent(act, now, breaker["window"])) >= most else "closed"


def circuit_breaker(name: str, breaker: Mapping[str, Any], policy: Policy, context: Context) -> Verdict:
    """One of the breakers that the policy has: `remediation`, `global` or `incident`."""
    if context.risk == "read":
        return None
    if name == "incident" and not context.incident:  # stricter: it could be an incident that failed too often
        return MISSING
    if name == "remediation" and not (context.environment and context.service and context.action):
        return MISSING
    now = context.now
    if now is None and name != "incident":
        return MISSING
    state = state_of_breaker(name, breaker, context, now or NEVER)
    if state == "closed":
        return None
    if state == "open":
        return OPEN
    if context.actor is None or not somebody(context):
        return MISSING
    return OPEN if context.actor.is_bot else asked_or(policy, context, FORBIDDEN)
