"""Properties that hold for any set of guards and any context (bar B1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta

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

ENVIRONMENTS = st.sampled_from(["dev", "staging", "prod", "mars", ""])
SOME = st.lists(st.sampled_from(["dev", "staging", "prod"]), min_size=1, max_size=3).map(tuple)
ROLES = st.lists(st.sampled_from(["responder", "operator", "admin"]), min_size=1, max_size=2).map(tuple)
RISKS = st.sampled_from(["read", "safe", "caution", "forbidden", ""])
WORDS = st.sampled_from(["auto", "confirm", "approve", "forbid"])
CONFIRM = st.builds(guards.RequireConfirmation, message=st.sampled_from(["Sure?", "Really?"]))
APPROVE = st.builds(guards.RequireApproval, count=st.integers(1, 3), any_of=ROLES)
GUARDS = st.one_of(
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
    }
    chosen = draw(st.sets(st.sampled_from(sorted(possible)), max_size=4))
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
]
EMPTY = guards.Context()


@pytest.mark.parametrize(("guard", "needs"), NEEDS, ids=lambda value: getattr(value, "rule", None))
def test_T34_any_missing_field_refuses(guard: guards.Guard, needs: tuple[str, ...]) -> None:
    assert guards.decide([guard], frozen()).outcome == "allow"
    for field in fields(guards.Context):
        for blank in (getattr(EMPTY, field.name), None):
            decision = guards.decide([guard], replace(frozen(), **{field.name: blank}))
            if field.name in needs:
                assert decision.outcome == "deny", field.name
            elif blank is not None:
                assert decision.outcome == "allow", field.name


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
