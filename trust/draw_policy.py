"""A random policy: a valid mapping as `policy.yaml` would hold it, any key of docs/policy.md in it or not.

Used by trust/cases.py. `dice` is a random.Random, or the one of Hypothesis, which shrinks. Must not look at guards/.
"""

from __future__ import annotations

from random import Random
from typing import Any

from trust.words import ACTIONS, ENVIRONMENTS, GROUPS, ROLES, RUNBOOKS, SERVICES, TIERS, WORDS

STRICT = {word: rank for rank, word in enumerate(WORDS)}
WINDOWS = ("30s", "10m", "1h", "1d")
COOLDOWNS = ("5m", "30m", "2h")
TIMEOUTS = ("60s", "15m", "1h")
SECONDS = {"60s": 60, "15m": 900, "1h": 3600}


def some(dice: Random, names: tuple[str, ...], least: int = 1) -> list[str]:
    """A few different names, `least` of them at least."""
    return dice.sample(names, dice.randint(least, len(names)))


def draw_matrix(dice: Random) -> dict[str, dict[str, str]]:
    """A row for two or three environments; a cell in ten is missing; more often permissive than not."""
    made: dict[str, dict[str, str]] = {}
    for environment in some(dice, ENVIRONMENTS, 2):
        row = {}
        if dice.random() < 0.9:
            row["read"] = dice.choice(("auto", "auto", "auto", "confirm", "approve"))
        for risk in ("safe", "caution"):
            if dice.random() < 0.9:
                row[risk] = dice.choice(("auto", "auto", "confirm", "confirm", "approve", "approve", "forbid"))
        if dice.random() < 0.5:
            row["forbidden"] = "forbid"
        made[environment] = row
    return made


def draw_tiers(dice: Random, matrix: dict[str, dict[str, str]]) -> dict[str, dict[int, dict[str, str]]]:
    """Stricter or equal cells for some tiers of some environments, only where the matrix has the cell."""
    made: dict[str, dict[int, dict[str, str]]] = {}
    for environment, row in matrix.items():
        if not row or dice.random() < 0.5:
            continue
        tiers = {}
        for tier in dice.sample(TIERS, dice.randint(1, 2)):
            risk = dice.choice(sorted(row))
            tiers[tier] = {risk: dice.choice(WORDS[STRICT[row[risk]] :])}
        made[environment] = tiers
    return made


def draw_autonomy(dice: Random, matrix: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What the bot may do by itself, in most cells."""
    made: dict[str, dict[str, str]] = {}
    for environment in matrix:
        row = {}
        for risk in ("safe", "caution"):
            if dice.random() < 0.93:
                row[risk] = dice.choice((*("auto",) * 8, "approve", "approve", "suggest", "shadow"))
        if row:
            made[environment] = row
    return made


def draw_approvals(
    dice: Random, matrix: dict[str, dict[str, str]], tiers: dict[str, dict[int, dict[str, str]]]
) -> dict[str, dict[str, Any]]:
    """Who approves, in every environment whose cells ask for approval and in some others; tiers are stricter."""
    made: dict[str, dict[str, Any]] = {}
    for environment, row in matrix.items():
        needed = "approve" in {
            *row.values(),
            *(word for tier in tiers.get(environment, {}).values() for word in tier.values()),
        }
        if not needed and dice.random() < 0.5:
            continue
        entry: dict[str, Any] = {
            "count": dice.randint(1, 2),
            "any_of": some(dice, GROUPS[:3]),
            "timeout": dice.choice(TIMEOUTS),
        }
        if dice.random() < 0.4:
            entry["all_of"] = some(dice, GROUPS[2:])
        if dice.random() < 0.3:
            entry["remind_before"] = "30s"
        if dice.random() < 0.3:
            entry["escalate"] = {"after": "30s", "to": ["leads"]}
        if dice.random() < 0.5:
            entry["tiers"] = {tier: stricter(dice, entry) for tier in dice.sample(TIERS, dice.randint(1, 2))}
        made[environment] = entry
    return made


def stricter(dice: Random, entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of a tier: at least one of count, all_of and timeout."""
    made: dict[str, Any] = {}
    if dice.random() < 0.6:
        made["count"] = entry["count"] + dice.randint(0, 1)
    if dice.random() < 0.5:
        here = entry.get("all_of", [])
        more = [*here, *(group for group in GROUPS[1:3] if group not in here and dice.random() < 0.5)]
        if more:
            made["all_of"] = more
    if dice.random() < 0.5 or not made:
        made["timeout"] = dice.choice([t for t in TIMEOUTS if SECONDS[t] <= SECONDS[entry["timeout"]]])
    return made


def draw_limits(dice: Random, environments: list[str]) -> list[dict[str, Any]]:
    """One to three limits of any kind."""
    made = []
    for _ in range(dice.choice((1, 1, 2, 3))):
        one: dict[str, Any] = {
            "max": dice.randint(1, 3),
            "per": dice.choice(("service", "target", "action", "person", "global")),
            "window": dice.choice(WINDOWS),
        }
        if dice.random() < 0.4:
            one["env"] = dice.choice(environments)
        if dice.random() < 0.3:
            one["action"] = dice.choice(ACTIONS)
        if dice.random() < 0.3:
            one["service"] = dice.choice(SERVICES)
        made.append(one)
    return made


def draw_period(dice: Random, name: str, environments: list[str]) -> dict[str, Any]:
    """A freeze, a maintenance or a change window as written; what it means for a moment is in the context's calendar."""
    made: dict[str, Any] = {
        "name": name,
        "environments": dice.sample(environments, dice.randint(1, len(environments))),
        "start": "2026-11-20T08:00",
        "end": "2026-11-20T18:00",
        "timezone": "UTC",
    }
    if dice.random() < 0.5:
        made["services"] = some(dice, SERVICES[:2])
    if dice.random() < 0.3:
        made["repeat"] = "FREQ=DAILY"
    return made


def draw_breakers(dice: Random) -> dict[str, Any]:
    """One to three breakers."""
    made: dict[str, Any] = {}
    if dice.random() < 0.7:
        made["remediation"] = {
            "max": dice.randint(1, 3),
            "window": dice.choice(WINDOWS),
            "cooldown": dice.choice(COOLDOWNS),
        }
    if dice.random() < 0.5:
        made["incident"] = {"failures": dice.randint(1, 3)}
    if dice.random() < 0.5 or not made:
        made["global"] = {
            "failures": dice.randint(1, 3),
            "window": dice.choice(WINDOWS),
            "cooldown": dice.choice(COOLDOWNS),
        }
    return made


def draw_blast(dice: Random, environments: list[str]) -> dict[str, Any]:
    """Limits on targets in most environments."""
    made: dict[str, Any] = {}
    for environment in environments:
        if dice.random() < 0.25:
            continue
        entry: dict[str, Any] = {"max_targets": dice.randint(1, 3)}
        if dice.random() < 0.4:
            entry["max_percent"] = dice.choice((7, 10, 25, 50))
        if dice.random() < 0.4:
            entry["min_healthy"] = dice.randint(0, 4)
        if dice.random() < 0.4:
            entry["one_domain"] = True
        made[environment] = entry
    return made


def draw_cost(dice: Random) -> dict[str, Any]:
    """Caps on costs; the currency alone is a cap too: costs must be known."""
    made: dict[str, Any] = {"currency": "EUR"}
    if dice.random() < 0.6:
        made["per_act"] = dice.choice((10, 20))
    if dice.random() < 0.6:
        made["per_day"] = dice.choice((20, 40))
    if dice.random() < 0.6:
        made["ask_above"] = dice.choice((2, 5))
    return made


def draw_standing(dice: Random, environments: list[str], end: str) -> list[dict[str, Any]]:
    """One or two standing approvals. end: the moment when the first one ends."""
    return [
        {
            "id": f"standing-{number}",
            "runbook": dice.choice(RUNBOOKS),
            "action": dice.choice(ACTIONS),
            "service": dice.choice(SERVICES),
            "environment": dice.choice(environments),
            "max": dice.randint(1, 3),
            "until": end if number == 1 else "2027-01-01T00:00:00Z",
            "by": ["cora", "dev"],
        }
        for number in range(1, dice.randint(2, 3))
    ]


def draw_policy(dice: Random) -> dict[str, Any]:
    """One valid policy. Every optional key is left out now and then."""
    matrix = draw_matrix(dice)
    environments = sorted(matrix)
    tiers = draw_tiers(dice, matrix) if dice.random() < 0.4 else {}
    made: dict[str, Any] = {
        "version": 1,
        "lowest_environment": environments[0],
        "matrix": matrix,
        "approvals": draw_approvals(dice, matrix, tiers),
        "tiers": tiers,
        "requesters": {"roles": some(dice, ROLES)},
        "operators": {"roles": ["operator", "admin"]},
        "confirmation_timeout": dice.choice(("30s", "120s")),
    }
    if dice.random() < 0.85:
        made["autonomy"] = draw_autonomy(dice, matrix)
    if dice.random() < 0.6:
        made["limits"] = draw_limits(dice, environments)
    if dice.random() < 0.4:
        made["freezes"] = [draw_period(dice, "year-end", environments)]
    if dice.random() < 0.3:
        made["maintenance"] = [draw_period(dice, "database", environments)]
    if dice.random() < 0.45:
        made["change_windows"] = [draw_period(dice, f"hours-{n}", environments) for n in range(dice.randint(1, 2))]
    if dice.random() < 0.25:
        made["calendars"] = [draw_calendar(dice, environments)]
    if dice.random() < 0.6:
        made["breakers"] = draw_breakers(dice)
    if dice.random() < 0.6:
        made["blast_radius"] = draw_blast(dice, environments)
    if dice.random() < 0.5:
        made["scale"] = {}
        if dice.random() < 0.8:
            made["scale"]["ask_above_percent"] = dice.choice((7, 25, 50, 100))
        if dice.random() < 0.8:
            made["scale"]["max_factor"] = dice.choice((1, 2, 3))
    if dice.random() < 0.45:
        made["error_budget"] = {"max_burned_percent": dice.choice((7, 20, 50))}
    if dice.random() < 0.4:
        made["cost"] = draw_cost(dice)
    if dice.random() < 0.4:
        made["standing"] = draw_standing(dice, environments, "2026-11-21T12:00:00Z")
    if dice.random() < 0.6:
        made["break_glass"] = {"any_of": some(dice, GROUPS[1:3]), "timeout": dice.choice(("60s", "5m", "10m"))}
    return {key: value for key, value in made.items() if value not in ({}, [])}


def draw_calendar(dice: Random, environments: list[str]) -> dict[str, Any]:
    """One imported calendar."""
    return {
        "name": "company",
        "file": "freezes.ics",
        "environments": dice.sample(environments, dice.randint(1, len(environments))),
        "kind": dice.choice(("freeze", "maintenance")),
        "max_age": "2d",
    }
