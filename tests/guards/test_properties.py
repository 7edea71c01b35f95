"""Properties that hold for any set of guards and any context (bar B1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guards
from guards.kill_switch import KillSwitch
from guards.known_environment import KnownEnvironment
from guards.matrix import MatrixCell
from guards.policy import Policy
from guards.scopes import Scopes
from guards.testing import NOON, answer_yes, frozen
from trust import cases
from trust.compare import compare

ENVIRONMENTS = st.sampled_from(["dev", "staging", "prod", "mars", ""])
SOME = st.lists(st.sampled_from(["dev", "staging", "prod"]), min_size=1, max_size=3).map(tuple)
ROLES = st.lists(st.sampled_from(["responder", "operator", "admin"]), min_size=1, max_size=2).map(tuple)
RISKS = st.sampled_from(["read", "safe", "caution", "forbidden", ""])
WORDS = st.sampled_from(["auto", "confirm", "approve", "forbid"])
CONFIRM = st.builds(guards.RequireConfirmation, message=st.sampled_from(["Sure?", "Really?"]))
APPROVE = st.builds(guards.RequireApproval, count=st.integers(1, 3), any_of=ROLES)
QUESTIONS = st.one_of(st.none(), APPROVE)
HOUR = timedelta(hours=1)
SERVICES = st.sampled_from([(), ("demo",), ("other",)])
AMOUNTS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 50.0])
SOMETIMES = st.one_of(st.none(), AMOUNTS)
NEWER_GUARDS = st.one_of(
    st.builds(guards.Freeze, watched=st.booleans()),
    st.builds(
        guards.ChangeWindow,
        days=st.sampled_from([("tue",), ("mon", "sun")]),
        start=st.just("11:00"),
        end=st.sampled_from(["13:00", "12:00", "02:00"]),
        timezone=st.just("UTC"),
    ),
    st.builds(guards.InChangeWindow, windows=st.lists(st.tuples(SOME, SERVICES), max_size=2).map(tuple)),
    st.builds(
        guards.CircuitBreaker,
        max=st.integers(1, 3),
        window=st.sampled_from([60.0, 3600.0]),
        cooldown=st.sampled_from([60.0, 3600.0]),
        per=st.sampled_from(["remediation", "global"]),
        question=QUESTIONS,
    ),
    st.builds(guards.CircuitBreaker, max=st.integers(1, 3), per=st.just("incident"), question=QUESTIONS),
    st.builds(guards.MaxChange, percent=AMOUNTS, max_factor=st.sampled_from([1.0, 3.0]), question=QUESTIONS),
    st.builds(guards.ErrorBudget, max_burned_percent=AMOUNTS),
    st.builds(
        guards.CostCap,
        currency=st.just("EUR"),
        per_act=SOMETIMES,
        per_day=SOMETIMES,
        ask_above=SOMETIMES,
        question=QUESTIONS,
    ),
    st.builds(guards.Autonomy, ceiling=st.sampled_from(["shadow", "suggest", "approve", "auto"]), question=QUESTIONS),
    st.builds(
        guards.BlastRadius,
        max_targets=st.integers(1, 3),
        max_percent=SOMETIMES,
        min_healthy=st.sampled_from([None, 0, 2]),
        one_domain=st.booleans(),
    ),
)
GUARDS = st.one_of(
    NEWER_GUARDS,
    st.builds(guards.AllowedEnvs, SOME),
    CONFIRM,
    APPROVE,
    st.builds(guards.RequireRole, roles=ROLES, bot_allowed=st.booleans()),
    st.builds(
        guards.RateLimit,
        max=st.integers(1, 3),
        window=st.sampled_from([60.0, 3600.0]),
        per=st.sampled_from(["service", "target", "action", "person", "global"]),
        env=st.sampled_from(["", "prod"]),
        service=st.sampled_from(["", "demo", "other"]),
    ),
    st.just(guards.Exclusive()),
    st.just(guards.Forbidden(reason="Never.")),
    st.builds(guards.BlastRadius, max_targets=st.integers(1, 2)),
    st.just(KillSwitch()),
    st.builds(KnownEnvironment, environments=SOME),
    st.just(Scopes()),
    st.builds(
        MatrixCell,
        environment=ENVIRONMENTS,
        risk=RISKS,
        word=WORDS,
        guard=st.one_of(st.none(), CONFIRM, APPROVE),
    ),
)
ACTS = st.builds(
    guards.PastAct,
    action=st.sampled_from(["demo.restart", "demo.scale"]),
    service=st.sampled_from(["demo", "other"]),
    environment=ENVIRONMENTS,
    target=st.sampled_from(["demo:dev/demo", "demo:prod/demo"]),
    actor=st.sampled_from(["tester", "bot"]),
    at=st.integers(-10, 7200).map(lambda ago: NOON - timedelta(seconds=ago)),
    result=st.sampled_from(["succeeded", "failed", "unknown", "running"]),
    incident=st.sampled_from(["", "inc_1"]),
    cost=AMOUNTS,
)
PERIODS = st.builds(
    guards.Period,
    kind=st.sampled_from(["freeze", "maintenance", "change_window"]),
    name=st.sampled_from(["a", "b"]),
    environments=SOME,
    services=SERVICES,
    start=st.sampled_from([NOON - HOUR, NOON]),
    end=st.sampled_from([NOON, NOON + HOUR]),
)
CALENDARS = st.builds(
    guards.Calendar,
    periods=st.lists(PERIODS, max_size=3).map(tuple),
    problems=st.sampled_from([(), (("dev", "too old"),)]),
)
BREAKERS = st.builds(
    guards.OpenBreaker,
    key=st.sampled_from(["global", "remediation:dev/demo/demo.restart"]),
    opened_at=st.sampled_from([NOON, NOON - HOUR]),
    trial_run=st.sampled_from(["", "run_test", "run_other"]),
)


@st.composite
def contexts(draw: st.DrawFn) -> guards.Context:
    """Any context, most of them nearly complete."""
    context = frozen(environment=draw(ENVIRONMENTS), risk=draw(RISKS))
    possible: dict[str, st.SearchStrategy[object]] = {
        "targets": st.lists(st.sampled_from(["demo:dev/demo", "demo:prod/demo", "*"]), max_size=3).map(tuple),
        "actor": st.sampled_from([None, guards.Actor("bot", is_bot=True), guards.Actor("tester")]),
        "scopes": SOME,
        "now": st.none(),
        "history": st.lists(ACTS, max_size=4).map(tuple),
        "holders": st.dictionaries(st.just("demo:dev/demo"), st.sampled_from(["run_test", "run_other"])),
        "stops": st.lists(
            st.builds(
                guards.Stop,
                st.sampled_from(["all", "environment", "service", "action"]),
                st.sampled_from(["", "dev", "demo"]),
                st.just("x"),
                st.just("ann"),
            ),
            max_size=2,
        ).map(tuple),
        "service": st.just(""),
        "action": st.just(""),
        "run": st.just(""),
        "incident": st.just("inc_1"),
        "autonomy": st.sampled_from(["shadow", "suggest", "approve", "auto", "god"]),
        "calendar": CALENDARS,
        "breakers": st.lists(BREAKERS, max_size=2).map(tuple),
        "inventory": st.builds(
            guards.Inventory, st.integers(0, 4), st.integers(0, 4), st.just({"demo:dev/demo": "a", "*": "b"})
        ),
        "change": st.builds(guards.Change, st.integers(0, 4), st.one_of(AMOUNTS, st.just(float("nan")))),
        "cost": st.one_of(AMOUNTS, st.just(float("nan"))),
        "budget_burned": AMOUNTS,
    }
    chosen = draw(st.sets(st.sampled_from(sorted(possible)), max_size=8))
    return replace(context, **{name: draw(possible[name]) for name in sorted(chosen)})  # type: ignore[arg-type]  # reason: cases as data


STACKS = st.lists(GUARDS, max_size=6)


@given(STACKS, contexts(), st.randoms(use_true_random=False))
def test_stacking_order_is_irrelevant(stack: list[guards.Guard], context: guards.Context, random: object) -> None:
    shuffled = list(stack)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # reason: hypothesis gives a random.Random
    assert guards.decide(shuffled, context) == guards.decide(stack, context)


@given(STACKS, GUARDS, contexts())
def test_adding_a_guard_never_opens_anything(
    stack: list[guards.Guard], more: guards.Guard, context: guards.Context
) -> None:
    """Deny stays deny, every question stays asked; only the bare empty chain may be opened by its first guard."""
    before, after = guards.decide(stack, context), guards.decide([*stack, more], context)
    if stack and before.outcome == "deny":
        assert after.outcome == "deny"
        assert all(denial in after.denials for denial in before.denials)
    if before.outcome == "ask" and after.outcome != "deny":
        assert all(question in after.questions for question in before.questions)


@given(STACKS, contexts())
def test_a_decision_is_total_and_consistent(stack: list[guards.Guard], context: guards.Context) -> None:
    decision = guards.decide(stack, context)
    assert decision == guards.decide(stack, context)
    assert decision.outcome == ("deny" if decision.denials else "ask" if decision.questions else "allow")
    assert not (decision.denials and decision.questions)
    assert len(decision.trace) == len(stack)
    assert all(denial.code and denial.reason and denial.remedy for denial in decision.denials)


@given(STACKS, contexts())
def test_a_call_does_what_explain_says(stack: list[guards.Guard], context: guards.Context) -> None:
    ran: list[int] = []
    fn: Callable[[], None] = lambda: ran.append(1)
    for guard in stack:
        fn = guards.guarded(fn, guard)
    if not stack:
        return
    explained = guards.explain(fn, context)
    assert ran == []
    for ask in (None, answer_yes):
        ran.clear()
        try:
            with guards.use(replace(context, ask=ask, now=context.now or NOON)) as used:
                explained = guards.explain(fn, used)
                fn()
        except guards.Denied as refusal:
            assert explained.outcome == "deny" or ask is None
            assert refusal.decision.outcome == "deny"
        assert bool(ran) == (explained.outcome == "allow" or (explained.outcome == "ask" and ask is answer_yes))


NEEDS: list[tuple[guards.Guard, tuple[str, ...]]] = [
    (guards.AllowedEnvs(("dev",)), ("environment",)),
    (guards.RequireRole(roles=("responder",)), ("actor",)),
    (guards.RateLimit(max=1, window=60, per="service", env="dev"), ("environment", "service", "action", "now")),
    (guards.RateLimit(max=1, window=60, per="target"), ("targets", "action", "now")),
    (guards.RateLimit(max=1, window=60, per="action"), ("action", "now")),
    (guards.RateLimit(max=1, window=60, per="person"), ("actor", "now")),
    (guards.RateLimit(max=1, window=60, per="global"), ("now",)),
    (guards.Exclusive(), ("targets",)),
    (guards.BlastRadius(), ("targets",)),
    (KnownEnvironment(environments=("dev",)), ("environment", "targets")),
    (Scopes(), ("environment", "scopes")),
    (MatrixCell(environment="dev", risk="safe", word="auto"), ("environment", "risk", "action")),
    (guards.Freeze(watched=True), ("environment", "now", "calendar")),
    (guards.ChangeWindow(days=("tue",), start="12:00", end="13:00", timezone="UTC"), ("now",)),
    (guards.InChangeWindow(windows=((("dev",), ()),)), ("environment", "now", "calendar")),
    (guards.InChangeWindow(windows=((("dev",), ("demo",)),)), ("environment", "service", "now", "calendar")),
    (guards.CircuitBreaker(max=1, window=60, cooldown=60), ("environment", "service", "action", "now")),
    (guards.CircuitBreaker(max=1, window=60, cooldown=60, per="global"), ("now",)),
    (guards.CircuitBreaker(max=1, per="incident"), ("incident",)),
    (guards.MaxChange(), ()),
    (guards.ErrorBudget(max_burned_percent=0), ("budget_burned",)),
    (guards.CostCap(currency="EUR", per_day=5), ("cost", "now")),
    (guards.Autonomy(ceiling="auto"), ("actor",)),
    (guards.BlastRadius(max_percent=50), ("targets", "inventory")),
]
EMPTY = guards.Context()
OPEN = guards.Period("change_window", "noon", ("dev",), (), NOON - HOUR, NOON + HOUR)
FULL = frozen(
    incident="inc_1",
    runbook="restart",
    autonomy="auto",
    calendar=guards.Calendar((OPEN,)),
    inventory=guards.Inventory(4, 4, {"demo:dev/demo": "a"}),
    change=guards.Change(2, 3),
    cost=1.0,
    budget_burned=0.0,
)


@pytest.mark.parametrize(("guard", "needs"), NEEDS, ids=lambda value: getattr(value, "rule", None))
def test_T34_any_missing_field_refuses(guard: guards.Guard, needs: tuple[str, ...]) -> None:
    assert guards.decide([guard], FULL).outcome == "allow"
    for field in fields(guards.Context):
        for blank in (getattr(EMPTY, field.name), None):
            decision = guards.decide([guard], replace(FULL, **{field.name: blank}))
            if field.name in needs:
                assert decision.outcome == "deny", field.name
            elif blank is not None:
                assert decision.outcome == "allow", field.name


def anew(value: Any) -> Any:
    """An equal value made of other objects: what was read from a file or a database is never the very same text."""
    if type(value) is str:
        return "".join(list(value))
    if type(value) is float:
        return value + 0.0
    if isinstance(value, dict):
        return {anew(key): anew(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(anew(part) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: anew(getattr(value, field.name)) for field in fields(value)})
    return value + timedelta(0) if isinstance(value, datetime) else value


@pytest.mark.parametrize("number", range(10))
def test_equal_words_are_decided_equally_whichever_objects_hold_them(number: int) -> None:
    """Cases of bar B1, whose contexts and policies share no object: guards and oracle agree on each."""
    whole = cases.batch(20261130, number)
    policy, same = Policy.from_mapping(anew(whole.policy)), Policy.from_mapping(whole.policy)
    for context, more in whole.cases:
        kind, said, decision = compare(whole.policy, policy, anew(context), more, Counter())
        assert not kind, (said, decision)
        assert repr(decision) == repr(same.decide(context, more))  # as text: no NaN is equal to itself


def test_T34_a_policy_refuses_when_any_field_is_missing() -> None:
    policy = Policy.from_mapping(
        {
            "version": 1,
            "lowest_environment": "dev",
            "matrix": {"dev": {"safe": "auto"}},
            "requesters": {"roles": ["responder"]},
            "operators": {"roles": ["operator"]},
            "limits": [{"max": 1, "per": "service", "window": 60}],
        }
    )
    assert guards.decide(policy.guards(frozen()), frozen()).outcome == "allow"
    for name in ("environment", "action", "actor", "service", "risk", "targets", "scopes", "now"):
        context = replace(frozen(), **{name: getattr(EMPTY, name)})
        assert guards.decide(policy.guards(context), context).outcome == "deny", name
    assert guards.decide(policy.guards(EMPTY), EMPTY).outcome == "deny"
