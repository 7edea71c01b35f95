"""B17: the policy of a schedule: drawn for the model, and written for the guards.

Used by trust/b17_schedule.py and trust/b17_world.py. Must not judge.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from guards.policy import Policy
from trust.b17_model import Breaker, Model, Source
from trust.b17_periods import KINDS, draw

SERVICES = ("a", "b")
ENVIRONMENTS = ("prod", "staging", "dev")


def drawn(dice: Random, begin: datetime) -> Model:
    """The policy of a schedule."""
    spans = [(timedelta(seconds=dice.choice((120, 600))), timedelta(seconds=dice.choice((60, 900)))) for _ in range(2)]
    sources = [
        Source(
            dice.choice(KINDS),
            tuple(dice.sample(ENVIRONMENTS, dice.randint(1, 3))),
            timedelta(seconds=dice.choice((300, 3600, 86400))),
        )
        for _ in range(dice.choice((0, 0, 1, 1, 2)))
    ]
    periods = dice.choice((0, 1, 1, 2, 3))
    return Model(
        periods=[draw(dice, begin, ENVIRONMENTS, SERVICES, number) for number in range(periods)],
        sources=sources,
        remediation=Breaker(dice.choice((1, 1, 2, 2, 3, 4)), *spans[0]) if dice.random() < 0.8 else None,
        everything=Breaker(dice.randint(1, 3), *spans[1]) if dice.random() < 0.5 else None,
        incident=Breaker(dice.randint(1, 2)) if dice.random() < 0.4 else None,
    )


def policy(model: Model) -> Policy:
    """The policy of a model: its periods, calendars and breakers. Production asks for approval, dev has no approvers."""
    seconds = {name: f"{round(each.total_seconds())}s" for name, each in _spans(model).items()}
    kinds = (("freezes", "freeze"), ("maintenance", "maintenance"))
    written: dict[str, Any] = {
        "version": 1,
        "lowest_environment": "dev",
        "matrix": {
            "prod": {"read": "auto", "safe": "approve", "caution": "approve", "forbidden": "forbid"},
            "staging": {"read": "auto", "safe": "auto", "caution": "approve", "forbidden": "forbid"},
            "dev": {"read": "auto", "safe": "auto", "caution": "forbid", "forbidden": "forbid"},
        },
        "autonomy": {environment: {"safe": "auto"} for environment in ENVIRONMENTS},
        "approvals": {e: {"count": 1, "any_of": ["leads"], "timeout": "15m"} for e in ("prod", "staging")},
        "requesters": {"roles": ["responder"]},
        "operators": {"roles": ["operator"]},
        "confirmation_timeout": "120s",
        **{key: [p.as_policy() for p in model.periods if p.kind == kind] for key, kind in kinds},
        "calendars": [
            {
                "name": f"c{number}",
                "url": f"https://calendar.test/{number}.ics",
                "environments": list(source.environments),
                "kind": source.kind,
                "max_age": f"{round(source.max_age.total_seconds())}s",
            }
            for number, source in enumerate(model.sources)
        ],
        "breakers": {
            **({"incident": {"failures": model.incident.most}} if model.incident else {}),
            **{
                name: {
                    ("failures" if name == "global" else "max"): each.most,
                    "window": seconds[f"{name} window"],
                    "cooldown": seconds[f"{name} cooldown"],
                }
                for name, each in (("remediation", model.remediation), ("global", model.everything))
                if each is not None
            },
        },
    }
    return Policy.from_mapping({key: value for key, value in written.items() if value not in ([], {})})


def _spans(model: Model) -> dict[str, timedelta]:
    both = (("remediation", model.remediation), ("global", model.everything))
    found = {f"{name} window": each.window for name, each in both if each}
    return found | {f"{name} cooldown": each.cooldown for name, each in both if each}
