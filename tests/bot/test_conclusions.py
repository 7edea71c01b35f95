"""Conclusions: what counts as another decision, and which change is the more important."""

from __future__ import annotations

from typing import Any

import pytest

import guards
from bot.conclusions import (
    KINDS,
    LAXER,
    LESS,
    MORE,
    OTHER,
    POLICY_RULES,
    Conclusion,
    Question,
    change_of,
    conclusion_of,
    kept,
    recorded,
)
from guards.decision import Allow, Approvers, Ask, Deny
from guards.policy import Policy
from guards.recording import decision_data
from guards.testing import frozen
from tests.fakes.equipment import POLICY


def asked(**changes: Any) -> Question:
    usual: dict[str, Any] = {"kind": "approval", "count": 1, "any_of": ("a", "b"), "all_of": ("c",), "seconds": 60.0}
    return Question(**(usual | changes))


ALLOWED, REFUSED = Conclusion("allow"), Conclusion("deny", ("frozen",))
CONFIRM = Question("confirmation", 0, (), (), 120.0)


def asks(*questions: Question) -> Conclusion:
    return Conclusion("ask", (), tuple(sorted(questions)))


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (ALLOWED, ALLOWED, ""),
        (REFUSED, REFUSED, ""),
        (REFUSED, Conclusion("deny", ("frozen",), (), "another sentence"), ""),
        (asks(asked()), asks(asked()), ""),
        (REFUSED, ALLOWED, "refused -> allowed"),
        (REFUSED, asks(asked()), "refused -> asked"),
        (asks(asked()), ALLOWED, "asked -> allowed"),
        (ALLOWED, REFUSED, "allowed -> refused"),
        (asks(asked()), REFUSED, "asked -> refused"),
        (ALLOWED, asks(CONFIRM), "allowed -> asked"),
        (REFUSED, Conclusion("deny", ("frozen", "kill_switch")), OTHER),
        (asks(asked(count=2)), asks(asked()), LESS),
        (asks(asked()), asks(asked(any_of=("a", "b", "d"))), LESS),
        (asks(asked()), asks(asked(all_of=())), LESS),
        (asks(asked()), asks(asked(seconds=61.0)), LESS),
        (asks(asked()), asks(CONFIRM), LESS),
        (asks(asked(), CONFIRM), asks(asked()), LESS),
        (asks(asked()), asks(asked(), CONFIRM), MORE),
        (asks(asked()), asks(asked(count=2)), MORE),
        (asks(asked()), asks(asked(any_of=("a",), all_of=("c", "d"), seconds=30.0)), MORE),
        (asks(asked(count=2)), asks(asked(), asked(seconds=30.0)), LESS),
        (asks(asked(count=2)), asks(asked(), asked(count=2, seconds=90.0)), MORE),
        (asks(asked()), asks(asked(any_of=("a", "d")), asked(any_of=("d",))), LESS),
        (asks(asked()), asks(asked(), asked(seconds=90.0)), MORE),
    ],
)
def test_what_became_of_it(before: Conclusion, after: Conclusion, kind: str) -> None:
    assert change_of(before, after) == kind
    assert kind == "" or kind in KINDS


def test_what_would_become_possible_stands_first() -> None:
    assert set(KINDS[: len(LAXER)]) == LAXER
    assert {"refused -> allowed", "asked -> allowed", LESS} < LAXER
    assert KINDS[0] == "refused -> allowed"


class Says:
    """A rule that gives one verdict."""

    rule = "says"

    def __init__(self, verdict: Allow | Deny | Ask) -> None:
        self._verdict = verdict

    def check(self, _context: guards.Context) -> Allow | Deny | Ask:
        return self._verdict

    def inputs(self, _context: guards.Context) -> dict[str, object]:
        return {}


VERDICTS = [
    Allow("fine"),
    Deny("frozen", "Frozen.", "Wait."),
    Ask("confirmation", "Sure?", 120.0),
    Ask("approval", "May it?", 60.0, Approvers(2, ("b", "a"), ("c",))),
]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_recorded_decision_comes_to_the_same_as_the_decision(verdict: Allow | Deny | Ask) -> None:
    decision = guards.decide([Says(verdict)], frozen())
    trace = decision_data(decision)
    conclusion = Conclusion.of(decision)
    assert recorded(decision.outcome, trace) == conclusion
    assert conclusion_of(conclusion.data()) == conclusion
    (again,) = kept(trace)
    assert (again.rule, again.check(frozen()), again.inputs(frozen())) == ("says", verdict, {})


def test_what_a_policy_says_is_not_kept() -> None:
    policy = Policy.from_mapping(
        POLICY
        | {
            "breakers": {"incident": {"failures": 2}},
            "error_budget": {"max_burned_percent": 20},
            "cost": {"per_act": 1, "currency": "EUR"},
            "break_glass": {"any_of": ["payments-oncall"], "timeout": "10m"},
        }
    )
    glass = guards.BreakGlass("", "tester", frozen().now)  # type: ignore[arg-type]  # reason: a frozen context has a time
    decision = policy.decide(frozen(environment="prod", service="payments", tier=1, break_glass=glass), [Says(Allow())])
    assert {finding.rule for finding in decision.trace} == POLICY_RULES | {"says"}
    assert [each.rule for each in kept(decision_data(decision))] == ["says"]


@pytest.mark.parametrize(
    ("outcome", "findings"),
    [("maybe", []), ("deny", [{"verdict": "deny"}]), ("ask", [{"rule": "x", "verdict": "ask", "reason": "?"}])],
)
def test_another_shape_is_not_half_understood(outcome: str, findings: list[dict[str, Any]]) -> None:
    with pytest.raises((KeyError, ValueError)):
        recorded(outcome, findings)


def test_a_verdict_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="not a verdict"):
        kept([{"rule": "own", "verdict": "perhaps", "inputs": {}}])


@pytest.mark.parametrize(
    ("conclusion", "words"),
    [
        (ALLOWED, "allowed"),
        (Conclusion("deny", ("frozen", "kill_switch")), "refused (frozen, kill_switch)"),
        (asks(CONFIRM), "asked (confirmation within 2 min)"),
        (asks(asked()), "asked (approval of 1 from a or b, each of c, within 1 min)"),
        (asks(Question("approval", 0, (), (), 900.0)), "asked (approval of 1 from the usual people, within 15 min)"),
    ],
)
def test_it_is_said_in_a_few_words(conclusion: Conclusion, words: str) -> None:
    assert conclusion.words == words
