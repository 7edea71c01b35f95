"""The oracle's rules about who asks for what and where: stops, environment, role, scope, lease, matrix, autonomy.

Used by trust/oracle.py only, one function for each heading of docs/policy.md. Must not import guards/ at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from trust.oracle_words import (
    CONFIRMATION,
    FORBIDDEN,
    MISSING,
    Question,
    Verdict,
    approval_of,
    asked_or,
    environment_of,
    plain,
    seconds,
    somebody,
)

if TYPE_CHECKING:
    from guards.context import Context

Policy = Mapping[str, Any]
AUTONOMY = ("shadow", "suggest", "approve", "auto")


def kill_switch(_: Policy, context: Context) -> Verdict:
    """A stop that matches; of several, one that stops reads too is named before `monitor_only`."""
    watching = False
    for stop in context.stops:
        if stop.level == "monitor":
            watching = watching or context.risk != "read"
            continue
        if stop.level == "environment":
            asked = context.environment
        elif stop.level == "service":
            asked = context.service
        elif stop.level == "action":
            asked = context.action
        else:
            return "kill_switch"  # `all`, and every level that nobody knows
        if plain(stop.name) in {"", plain(asked)} or not plain(asked):
            return "kill_switch"
    return "monitor_only" if watching else None


def known_environment(policy: Policy, context: Context) -> Verdict:
    """An environment of the matrix, and every target in it."""
    if not context.environment or not context.targets:
        return MISSING
    if context.environment not in policy["matrix"]:
        return "unknown_environment"
    for target in context.targets:
        if environment_of(target) != context.environment:
            return "target_environment"
    return None


def require_role(policy: Policy, context: Context) -> Verdict:
    """The bot, or somebody with a role of `requesters`."""
    if context.actor is None or not somebody(context):
        return MISSING
    if context.actor.is_bot:
        return None
    allowed = policy.get("requesters", {}).get("roles", ())
    for role in context.actor.roles:
        if role in allowed:
            return None
    return "wrong_role"


def scopes(_: Policy, context: Context) -> Verdict:
    """The environment is one of the scopes, letter by letter."""
    if not context.environment:  # an empty scope does not hold an environment that nobody named
        return MISSING
    return None if context.environment in context.scopes else "out_of_scope"


def exclusive(_: Policy, context: Context) -> Verdict:
    """No other run holds a target."""
    if not context.targets:
        return MISSING
    for target in context.targets:
        if target not in context.holders:
            continue
        if not context.run or context.holders[target] != context.run:  # stricter: no run of a name is another run
            return "target_busy"
    return None


def word_of_matrix(policy: Policy, context: Context) -> str | None:
    """The cell of the matrix, or of its tier; None when there is none."""
    tier = policy.get("tiers", {}).get(context.environment, {}).get(context.tier, {})
    found: str | None = tier.get(context.risk) or policy["matrix"].get(context.environment, {}).get(context.risk)
    return found


@cache
def moment(written: str) -> datetime:
    """`2026-12-31T00:00:00Z` as a moment."""
    return datetime.fromisoformat(written)


def standing(policy: Policy, context: Context) -> frozenset[str]:
    """Ids of the standing approvals that fit. Without a moment none does."""
    found = set()
    for one in policy.get("standing", ()):
        if one["runbook"] != context.runbook or one["action"] != context.action:
            continue
        if one["service"] != context.service or one["environment"] != context.environment:
            continue
        if context.now is None or context.now >= moment(one["until"]):
            continue
        if sum(1 for act in context.history if act.standing == one["id"]) < one["max"]:
            found.add(one["id"])
    return frozenset(found)


def answered(policy: Policy, context: Context) -> frozenset[str]:
    """Ids of the standing approvals of which one answers the matrix; empty where it asks people, or nobody."""
    if matrix({**policy, "standing": ()}, context) == approval_of(policy, context) is not None:
        return standing(policy, context)
    return frozenset()


def matrix(policy: Policy, context: Context) -> Verdict:
    """The word of the cell, and what it asks."""
    if not context.environment or not context.risk or not context.action:
        return MISSING
    if context.risk == "forbidden":
        return FORBIDDEN
    tiers = policy.get("tiers", {}).get(context.environment, {})
    word = word_of_matrix(policy, context)
    if context.tier is None and any(row.get(context.risk, word) != word for row in tiers.values()):
        return MISSING  # stricter: the cell depends on a tier that nobody knows
    if word is None or word == "forbid":
        return FORBIDDEN
    if word == "auto":
        return None
    by_bot = context.actor is not None and context.actor.is_bot
    if word == "confirm" and not by_bot:
        return Question(CONFIRMATION, seconds(policy["confirmation_timeout"]), 0, frozenset(), frozenset())
    question = approval_of(policy, context)
    if question is None:  # also where a standing approval fits: the matrix asks nothing that it could answer
        return FORBIDDEN
    return None if standing(policy, context) else question


def autonomy(policy: Policy, context: Context) -> Verdict:
    """The lower of what the policy and the runbook let the bot do."""
    if context.risk == "read":
        return None
    if context.autonomy not in {"", *AUTONOMY}:
        return "autonomy"  # stricter: a word that nobody knows is the most of nothing
    cell = policy.get("autonomy", {}).get(context.environment, {}).get(context.risk, "suggest")
    lower = min(AUTONOMY.index(cell), AUTONOMY.index(context.autonomy or "suggest"))
    if AUTONOMY[lower] == "shadow":
        return "shadow"
    if context.actor is None or not somebody(context):
        return MISSING
    if not context.actor.is_bot:
        return None
    if AUTONOMY[lower] == "suggest":
        return "autonomy"
    if AUTONOMY[lower] == "approve":
        return asked_or(policy, context, FORBIDDEN)
    return None
