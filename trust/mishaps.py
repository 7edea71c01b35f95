"""What can go wrong with a request: each function changes the fields of a context in one respect.

Used by trust/cases.py. A mishap may turn out harmless; whether it is, is what the oracle and the guards have to agree on.
Must not judge anything itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from guards.context import Actor, BreakGlass, Calendar, Change, Inventory, OpenBreaker, Period, Stop
from trust.draw_context import Fields
from trust.oracle_words import seconds
from trust.words import (
    ACTIONS,
    AUTONOMY,
    ENVIRONMENTS,
    HOSTILE,
    INCIDENTS,
    LITTLE,
    NOW,
    PEOPLE,
    RISKS,
    ROLES,
    RUNBOOKS,
    RUNS,
    SERVICES,
    TIERS,
)

Policy = dict[str, Any]
Mishap = Callable[[Random, Policy, Fields], None]
HOUR = timedelta(hours=1)
NOTHING = timedelta(0)


def environment(dice: Random, policy: Policy, fields: Fields) -> None:
    """Another environment, with targets and scopes left as they are, or taken along."""
    fields["environment"] = dice.choice((*ENVIRONMENTS, "", *HOSTILE))
    if dice.random() < 0.5:
        fields["targets"] = (f"service:{fields['environment']}/payments",)
    if dice.random() < 0.5:
        fields["scopes"] = (fields["environment"],)


def service(dice: Random, policy: Policy, fields: Fields) -> None:
    """No service half of the time, else another one or a hostile name."""
    fields["service"] = "" if dice.random() < 0.5 else dice.choice((*SERVICES, *HOSTILE))


def action(dice: Random, policy: Policy, fields: Fields) -> None:
    """Another action, none, or a hostile name."""
    fields["action"] = dice.choice((*ACTIONS, "", *HOSTILE))


def risk(dice: Random, policy: Policy, fields: Fields) -> None:
    """Any risk, and what only looks like one."""
    fields["risk"] = dice.choice((*RISKS, *RISKS, "", "READ", " read", "unknown", "*"))


def tier(dice: Random, policy: Policy, fields: Fields) -> None:
    """Any tier, none, and those that no policy names."""
    fields["tier"] = dice.choice((None, *TIERS, 0, 9))


def actor(dice: Random, policy: Policy, fields: Fields) -> None:
    """Nobody, the bot with and without roles, people with any roles."""
    roles = frozenset(dice.sample(ROLES, dice.randint(0, 2)))
    person = dice.choice(PEOPLE)
    fields["actor"] = dice.choice(
        (
            None,
            Actor("bot", "", roles, is_bot=True),
            Actor(person, "", roles),
            Actor(person),
            Actor(person, "admin"),
            Actor("", "Ana", roles, is_bot=dice.random() < 0.5),
        )
    )


def targets(dice: Random, policy: Policy, fields: Fields) -> None:
    """None, several, one twice, one elsewhere, malformed ones."""
    here = fields["environment"]
    mine = fields["targets"]
    fields["targets"] = dice.choice(
        (
            (),
            (f"service:{here}/a", f"service:{here}/b"),
            (f"service:{here}/a", f"service:{here}/b", f"service:{here}/c"),
            (f"service:{here}/a", f"service:{here}/b", f"service:{here}/c", f"service:{here}/d"),
            (*mine, *mine),
            (*mine, "service:elsewhere/a"),
            (
                *mine,
                dice.choice(
                    (
                        "",
                        here,
                        f"{here}/a",
                        f"service:{here}",
                        f":{here}/a",
                        f"service:{here}/",
                        "*",
                        f"service:{here}/*",
                    )
                ),
            ),
            (f"service:{here}/a/b:c",),
        )
    )
    if dice.random() < 0.7:
        domains = {target: dice.choice(("a", "a", "a", "b")) for target in fields["targets"]}
        fields["inventory"] = Inventory(40, 40, domains)


def scopes(dice: Random, policy: Policy, fields: Fields) -> None:
    """No scopes, wildcards, near misses, other ones."""
    here = fields["environment"]
    fields["scopes"] = dice.choice(((), ("*",), ("",), (f" {here}",), (here.upper(),), tuple(ENVIRONMENTS), ("dev",)))


def holders(dice: Random, policy: Policy, fields: Fields) -> None:
    """Somebody holds a target: this run, another, a run without a name."""
    target = dice.choice((*fields["targets"], "service:prod/unrelated"))
    fields["holders"] = {target: dice.choice((*RUNS, "run_2", "run_2", ""))}


def run(dice: Random, policy: Policy, fields: Fields) -> None:
    """This run, another, or none."""
    fields["run"] = dice.choice(("", *RUNS))


def stops(dice: Random, policy: Policy, fields: Fields) -> None:
    """One or two stops of any level: this one's name, written otherwise, another's, none."""
    made = []
    for _ in range(dice.choice((1, 1, 2))):
        level = dice.choice(
            ("all", "environment", "service", "action", "monitor", "environment", "service", "fleet", "")
        )
        name = str(fields.get(level, ""))
        name = dice.choice((name, f" {name.upper()} ", "other", "other", "other", "", "*"))
        made.append(Stop(level, name, "storm", "ana"))
    fields["stops"] = tuple(made)


def runbook(dice: Random, policy: Policy, fields: Fields) -> None:
    """Another runbook and another incident, or none."""
    fields["runbook"] = dice.choice(("", "*", *RUNBOOKS))
    fields["incident"] = dice.choice(("", *INCIDENTS))


def autonomy(dice: Random, policy: Policy, fields: Fields) -> None:
    """Any level, none, and what only looks like one."""
    fields["autonomy"] = dice.choice(("", *AUTONOMY, *AUTONOMY, "AUTO", "full"))


def calendar(dice: Random, policy: Policy, fields: Fields) -> None:
    """No calendar, an unreadable one, periods of every kind around now and exactly at their edges."""
    if dice.random() < 0.15:
        fields["calendar"] = None
        return
    now = fields["now"] or NOW
    kept = fields["calendar"].periods if fields["calendar"] is not None and dice.random() < 0.7 else ()
    problems = ((dice.choice((fields["environment"], *ENVIRONMENTS, "*", "")), "no such file"),)
    made = []
    for _ in range(dice.choice((1, 1, 2))):
        start = now + dice.choice((-HOUR, -HOUR, NOTHING, LITTLE, HOUR))
        end = max(start, now + dice.choice((HOUR, HOUR, NOTHING, LITTLE, -LITTLE)))
        where = dice.choice(((fields["environment"],), ("dev", "staging", "prod"), ("elsewhere",), ("*",)))
        which = dice.choice(((), (), (fields["service"],), ("orders", "payments"), ("elsewhere",)))
        kind = dice.choice(("freeze", "maintenance", "change_window", "change_window", "blackout"))
        made.append(Period(kind, "drawn", where, which, start, end))
    fields["calendar"] = Calendar((*kept, *made), problems if dice.random() < 0.2 else ())


def breakers(dice: Random, policy: Policy, fields: Fields) -> None:
    """Open breakers, at the very end of their cooldown, half open, with a trial of this run and of another."""
    now = fields["now"] or NOW
    made = []
    for _ in range(dice.choice((1, 1, 2))):
        mine = f"remediation:{fields['environment']}/{fields['service']}/{fields['action']}"
        key = dice.choice((mine, mine, "global", "remediation:prod/other/other", f"remediation:{fields['service']}"))
        name = "global" if key == "global" else "remediation"
        cooldown = seconds(policy.get("breakers", {}).get(name, {"cooldown": "30m"})["cooldown"])
        age = timedelta(seconds=cooldown) + dice.choice((NOTHING, LITTLE, -LITTLE, HOUR, HOUR))
        made.append(OpenBreaker(key, now - age, dice.choice(("", "", *RUNS))))
    fields["breakers"] = tuple(made)


def inventory(dice: Random, policy: Policy, fields: Fields) -> None:
    """Not known; small, so that a share or a minimum is met exactly; domains that differ or are missing."""
    number = len(set(fields["targets"]))
    total = dice.choice((number, 2 * number, 4 * number, 10 * number, 10 * number - 1, 40, 0))
    healthy = dice.choice((total, total, number, number + 1, number + 2, 0))
    known = {target: dice.choice(("a", "a", "b", "")) for target in fields["targets"] if dice.random() < 0.9}
    fields["inventory"] = None if dice.random() < 0.25 else Inventory(total, healthy, known)


def change(dice: Random, policy: Policy, fields: Fields) -> None:
    """Sizes at the very factor and share of the policy, below one, and no numbers at all."""
    rule = policy.get("scale", {})
    share = rule.get("ask_above_percent", 50)
    current = dice.choice((1, 2, 4, 6, 10, 0, 0.5)) if share != 7 else 100
    wanted = dice.choice(
        (
            current * rule.get("max_factor", 3),
            current * rule.get("max_factor", 3) + 1,
            current * (100 + share) / 100,
            current * (100 + share) / 100 + 1,
            current * (100 - share) / 100,
            current * (100 - share) / 100 - 1,
            current,
            0,
            -1,
            dice.choice((float("nan"), float("inf"))),
        )
    )
    fields["change"] = None if dice.random() < 0.1 else Change(current, wanted)


def cost(dice: Random, policy: Policy, fields: Fields) -> None:
    """Not known, at the very caps and around them, and no numbers at all."""
    rule = policy.get("cost", {})
    edge = dice.choice((rule.get("per_act", 10), rule.get("per_day", 20), rule.get("ask_above", 5)))
    fields["cost"] = dice.choice(
        (None, edge, edge + 0.5, edge - 0.5, edge - 6.0, edge - 12.0, 0.0, float("nan"), float("inf"))
    )


def budget(dice: Random, policy: Policy, fields: Fields) -> None:
    """Not known, at the very share and around it, and no numbers at all."""
    edge = policy.get("error_budget", {"max_burned_percent": 20})["max_burned_percent"] / 100
    fields["budget_burned"] = dice.choice((None, edge, edge + 0.001, edge - 0.001, 1.0, -0.1, float("nan")))


def glass(dice: Random, policy: Policy, fields: Fields) -> None:
    """A reason to break the glass: given by this person, by somebody else, no longer, blank."""
    now = fields["now"] or NOW
    who = fields["actor"].id if fields["actor"] is not None else "ana"
    until = now + dice.choice((HOUR, HOUR, HOUR, NOTHING, LITTLE, -LITTLE))
    reason = dice.choice(("the shop is down", "the shop is down", "the shop is down", "", "  "))
    fields["break_glass"] = BreakGlass(reason, dice.choice((who, who, who, "ben")), until)


def moment(dice: Random, policy: Policy, fields: Fields) -> None:
    """Not known, or exactly where a standing approval ends."""
    fields["now"] = dice.choice((None, NOW, NOW - LITTLE, NOW + LITTLE))


MISHAPS: tuple[Mishap, ...] = (
    environment,
    service,
    service,
    action,
    risk,
    tier,
    actor,
    actor,
    targets,
    targets,
    scopes,
    holders,
    run,
    stops,
    stops,
    runbook,
    autonomy,
    calendar,
    calendar,
    calendar,
    breakers,
    breakers,
    inventory,
    inventory,
    change,
    change,
    cost,
    cost,
    budget,
    budget,
    glass,
    glass,
    moment,
)
