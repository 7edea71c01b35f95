"""Every combination of the discrete factors of a decision, one context each, numbered.

Used by trust/b1.py. The factors multiply to more than a million; a factor is a field of the context or a key of the policy.
Must not judge anything.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from math import prod
from typing import Any

from guards.context import (
    Actor,
    BreakGlass,
    Calendar,
    Change,
    Context,
    Inventory,
    OpenBreaker,
    PastAct,
    Period,
    Stop,
)
from trust.words import AUTONOMY, NOW, RISKS, WORDS

HOUR = timedelta(hours=1)
PERSON = Actor("ana", "Ana", frozenset({"responder"}))
PLACE = {"action": "supervisor.restart", "service": "payments", "environment": "prod"}
TARGET = "service:prod/payments"
WINDOW = Period("change_window", "hours", ("prod", "dev"), (), NOW - HOUR, NOW + HOUR)
FROZEN = Period("freeze", "year-end", ("prod", "dev"), (), NOW - HOUR, NOW + HOUR)
OPENED = OpenBreaker("global", NOW - timedelta(minutes=1))
HALF = OpenBreaker("global", NOW - HOUR)


def policy(word: str) -> dict[str, Any]:
    """The policy of one word of the matrix. `dev` has approvals only where a policy without them would not be valid."""
    approvals = {"prod": {"count": 1, "any_of": ["leads"], "timeout": "15m"}}
    if word == "approve":
        approvals["dev"] = {"count": 2, "any_of": ["sre"], "timeout": "1h"}
    return {
        "version": 1,
        "lowest_environment": "dev",
        "matrix": {name: {"read": "auto", "safe": word, "caution": word} for name in ("dev", "prod")},
        "autonomy": {name: {"safe": "auto", "caution": "approve"} for name in ("dev", "prod")},
        "approvals": approvals,
        "requesters": {"roles": ["responder"]},
        "operators": {"roles": ["operator"]},
        "confirmation_timeout": "120s",
        "limits": [{"max": 2, "per": "service", "window": "1h"}],
        "freezes": [
            {
                "name": "year-end",
                "environments": ["dev", "prod"],
                "start": "2026-11-21T11:00",
                "end": "2026-11-21T13:00",
                "timezone": "UTC",
            }
        ],
        "change_windows": [
            {
                "name": "hours",
                "environments": ["dev", "prod"],
                "start": "2026-11-21T11:00",
                "end": "2026-11-21T13:00",
                "timezone": "UTC",
            }
        ],
        "breakers": {"global": {"failures": 5, "window": "10m", "cooldown": "30m"}},
        "blast_radius": {"prod": {"max_targets": 1, "min_healthy": 1}},
        "standing": [
            {
                "id": "hourly",
                "runbook": "restart-service",
                **PLACE,
                "max": 24,
                "until": "2026-12-31T00:00:00Z",
                "by": ["cora", "dev"],
            }
        ],
        "break_glass": {"any_of": ["leads"], "timeout": "10m"},
    }


def acts(number: int) -> tuple[PastAct, ...]:
    """So many acts that the limit counts."""
    return tuple(
        PastAct(
            action=PLACE["action"],
            service=PLACE["service"],
            environment=PLACE["environment"],
            target=TARGET,
            actor="ana",
            at=NOW - timedelta(minutes=n + 1),
            result="succeeded",
        )
        for n in range(number)
    )


# Field of the context (or something that `context` turns into fields) -> its values. `word` chooses the policy.
FACTORS: dict[str, tuple[Any, ...]] = {
    "word": WORDS,
    "environment": ("prod", "dev"),
    "risk": RISKS,
    "actor": (PERSON, Actor("bot", is_bot=True), Actor("zoe"), None),
    "autonomy": AUTONOMY,
    "stops": ((), (Stop("monitor", "", "storm", "ana"),), (Stop("service", "payments", "storm", "ana"),)),
    "frozen": (False, True, None),
    "inside": (True, False),
    "breakers": ((), (OPENED,), (HALF,)),
    "targets": (("",), ("", "-2"), ("", "elsewhere")),
    "scoped": (True, False),
    "holders": ({}, {TARGET: "run_2", "service:dev/payments": "run_2"}),
    "history": ((), acts(2)),
    "runbook": ("restart-service", "another"),
    "break_glass": (None, BreakGlass("the shop is down", "ana", NOW + HOUR)),
}
SIZE = prod(len(values) for values in FACTORS.values())


@cache
def calendar(frozen: bool | None, inside: bool) -> Calendar | None:
    """Frozen or not; inside a change window or not; None: not known."""
    if frozen is None:
        return None
    return Calendar(((WINDOW,) if inside else ()) + ((FROZEN,) if frozen else ()))


@cache
def targets(environment: str, endings: tuple[str, ...]) -> tuple[str, ...]:
    """The targets in that environment, and one elsewhere."""
    return tuple(
        "service:elsewhere/payments" if ending == "elsewhere" else f"service:{environment}/payments{ending}"
        for ending in endings
    )


def at(number: int) -> tuple[str, Context]:
    """The word of the policy and the context of one combination. Raises IndexError outside 0..SIZE-1."""
    if not 0 <= number < SIZE:
        raise IndexError(number)
    chosen: dict[str, Any] = {}
    for name, values in reversed(FACTORS.items()):
        number, place = divmod(number, len(values))
        chosen[name] = values[place]
    word = chosen.pop("word")
    here = chosen["environment"]
    chosen["calendar"] = calendar(chosen.pop("frozen"), chosen.pop("inside"))
    chosen["targets"] = targets(here, chosen["targets"])
    chosen["scopes"] = (here,) if chosen.pop("scoped") else ("staging",)
    context = Context(
        action=PLACE["action"],
        service=PLACE["service"],
        now=NOW,
        tier=1,
        run="run_1",
        incident="inc_1",
        inventory=Inventory(6, 6),
        change=Change(6, 6),
        **chosen,
    )
    return word, context
