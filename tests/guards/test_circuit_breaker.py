"""guards/circuit_breaker.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

import guards
from guards.testing import NOON, frozen

KEY = "remediation:dev/demo/demo.restart"
QUESTION = guards.RequireApproval(any_of=("leads",), message="Approve?")
REMEDIATION = guards.CircuitBreaker(max=3, window=600, cooldown=1800, question=QUESTION)
GLOBAL = guards.CircuitBreaker(max=2, window=600, cooldown=1800, per="global", question=QUESTION)
INCIDENT = guards.CircuitBreaker(max=2, per="incident", question=QUESTION)
BOT = guards.Actor("bot", is_bot=True)


def act(seconds_ago: float = 10, **changes: object) -> guards.PastAct:
    fields: dict[str, object] = {
        "action": "demo.restart",
        "service": "demo",
        "environment": "dev",
        "target": "demo:dev/demo",
        "actor": "tester",
        "at": NOON - timedelta(seconds=seconds_ago),
        "result": "failed",
        "incident": "inc_1",
    }
    return guards.PastAct(**{**fields, **changes})  # type: ignore[arg-type]  # reason: cases as data


def breaker(seconds_ago: float, key: str = KEY, trial_run: str = "") -> guards.OpenBreaker:
    return guards.OpenBreaker(key, NOON - timedelta(seconds=seconds_ago), trial_run)


def code(guard: guards.CircuitBreaker, **changes: object) -> str:
    decision = guards.decide([guard], frozen(incident="inc_1", **changes))
    return decision.denials[0].code if decision.denials else decision.outcome


@pytest.mark.parametrize(
    ("guard", "history", "expected"),
    [
        (REMEDIATION, (), "allow"),
        (REMEDIATION, (act(), act()), "allow"),
        (REMEDIATION, (act(), act(), act()), "breaker_open"),
        (REMEDIATION, tuple(act(result=r) for r in ("succeeded", "running", "unknown")), "breaker_open"),
        (REMEDIATION, (act(), act(), act(599.999)), "breaker_open"),
        (REMEDIATION, (act(), act(), act(600)), "allow"),
        (REMEDIATION, (act(), act(), act(-5)), "breaker_open"),
        (REMEDIATION, (act(), act(), act(action="demo.scale")), "allow"),
        (REMEDIATION, (act(), act(), act(service="other")), "allow"),
        (REMEDIATION, (act(), act(), act(environment="prod")), "allow"),
        (REMEDIATION, (act(), act(), act(incident="", actor="bot", target="")), "breaker_open"),
        (GLOBAL, (act(),), "allow"),
        (GLOBAL, (act(), act(action="x", service="y", environment="z", result="unknown")), "breaker_open"),
        (GLOBAL, (act(), act(result="succeeded"), act(result="running")), "allow"),
        (GLOBAL, (act(), act(result="a new word")), "breaker_open"),
        (GLOBAL, (act(), act(600)), "allow"),
        (INCIDENT, (act(),), "allow"),
        (INCIDENT, (act(86400 * 30), act(result="unknown", action="x", service="y")), "ask"),
        (INCIDENT, (act(), act(incident="inc_2"), act(incident=""), act(result="succeeded")), "allow"),
    ],
)
def test_T57_what_counts(guard: guards.CircuitBreaker, history: tuple[guards.PastAct, ...], expected: str) -> None:
    assert code(guard, history=history) == expected
    assert code(guard, history=history, risk="read") == "allow"
    assert code(guard, history=history, actor=BOT) == ("breaker_open" if expected == "ask" else expected)


@pytest.mark.parametrize(
    ("breakers", "changes", "expected"),
    [
        ((breaker(0),), {}, "breaker_open"),
        ((breaker(1799.999),), {}, "breaker_open"),
        ((breaker(1800),), {}, "ask"),
        ((breaker(-10),), {}, "breaker_open"),
        ((breaker(1800),), {"actor": BOT}, "breaker_open"),
        ((breaker(1800),), {"actor": None}, "missing_context"),
        ((breaker(1800),), {"actor": guards.Actor("")}, "missing_context"),
        ((breaker(1800),), {"risk": "read"}, "allow"),
        ((breaker(1800, trial_run="run_other"),), {}, "breaker_open"),
        ((breaker(1800, trial_run="run_test"),), {}, "ask"),
        ((breaker(1800, trial_run="run_test"),), {"run": ""}, "breaker_open"),
        ((breaker(10, trial_run="run_test"),), {}, "breaker_open"),
        ((breaker(1800), breaker(10)), {}, "breaker_open"),
        ((breaker(1800), breaker(1900, trial_run="run_other")), {}, "breaker_open"),
        ((breaker(10, key="remediation:dev/demo/other"), breaker(10, key="global")), {}, "allow"),
        # half open: the acts that opened it may still lie in the window
        ((breaker(1800),), {"history": (act(), act(), act())}, "ask"),
    ],
)
def test_T57_an_open_breaker_cools_down_and_waits_for_one_trial(
    breakers: tuple[guards.OpenBreaker, ...], changes: dict[str, object], expected: str
) -> None:
    assert code(REMEDIATION, breakers=breakers, **changes) == expected


@pytest.mark.parametrize(
    ("guard", "changes"),
    [
        (REMEDIATION, {"breakers": (breaker(1800),)}),
        (GLOBAL, {"breakers": (breaker(1800, key="global"),), "service": "", "environment": "", "action": ""}),
        (INCIDENT, {"history": (act(), act()), "environment": "", "now": None}),
    ],
)
def test_T43_people_are_asked_or_nobody_may(guard: guards.CircuitBreaker, changes: dict[str, object]) -> None:
    context = frozen(incident="inc_1", **changes)
    assert guards.decide([guard], context).questions == (QUESTION.check(context),)
    decision = guards.decide([replace(guard, question=None)], context)
    assert [d.code for d in decision.denials] == ["forbidden"]
    assert "has no approvers" in decision.denials[0].reason


@pytest.mark.parametrize(
    ("guard", "changes"),
    [
        (REMEDIATION, {"environment": ""}),
        (REMEDIATION, {"service": ""}),
        (REMEDIATION, {"action": ""}),
        (REMEDIATION, {"now": None}),
        (GLOBAL, {"now": None}),
        (INCIDENT, {"incident": ""}),
    ],
)
def test_T34_what_is_missing_refuses(guard: guards.CircuitBreaker, changes: dict[str, object]) -> None:
    context = frozen(**{"incident": "inc_1", **changes})
    decision = guards.decide([guard], context)
    assert [d.code for d in decision.denials] == ["missing_context"]
    assert decision.trace[0].inputs["counted"] is None
    with pytest.raises(ValueError, match="is not known"):
        guards.opens(guard, context)


def test_a_time_without_zone_refuses() -> None:
    assert code(REMEDIATION, history=(act(at=datetime(2030, 1, 1)),)) == "guard_error"
    assert code(REMEDIATION, breakers=(guards.OpenBreaker(KEY, datetime(2029, 1, 1)),)) == "guard_error"


@pytest.mark.parametrize(
    ("guard", "history", "breakers", "opened"),
    [
        (REMEDIATION, (act(), act()), (), False),
        (REMEDIATION, (act(), act(), act(0, result="running")), (), True),
        (REMEDIATION, (act(), act(), act(), act()), (), True),
        (REMEDIATION, (act(), act(), act()), (breaker(1800, trial_run="run_test"),), False),
        (REMEDIATION, (act(), act(), act()), (breaker(10, key="global"),), True),
        (GLOBAL, (act(), act(0)), (), True),
        (GLOBAL, (act(), act(0, result="running")), (), False),
        (GLOBAL, (act(), act(0)), (breaker(1800, key="global"),), False),
        (INCIDENT, (act(), act(), act()), (), False),
    ],
)
def test_T57_opens_at_exactly_its_number(
    guard: guards.CircuitBreaker,
    history: tuple[guards.PastAct, ...],
    breakers: tuple[guards.OpenBreaker, ...],
    opened: bool,
) -> None:
    assert guards.opens(guard, frozen(incident="inc_1", history=history, breakers=breakers)) is opened


def test_the_keys_of_open_breakers() -> None:
    assert guards.key_of("dev", "demo", "demo.restart") == KEY
    assert [guard.key(frozen()) for guard in (REMEDIATION, GLOBAL, INCIDENT)] == [KEY, "global", ""]


def test_T57_a_trial_closes_it_or_opens_it_anew() -> None:
    tried = breaker(1800, trial_run="run_test")
    assert guards.after_trial(tried, True, NOON) is None
    for other in (False, "yes", 1):
        assert guards.after_trial(tried, other, NOON) == guards.OpenBreaker(KEY, NOON, "")  # type: ignore[arg-type]  # reason: wrong on purpose


def test_the_trace_says_what_was_counted() -> None:
    context = frozen(history=(act(), act()), breakers=(breaker(10),))
    assert REMEDIATION.inputs(context) == {
        "per": "remediation",
        "max": 3,
        "window_seconds": 600.0,
        "cooldown_seconds": 1800.0,
        "key": KEY,
        "counted": 2,
        "opened_at": ("2030-01-01T11:59:50+00:00",),
        "run": "run_test",
    }
    assert (REMEDIATION.check(context), REMEDIATION.inputs(context)) == REMEDIATION.examine(context)
    assert "2030-01-01T12:29:50+00:00" in guards.decide([REMEDIATION], context).denials[0].remedy


def test_the_decorator_makes_the_same_guard() -> None:
    (guard,) = guards.guards_of(guards.circuit_breaker(max=3, window="10m", cooldown="30m")(lambda: 1))
    assert isinstance(guard, guards.CircuitBreaker)
    assert replace(guard, question=QUESTION) == REMEDIATION
    assert guard.question is not None
    assert guard.question.any_of == ()
    (guard,) = guards.guards_of(guards.circuit_breaker(max=2, per="incident")(lambda: 1))
    assert isinstance(guard, guards.CircuitBreaker)
    assert replace(guard, question=QUESTION) == INCIDENT


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max": 0, "window": 60, "cooldown": 60}, ValueError),
        ({"max": True, "window": 60, "cooldown": 60}, TypeError),
        ({"max": 1}, ValueError),
        ({"max": 1, "window": 60}, ValueError),
        ({"max": 1, "cooldown": 60}, ValueError),
        ({"max": 1, "window": "1 hour", "cooldown": 60}, ValueError),
        ({"max": 1, "window": -1, "cooldown": 60}, ValueError),
        ({"max": 1, "window": 60, "cooldown": 60, "per": "service"}, ValueError),
        ({"max": 1, "window": 60, "per": "incident"}, ValueError),
        ({"max": 1, "cooldown": 60, "per": "incident"}, ValueError),
    ],
)
def test_T34_wrong_options_are_errors_at_decoration(options: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error, match="circuit_breaker"):
        guards.circuit_breaker(**options)  # type: ignore[arg-type]  # reason: wrong on purpose


@pytest.mark.parametrize(
    ("guard", "why"),
    [
        (REMEDIATION, "3 acts of this kind in 600 s, at most 3"),
        (GLOBAL, "3 acts that went wrong in 600 s, at most 2"),
    ],
)
def test_the_refusal_says_what_was_counted(guard: guards.CircuitBreaker, why: str) -> None:
    (denial,) = guards.decide([guard], frozen(history=(act(), act(), act()))).denials
    assert denial.reason == f"The circuit breaker is open: {why}."


def test_the_refusal_names_the_first_trial() -> None:
    found = (breaker(1800, trial_run="run_a"), breaker(1801, trial_run="run_b"))
    (denial,) = guards.decide([REMEDIATION], frozen(breakers=found)).denials
    assert denial.reason == "The circuit breaker is open: run_a is its trial."
    assert denial.remedy == "Wait until run_a has ended, and find out why."


@pytest.mark.parametrize("guard", [REMEDIATION, GLOBAL, INCIDENT], ids=lambda guard: guard.per)
def test_the_kind_counts_whichever_object_holds_its_name(guard: guards.CircuitBreaker) -> None:
    other = replace(guard, per="".join(list(guard.per)))
    context = frozen(incident="inc_1", history=(act(), act(action="other"), act(action="third")))
    assert other.key(context) == guard.key(context)
    assert other.examine(context) == guard.examine(context)
    more = replace(context, history=(*context.history, act(), act()))
    assert other.examine(more) == guard.examine(more)
    assert guards.opens(other, more) is guards.opens(guard, more) is (guard.per != "incident")
