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
    "autonomy": {"dev": {"safe": "auto"}, "prod": {"safe": "auto"}},
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
    if risk == "caution" and actor == "bot":
        return "deny"
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
            autonomy="auto",
        )
        decision = policy.decide(context)
        found = decision.outcome + "".join(f" {question.kind}" for question in decision.questions)
        assert found == oracle(*case), case
        outcomes.add(found)
        count += 1
    assert count == 4 * 5 * 4 * 4 * 4 * 4 * 3 * 3
    assert outcomes == {"allow", "deny", "ask approval", "ask confirmation"}


TIGHT: dict[str, Any] = {
    **DATA,
    "matrix": {"prod": {"read": "auto", "safe": "approve", "caution": "confirm"}},
    "lowest_environment": "prod",
    "tiers": {"prod": {1: {"caution": "forbid"}}},
    "approvals": {
        "prod": {"count": 1, "any_of": ["oncall"], "timeout": "15m", "tiers": {1: {"count": 2}}},
    },
    "autonomy": {"prod": {"safe": "auto", "caution": "approve"}},
    "limits": [],
    "maintenance": [
        {"name": "far", "environments": ["prod"], "start": "2040-01-01T00:00", "end": "2040-01-02T00:00", "timezone": "UTC"}
    ],
    "standing": [
        {
            "id": "given", "runbook": "book", "action": "restart", "service": "web", "environment": "prod", "max": 2,
            "until": "2031-01-01T00:00:00Z", "by": ["cora", "dev"],
        }
    ],
    "break_glass": {"any_of": ["leads"], "timeout": "10m"},
}  # fmt: skip
LEVELS = ("shadow", "suggest", "approve", "auto")
GLASSES = ("none", "broken", "over", "by another", "without a reason")


def tight_oracle(
    risk: str, bot: bool, tier: int | None, own: str, frozen: str, glass: str, uses: int
) -> tuple[str, set[tuple[str, int]], str]:
    """The outcome, the questions as (kind, people), and the standing approval."""
    ceiling = {"read": "suggest", "safe": "auto", "caution": "approve"}[risk]
    level = LEVELS[min(LEVELS.index(ceiling), LEVELS.index(own or "suggest"))]
    people = 2 if tier in (1, None) else 1
    approval = {("approval", people)}
    questions: set[tuple[str, int]] = set()
    given = ""
    denied = False
    if risk == "caution" and tier in (1, None):
        denied = True
    elif risk == "safe" or (risk == "caution" and bot):
        given = "given" if uses < 2 else ""
        questions |= set() if given else approval
    elif risk == "caution":
        questions |= {("confirmation", 0)}
    if risk != "read":
        if level == "shadow" or (bot and level == "suggest"):
            denied = True
        elif bot and level == "approve":
            questions |= approval
        if frozen != "no" and (bot or glass != "broken"):
            denied = True
        elif frozen != "no":
            questions |= {("approval", 1)}
    if denied:
        return "deny", set(), ""
    return ("ask" if questions else "allow"), questions, given


def test_autonomy_tiers_freezes_broken_glass_and_standing_approvals_agree_with_the_oracle() -> None:
    policy = Policy.from_mapping(TIGHT)
    period = guards.Period("freeze", "now", ("prod",), (), NOON, NOON + timedelta(hours=1))
    calendars = {"no": guards.Calendar(), "now": guards.Calendar((period,)), "unreadable": None}
    late = NOON + timedelta(minutes=5)
    glasses = {
        "none": None,
        "broken": guards.BreakGlass("down", "ann", late),
        "over": guards.BreakGlass("down", "ann", NOON),
        "by another": guards.BreakGlass("down", "bob", late),
        "without a reason": guards.BreakGlass(" ", "ann", late),
    }
    used = guards.PastAct("x", "y", "prod", "z", "bot", NOON - timedelta(days=400), "succeeded", standing="given")
    seen = set()
    for case in itertools.product(
        ("read", "safe", "caution"), (False, True), (None, 1, 3), ("", *LEVELS), calendars, GLASSES, (0, 1, 2)
    ):
        risk, bot, tier, own, frozen, glass, uses = case
        context = guards.Context(
            action="restart",
            environment="prod",
            now=NOON,
            actor=guards.Actor("ann", roles=frozenset() if bot else frozenset({"responder"}), is_bot=bot),
            service="web",
            tier=tier,
            risk=risk,
            targets=("program:prod/web",),
            run="run_us",
            scopes=("prod",),
            history=(used,) * uses,
            runbook="book",
            autonomy=own,
            calendar=calendars[frozen],
            break_glass=glasses[glass],
        )
        decision = policy.decide(context)
        asked = {(q.kind, q.approvers.count if q.approvers else 0) for q in decision.questions}
        assert (decision.outcome, asked, decision.standing) == tight_oracle(*case), case
        seen.add((decision.outcome, bool(decision.standing)))
    assert seen == {("deny", False), ("ask", False), ("ask", True), ("allow", False), ("allow", True)}
