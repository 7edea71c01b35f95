"""A random context for a policy: first one with nothing wrong that the policy would see, then a few things go wrong.

Used by trust/cases.py. What can go wrong is in trust/mishaps.py. A single mishap in an otherwise fine context is what shows
that one condition is missing; many at once would hide each other. Must not look at guards/ beyond its values.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

from guards.context import Actor, BreakGlass, Calendar, Change, Context, Inventory, PastAct, Period
from trust.oracle_words import seconds
from trust.words import (
    ACTIONS,
    AUTONOMY,
    ENVIRONMENTS,
    INCIDENTS,
    LITTLE,
    NOW,
    PEOPLE,
    RESULTS,
    RUNBOOKS,
    RUNS,
    SERVICES,
    TIERS,
)

Fields = dict[str, Any]
HOUR = timedelta(hours=1)
MOMENTS = (NOW, NOW, NOW - LITTLE, NOW + LITTLE, NOW - HOUR, NOW + HOUR)


class Focus(NamedTuple):
    """Something of the policy that counts acts: over which window, up to how many, which ones."""

    window: float
    number: int
    result: str = ""
    standing: str = ""


def foci(policy: dict[str, Any]) -> list[Focus]:
    """Everything in this policy that counts acts of the past."""
    made = [Focus(seconds(one["window"]), one["max"]) for one in policy.get("limits", ())]
    breakers = policy.get("breakers", {})
    if "remediation" in breakers:
        made.append(Focus(seconds(breakers["remediation"]["window"]), breakers["remediation"]["max"]))
    if "global" in breakers:
        made.append(Focus(seconds(breakers["global"]["window"]), breakers["global"]["failures"], "failed"))
    if "incident" in breakers:
        made.append(Focus(86400.0, breakers["incident"]["failures"], "failed"))
    if "cost" in policy:
        made.append(Focus(86400.0, 3))
    made += [Focus(3600.0, one["max"], "", one["id"]) for one in policy.get("standing", ())]
    return made


def draw_place(dice: Random, policy: dict[str, Any]) -> Fields:
    """Where and what: mostly a cell that the policy allows, now and then exactly what a standing approval is for."""
    standing = policy.get("standing")
    made: Fields
    if standing and dice.random() < 0.4:
        one = dice.choice(standing)
        made = {key: one[key] for key in ("runbook", "action", "service", "environment")}
    else:
        made = {
            "runbook": dice.choice(RUNBOOKS),
            "action": dice.choice(ACTIONS),
            "service": dice.choice(SERVICES),
            "environment": dice.choice(sorted(policy["matrix"])),
        }
    row = policy["matrix"][made["environment"]]
    cells = [risk for risk, word in row.items() if word != "forbid" and risk != "forbidden"]
    changes = [risk for risk in cells if risk != "read"]
    made["risk"] = dice.choice(changes if changes and dice.random() < 0.9 else cells or ["safe"])
    made["tier"] = dice.choice((None, *TIERS))
    return made


def draw_calendar(dice: Random, policy: dict[str, Any], fields: Fields) -> Calendar | None:
    """What the calendars say: inside a change window where there is one; no freeze."""
    periods = [
        Period("change_window", "hours", (fields["environment"],), (), fields["now"] - HOUR, fields["now"] + HOUR)
        for _ in policy.get("change_windows", ())[:1]
    ]
    if not periods and dice.random() < 0.3 and not {"freezes", "maintenance", "calendars"} & policy.keys():
        return None
    return Calendar(tuple(periods))


def draw_base(dice: Random, policy: dict[str, Any], place: Fields) -> Fields:
    """The fields of a context that nothing is wrong with, unless the policy forbids it outright. place: is copied."""
    made = dict(place)
    environment = made["environment"]
    made["now"] = dice.choice(MOMENTS)
    roles = frozenset(policy["requesters"]["roles"][:1])
    person = dice.choice(PEOPLE)
    made["actor"] = (
        Actor("bot", "Countersign", frozenset(), is_bot=True) if dice.random() < 0.35 else Actor(person, person, roles)
    )
    made["targets"] = (f"service:{environment}/{made['service']}",)
    made["run"] = RUNS[0]
    made["scopes"] = (environment,) if dice.random() < 0.7 else ENVIRONMENTS
    made["incident"] = dice.choice(INCIDENTS)
    made["autonomy"] = dice.choice((*AUTONOMY, *("auto",) * 12))
    made["calendar"] = draw_calendar(dice, policy, made)
    if dice.random() < 0.15:  # a wave over members of a group
        everyone = [f"{made['targets'][0]}/{number}" for number in range(dice.randint(1, 4))]
        made["members"] = tuple(everyone[: dice.randint(1, 4)])
        made["members_in_all"] = tuple(everyone)
    domains = dict.fromkeys((*made["targets"], *made.get("members_in_all", ())), "a")
    if made.get("members") and dice.random() < 0.2:
        domains[made["members"][0]] = "b"
    made["inventory"] = Inventory(40, 40, domains)
    if dice.random() < 0.3:
        made["change"] = Change(6, dice.choice((6, 7, 8)))
    made["cost"] = dice.choice((0.0, 1.0, 2.0, 3.0))
    made["budget_burned"] = dice.choice((0.0, 0.05))
    if "break_glass" in policy and dice.random() < 0.3 and not made["actor"].is_bot:
        made["break_glass"] = BreakGlass("the shop is down", person, made["now"] + HOUR)
    return made


def draw_act(dice: Random, fields: Fields, focus: Focus) -> PastAct:
    """One act of the past: mostly like the one that is asked for, and mostly inside the window or at its very edge."""
    now = fields["now"] or NOW
    edge = timedelta(seconds=focus.window)
    where = dice.random()
    if where < 0.7:
        age = edge / 2
    elif where < 0.95:
        age = dice.choice((edge, edge - LITTLE, edge + LITTLE))
    else:
        age = -HOUR
    odd = dice.random()
    actor = fields["actor"]
    targets = fields["targets"]
    target = targets[0] if targets else ""
    result = focus.result or dice.choice(RESULTS)
    return PastAct(
        action=dice.choice(ACTIONS) if odd < 0.06 else fields["action"],
        service=dice.choice(SERVICES) if 0.06 < odd < 0.12 else fields["service"],
        environment=dice.choice(ENVIRONMENTS) if 0.12 < odd < 0.18 else fields["environment"],
        target=f"service:{fields['environment']}/other" if 0.18 < odd < 0.24 else target,
        actor=dice.choice(PEOPLE) if 0.24 < odd < 0.3 or actor is None else actor.id,
        at=now - age,
        result=dice.choice(RESULTS) if 0.3 < odd < 0.4 else result,
        incident=dice.choice(("", *INCIDENTS)) if 0.4 < odd < 0.5 else fields["incident"],
        cost=dice.choice((0.0, 6.0, 12.0)),
        standing=focus.standing if odd < 0.9 else "",
    )


def draw_history(dice: Random, fields: Fields, counted: list[Focus]) -> tuple[PastAct, ...]:
    """Nothing; or as many acts as bring one thing that the policy counts to its limit, one fewer or one more."""
    if not counted or dice.random() < 0.4:
        return ()
    focus = dice.choice(counted)
    number = max(0, focus.number + dice.choice((-1, -1, 0, 1)))
    acts = [draw_act(dice, fields, focus) for _ in range(number)]
    if dice.random() < 0.15:
        acts.append(draw_act(dice, fields, dice.choice(counted)))
    return tuple(acts)


def made(fields: Fields) -> Context:
    """The context of these fields."""
    return Context(**fields)
