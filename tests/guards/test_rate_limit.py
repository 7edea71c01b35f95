"""guards/rate_limit.py."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import guards
from guards.testing import NOON, frozen


def act(seconds_ago: float = 10, **changes: object) -> guards.PastAct:
    fields: dict[str, object] = {
        "action": "demo.restart",
        "service": "demo",
        "environment": "dev",
        "target": "demo:dev/demo",
        "actor": "tester",
        "at": NOON - timedelta(seconds=seconds_ago),
        "result": "succeeded",
    }
    return guards.PastAct(**{**fields, **changes})  # type: ignore[arg-type]  # reason: cases as data


def codes(guard: guards.RateLimit, **changes: object) -> list[str]:
    return [d.code for d in guards.decide([guard], frozen(**changes)).denials]


OTHER = {
    "service": {"service": "other"},
    "target": {"target": "demo:dev/other"},
    "action": {"action": "other"},
    "person": {"actor": "other"},
}


@pytest.mark.parametrize("per", ["service", "target", "action", "person", "global"])
def test_it_counts_acts_of_the_same_kind(per: str) -> None:
    guard = guards.RateLimit(max=1, window=60, per=per)
    assert codes(guard) == []
    assert codes(guard, history=(act(),)) == ["rate_limited"]
    other = OTHER.get(per)
    if other:
        assert codes(guard, history=(act(**other),)) == []
    of_another_action = codes(guard, history=(act(action="other"),))
    assert of_another_action == ([] if per in ("service", "target", "action") else ["rate_limited"])


@pytest.mark.parametrize(("ago", "refused"), [(59.999, True), (60, False), (60.001, False), (0, True), (-5, True)])
def test_only_strictly_inside_the_window(ago: float, refused: bool) -> None:
    assert bool(codes(guards.RateLimit(max=1, window=60, per="global"), history=(act(ago),))) is refused


@pytest.mark.parametrize("result", ["succeeded", "failed", "unknown", "running"])
def test_every_result_counts(result: str) -> None:
    assert codes(guards.RateLimit(max=1, window=60, per="global"), history=(act(result=result),)) == ["rate_limited"]


def test_the_remedy_says_when_it_frees_up() -> None:
    guard = guards.RateLimit(max=2, window=60, per="global")
    assert codes(guard, history=(act(50),)) == []
    decision = guards.decide([guard], frozen(history=(act(50), act(20), act(10))))
    assert "12:00:40" in decision.denials[0].remedy, "when fewer than 2 are left: the act 20 s ago leaves in 40 s"
    assert decision.trace[0].inputs["counted"] == {"everything": 3}


def test_one_full_target_is_enough() -> None:
    guard = guards.RateLimit(max=1, window=60, per="target")
    targets = ("demo:dev/a", "demo:dev/b")
    assert codes(guard, targets=targets, history=(act(target="demo:dev/b"),)) == ["rate_limited"]
    assert codes(guard, targets=targets, history=(act(target="demo:dev/c"),)) == []


def test_a_limit_for_one_environment_and_action() -> None:
    guard = guards.RateLimit(max=1, window=3600, per="service", env="prod", action="demo.restart")
    prod = act(environment="prod")
    assert codes(guard, environment="prod", history=(prod,)) == ["rate_limited"]
    assert codes(guard, environment="prod", history=(act(),)) == [], "acts elsewhere do not count"
    assert codes(guard, environment="dev", history=(prod,)) == [], "it does not apply elsewhere"
    assert codes(guard, environment="prod", action="other", history=(prod,)) == [], "nor to another action"
    anyone = guards.RateLimit(max=1, window=3600, per="global", action="demo.restart")
    assert codes(anyone, history=(act(action="other"),)) == []
    assert codes(anyone, history=(act(service="other"),)) == ["rate_limited"]


def test_a_limit_for_one_service() -> None:
    guard = guards.RateLimit(max=1, window=3600, per="global", service="demo")
    assert codes(guard, history=(act(action="other", environment="prod"),)) == ["rate_limited"]
    assert codes(guard, history=(act(service="other"),)) == [], "acts on others do not count"
    assert codes(guard, service="other", history=(act(), act(service="other"))) == [], "it is not for others"
    person = guards.RateLimit(max=1, window=3600, per="person", service="demo")
    assert codes(person, history=(act(),)) == ["rate_limited"]
    assert codes(person, history=(act(service="other"),)) == []
    counted = guards.decide([guard], frozen(history=(act(),))).trace[0].inputs["counted"]
    assert counted == {"demo": 1}


def test_a_limit_that_does_not_apply_needs_nothing() -> None:
    guard = guards.RateLimit(max=1, window=60, per="person", env="prod", action="demo.restart", service="demo")
    assert codes(guard, environment="dev", now=None, actor=None) == []
    assert codes(guard, environment="prod", service="other", now=None) == []
    decision = guards.decide([guard], frozen())
    assert decision.trace[0].inputs["counted"] == {}
    assert guard.check(frozen()) is guard.check(frozen(service="x")), "made once"
    assert guard.inputs(frozen())["service"] == "demo"


@pytest.mark.parametrize(
    ("guard", "field", "blank", "code"),
    [
        (guards.RateLimit(max=1, window=60, per="service"), "service", "", "missing_context"),
        (guards.RateLimit(max=1, window=60, per="service"), "action", "", "missing_context"),
        (guards.RateLimit(max=1, window=60, per="target"), "targets", (), "missing_context"),
        (guards.RateLimit(max=1, window=60, per="action"), "action", "", "missing_context"),
        (guards.RateLimit(max=1, window=60, per="person"), "actor", None, "missing_context"),
        (guards.RateLimit(max=1, window=60, per="person"), "actor", guards.Actor(""), "missing_context"),
        (guards.RateLimit(max=1, window=60, per="global"), "now", None, "missing_context"),
        (guards.RateLimit(max=1, window=60, per="global", env="dev"), "environment", "", "missing_context"),
        (guards.RateLimit(max=1, window=60, per="global", action="a"), "action", "", "missing_context"),
        (guards.RateLimit(max=1, window=60, per="global", service="a"), "service", "", "missing_context"),
        (guards.RateLimit(max=1, window=60, per="target"), "targets", "demo:dev/demo", "guard_error"),
    ],
)
def test_T34_what_is_missing_refuses(guard: guards.RateLimit, field: str, blank: object, code: str) -> None:
    assert codes(guard, **{field: blank}) == [code]


def test_a_time_without_zone_refuses() -> None:
    naive = datetime(2030, 1, 1, 12)
    assert codes(guards.RateLimit(max=1, window=60, per="global"), history=(act(at=naive),)) == ["guard_error"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max": 0},
        {"max": -1},
        {"window": 0},
        {"window": 1e9},
        {"per": "*"},
        {"per": ""},
        {"env": "*"},
        {"action": "*"},
        {"service": "*"},
    ],
)
def test_T34_wrong_options_are_errors_at_decoration(wrong: dict[str, object]) -> None:
    options: dict[str, object] = {"max": 1, "window": "1h", "per": "service", **wrong}
    with pytest.raises(ValueError, match="rate_limit"):
        guards.rate_limit(**options)  # type: ignore[arg-type]  # reason: wrong on purpose


def test_the_decorator_makes_the_same_guard() -> None:
    (guard,) = guards.guards_of(guards.rate_limit(max=1, window="1h", per="service")(lambda: 1))
    assert guard == guards.RateLimit(max=1, window=3600, per="service")
    with pytest.raises(TypeError):
        guards.rate_limit(max=True, window="1h", per="service")


def test_check_and_inputs_are_the_two_answers() -> None:
    guard = guards.RateLimit(max=2, window=60, per="service")
    context = frozen(history=(act(),))
    assert guard.check(context) == guards.Allow("Fewer than 2 in the window.")
    assert guard.inputs(context)["counted"] == {"demo": 1}


@pytest.mark.parametrize("field", ["env", "action", "service"])
@pytest.mark.parametrize("other", ["another", "zoo"])
def test_a_limit_for_something_else_needs_nothing(field: str, other: str) -> None:
    limit = {"env": "dev", "action": "demo.restart", "service": "demo"}[field]
    guard = guards.RateLimit(max=1, window=60, per="global", **{field: limit})
    name = "environment" if field == "env" else field
    context = frozen(**{name: other}, history=(act(**{name: other}), act()))
    assert guard.check(context) == guards.Allow(f"This limit is for {limit}.")


@pytest.mark.parametrize(
    ("per", "others"),
    [("target", {"target": "a"}), ("target", {"target": "z"}), ("person", {"actor": "a"}), ("person", {"actor": "z"})],
)
def test_neither_earlier_nor_later_names_are_counted(per: str, others: dict[str, object]) -> None:
    assert codes(guards.RateLimit(max=1, window=60, per=per), history=(act(**others),)) == []


def test_it_frees_up_when_enough_of_many_acts_are_old() -> None:
    history = tuple(act(ago) for ago in (50, 40, 30, 20))
    (denial,) = guards.decide([guards.RateLimit(max=2, window=60, per="global")], frozen(history=history)).denials
    assert (NOON + timedelta(seconds=30)).isoformat() in denial.remedy


def test_what_is_made_beforehand_is_neither_shown_nor_counts() -> None:
    guard = guards.RateLimit(max=1, window=60, per="global", env="dev")
    assert repr(guard) == "RateLimit(max=1, window=60.0, per='global', env='dev', action='', service='')"
    assert hash(guard) == hash(guards.RateLimit(max=1, window=60, per="global", env="dev"))
