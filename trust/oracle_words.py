"""The words of the oracle: durations, questions, the approval of an environment, targets.

Used by the other oracle modules only. Must not import anything from guards/ at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from guards.context import Context

APPROVAL = "approval"
CONFIRMATION = "confirmation"
MISSING = "missing_context"
FAILED = "guard_error"
FORBIDDEN = "forbidden"
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Question(NamedTuple):
    """What people are asked: kind, seconds until no answer is a no, and who may answer (people: how many, 0 in a confirmation)."""

    kind: str
    seconds: float
    people: int
    any_of: frozenset[str]
    all_of: frozenset[str]


# None: nothing against it. A word: denied with that code.
Verdict = str | Question | None


@cache
def seconds(duration: str) -> float:
    """`90s`, `15m`, `1h`, `2d` in seconds."""
    return float(duration[:-1]) * UNITS[duration[-1]]


def plain(name: str) -> str:
    """A name without its letter case and its surrounding blanks."""
    return name.strip().casefold()


def somebody(context: Context) -> str:
    """Id of the person or bot that asks; empty (stricter) for nobody, and for one without an id."""
    return context.actor.id if context.actor is not None else ""


def environment_of(target: str) -> str | None:
    """The environment in `kind:environment/name`; None (stricter: it lies nowhere) for anything but such a key."""
    if "*" in target or " " in target or not target.isprintable():
        return None
    kind, colon, rest = target.partition(":")
    environment, slash, name = rest.partition("/")
    if not (kind and colon and environment and slash and name):
        return None
    return environment


def approval_of(policy: Mapping[str, Any], context: Context) -> Question | None:
    """The approval of the context's environment and tier; None when the environment has no entry."""
    entry = policy.get("approvals", {}).get(context.environment)
    if entry is None:
        return None
    tiers = entry.get("tiers", {})
    # a tier that is not known could be any of them, so it needs what each would need
    rows = [entry, *tiers.values()] if context.tier is None else [{**entry, **tiers.get(context.tier, {})}]
    return Question(
        APPROVAL,
        min(seconds(row["timeout"]) for row in rows if "timeout" in row),
        max(row["count"] for row in rows if "count" in row),
        frozenset(entry["any_of"]),
        frozenset(group for row in rows for group in row.get("all_of", ())),
    )


def asked_or(policy: Mapping[str, Any], context: Context, code: str) -> Verdict:
    """The approval of the environment; where it has none, a denial with this code."""
    return approval_of(policy, context) or code
