"""Every combination of the discrete factors, against a second implementation written from policy.yaml's meaning (B1).

The oracle shares no code with the room: it reads plain values and answers with one word.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import guards
from guards.policy import Policy
from guards.testing import NOON

DATA: dict[str, Any] = {
    "version": 1,
    "lowest_environment": "dev",
    "matrix": {
        "dev": {"read": "auto", "safe": "auto", "caution": "confirm", "forbidden": "forbid"},
        "prod": {"read": "auto", "safe": "approve", "forbidden": "forbid"},
    },
    "approvals": {"prod": {"count": 1, "any_of": ["oncall"], "timeout": "15m"}},
    "requesters": {"roles": ["responder", "admin"]},
    "operators": {"roles": ["admin"]},
    "limits": [{"max": 1, "per": "service", "window": "1h", "env": "prod", "action": "restart"}],
}

ENVIRONMENTS = ("", "dev", "prod", "mars")
RISKS = ("", "read", "safe", "caution", "forbidden")
ACTORS = ("nobody", "responder", "viewer", "bot")
SCOPES = ((), ("dev",), ("dev", "prod"), ("*",))
TARGETS = ((), ("dev",), ("prod",), ("dev", "prod"))
STOPS = ("none", "all", "prod", "other-service")
ACTS = ("none", "one-inside", "one-at-the-edge")
HELD = ("nobody", "us", "them")


def oracle(
    environment: str,
    risk: str,
    actor: str,
    scopes: tuple[str, ...],
    targets: tuple[str, ...],
    stop: str,
    acts: str,
    held: str,
) -> str:
    """What policy.yaml means, in one table of ifs."""
    if stop == "all" or (stop == "prod" and environment in ("", "prod")):
        return "deny"
    if environment not in ("dev", "prod") or environment not in scopes:
        return "deny"
    if set(targets) != {environment}:
        return "deny"
    if actor in ("nobody", "viewer"):
        return "deny"
    if held == "them":
        return "deny"
    if environment == "prod" and acts == "one-inside":
        return "deny"
    if risk == "read":
        return "allow"
    if risk == "safe":
        return "allow" if environment == "dev" else "ask approval"
    if risk == "caution" and environment == "dev":
        return "ask confirmation"
    return "deny"


def test_every_combination_agrees_with_the_oracle() -> None:
    policy = Policy.from_mapping(DATA)
    actors = {
        "nobody": None,
        "responder": guards.Actor("ann", roles=frozenset({"responder"})),
        "viewer": guards.Actor("eve", roles=frozenset({"viewer"})),
        "bot": guards.Actor("bot", is_bot=True),
    }
    stops = {
        "none": (),
        "all": (guards.Stop("all", "", "x", "ann"),),
        "prod": (guards.Stop("environment", "prod", "x", "ann"),),
        "other-service": (guards.Stop("service", "billing", "x", "ann"),),
    }
    ages = {"none": None, "one-inside": timedelta(minutes=59), "one-at-the-edge": timedelta(hours=1)}
    histories = {
        name: () if age is None else (guards.PastAct("restart", "web", "prod", "k", "bob", NOON - age, "failed"),)
        for name, age in ages.items()
    }
    count, outcomes = 0, set()
    for case in itertools.product(ENVIRONMENTS, RISKS, ACTORS, SCOPES, TARGETS, STOPS, ACTS, HELD):
        environment, risk, actor, scopes, targets, stop, acts, held = case
        keys = tuple(f"program:{place}/web" for place in targets)
        context = guards.Context(
            action="restart",
            environment=environment,
            now=NOON,
            actor=actors[actor],
            service="web",
            risk=risk,
            targets=keys,
            run="run_us",
            scopes=scopes,
            history=histories[acts],
            holders={} if held == "nobody" else dict.fromkeys(keys, f"run_{held}"),
            stops=stops[stop],
        )
        decision = guards.decide(policy.guards(context), context, policy.digest)
        found = decision.outcome + "".join(f" {question.kind}" for question in decision.questions)
        assert found == oracle(*case), case
        outcomes.add(found)
        count += 1
    assert count == 4 * 5 * 4 * 4 * 4 * 4 * 3 * 3
    assert outcomes == {"allow", "deny", "ask approval", "ask confirmation"}
