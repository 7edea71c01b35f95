from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from guards.context import Actor, Calendar, Context, OpenBreaker, PastAct, Period
from trust import oracle_time
from trust.words import LITTLE, NOW

HOUR = timedelta(hours=1)
ANA = Actor("ana")
HERE = Context(
    action="supervisor.restart",
    environment="prod",
    service="payments",
    risk="safe",
    targets=("service:prod/payments",),
    actor=ANA,
    now=NOW,
    run="run_1",
    incident="inc_1",
)


def act(age: timedelta, **changes: Any) -> PastAct:
    made: dict[str, Any] = {
        "action": "supervisor.restart",
        "service": "payments",
        "environment": "prod",
        "target": "service:prod/payments",
        "actor": "ana",
        "at": NOW - age,
        "result": "failed",
        "incident": "inc_1",
    }
    return PastAct(**{**made, **changes})


@pytest.mark.parametrize(
    "one,acts,said",
    [
        ({"per": "service"}, [act(HOUR)], None),
        ({"per": "service"}, [act(HOUR - LITTLE)], "rate_limited"),
        ({"per": "service"}, [act(-HOUR)], "rate_limited"),
        ({"per": "service"}, [act(LITTLE, environment="dev")], "rate_limited"),
        ({"per": "service", "env": "prod"}, [act(LITTLE, environment="dev")], None),
        ({"per": "service"}, [act(LITTLE, action="other")], None),
        ({"per": "target"}, [act(LITTLE, target="service:prod/other")], None),
        ({"per": "action"}, [act(LITTLE, service="other")], "rate_limited"),
        ({"per": "person"}, [act(LITTLE, action="other")], "rate_limited"),
        ({"per": "person"}, [act(LITTLE, actor="ben")], None),
        ({"per": "global"}, [act(LITTLE, action="other", actor="ben")], "rate_limited"),
        ({"per": "global", "service": "orders"}, [act(LITTLE)], None),
    ],
)
def test_limits(one: dict[str, Any], acts: list[PastAct], said: str | None) -> None:
    written = {"max": 1, "window": "1h", **one}
    assert oracle_time.limit(written, replace(HERE, history=tuple(acts))) == said


def test_a_limit_for_what_the_context_does_not_say_is_missing() -> None:
    one = {"max": 1, "window": "1h", "per": "global", "service": "payments"}
    assert oracle_time.limit(one, replace(HERE, service="")) == "missing_context"
    assert oracle_time.limit({**one, "env": "dev"}, replace(HERE, service="")) is None


@pytest.mark.parametrize(
    "kind,start,end,services,said",
    [
        ("freeze", NOW, NOW + HOUR, (), "frozen"),
        ("freeze", NOW - HOUR, NOW, (), None),
        ("maintenance", NOW - HOUR, NOW + LITTLE, ("payments",), "maintenance"),
        ("freeze", NOW, NOW + HOUR, ("orders",), None),
        ("change_window", NOW, NOW + HOUR, (), None),
        ("blackout", NOW, NOW + HOUR, (), "frozen"),
    ],
)
def test_freezes(kind: str, start: Any, end: Any, services: tuple[str, ...], said: str | None) -> None:
    calendar = Calendar((Period(kind, "a", ("prod",), services, start, end),))
    assert oracle_time.freeze({}, replace(HERE, calendar=calendar)) == said
    assert oracle_time.freeze({}, replace(HERE, calendar=calendar, risk="read")) is None


def test_unreadable_is_frozen_where_the_policy_has_calendars() -> None:
    policy: dict[str, Any] = {"freezes": [{}]}
    assert oracle_time.freeze(policy, HERE) == "calendar_unreadable"
    assert oracle_time.freeze({}, HERE) is None
    assert (
        oracle_time.freeze(policy, replace(HERE, calendar=Calendar((), (("prod", "gone"),)))) == "calendar_unreadable"
    )
    assert oracle_time.freeze(policy, replace(HERE, calendar=Calendar((), (("dev", "gone"),)))) is None


@pytest.mark.parametrize(
    "calendar,said",
    [
        (None, "calendar_unreadable"),
        (Calendar(), "outside_change_window"),
        (Calendar((Period("change_window", "a", ("prod",), (), NOW, NOW + HOUR),)), None),
        (Calendar((Period("change_window", "a", ("prod",), ("orders",), NOW, NOW + HOUR),)), "outside_change_window"),
    ],
)
def test_change_windows(calendar: Calendar | None, said: str | None) -> None:
    policy = {"change_windows": [{"environments": ["prod"]}]}
    assert oracle_time.change_window(policy, replace(HERE, calendar=calendar)) == said
    assert oracle_time.change_window({}, replace(HERE, calendar=calendar)) is None


BREAKER = {"max": 2, "window": "10m", "cooldown": "30m"}
KEY = "remediation:prod/payments/supervisor.restart"
MINUTES = timedelta(minutes=30)


@pytest.mark.parametrize(
    "acts,entries,state",
    [
        (1, [], "closed"),
        (2, [], "open"),
        (0, [OpenBreaker(KEY, NOW - MINUTES + LITTLE)], "open"),
        (2, [OpenBreaker(KEY, NOW - MINUTES)], "half open"),
        (0, [OpenBreaker(KEY, NOW - HOUR, "run_2")], "open"),
        (0, [OpenBreaker(KEY, NOW - HOUR, "run_1")], "half open"),
        (0, [OpenBreaker("remediation:prod/orders/supervisor.restart", NOW)], "closed"),
    ],
)
def test_the_state_of_a_breaker(acts: int, entries: list[OpenBreaker], state: str) -> None:
    context = replace(HERE, history=(act(LITTLE),) * acts, breakers=tuple(entries))
    assert oracle_time.state_of_breaker("remediation", BREAKER, context, NOW) == state


def test_a_half_open_breaker_is_for_people_and_their_approvers() -> None:
    context = replace(HERE, history=(act(LITTLE), act(HOUR * 100)))
    one = {"failures": 2}
    policy = {"approvals": {"prod": {"count": 1, "any_of": ["leads"], "timeout": "15m"}}}
    assert not isinstance(oracle_time.circuit_breaker("incident", one, policy, context), str | None)
    assert oracle_time.circuit_breaker("incident", one, {}, context) == "forbidden"
    bot = replace(context, actor=Actor("bot", is_bot=True))
    assert oracle_time.circuit_breaker("incident", one, policy, bot) == "breaker_open"
    assert oracle_time.circuit_breaker("incident", one, policy, replace(context, incident="")) == "missing_context"
