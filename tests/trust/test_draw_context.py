from __future__ import annotations

import random
from datetime import timedelta

from trust.draw_context import Focus, draw_base, draw_history, draw_place, foci, made
from trust.draw_policy import draw_policy
from trust.oracle import judge


def test_everything_that_counts_acts_is_a_focus() -> None:
    policy = {
        "limits": [{"window": "1h", "max": 2}],
        "breakers": {
            "remediation": {"window": "10m", "max": 3},
            "incident": {"failures": 2},
            "global": {"window": "30s", "failures": 1},
        },
        "cost": {},
        "standing": [{"id": "s", "max": 4}],
    }
    assert foci(policy) == [
        Focus(3600.0, 2),
        Focus(600.0, 3),
        Focus(30.0, 1, "failed"),
        Focus(86400.0, 2, "failed"),
        Focus(86400.0, 3),
        Focus(3600.0, 4, "", "s"),
    ]


def test_most_contexts_without_a_mishap_are_not_denied() -> None:
    outcomes = []
    for seed in range(400):
        dice = random.Random(seed)
        policy = draw_policy(dice)
        outcomes.append(judge(policy, made(draw_base(dice, policy, draw_place(dice, policy)))).outcome)
    assert outcomes.count("deny") < 200
    assert outcomes.count("allow") > 40
    assert outcomes.count("ask") > 40


def test_acts_lie_around_the_edge_of_the_window_and_around_the_number() -> None:
    focus = Focus(600.0, 2)
    ages = set()
    numbers = set()
    for seed in range(500):
        dice = random.Random(seed)
        policy = draw_policy(dice)
        fields = draw_base(dice, policy, draw_place(dice, policy))
        acts = draw_history(dice, fields, [focus])
        numbers.add(len(acts))
        ages |= {fields["now"] - act.at for act in acts}
    edge = timedelta(seconds=600)
    little = timedelta(microseconds=1)
    assert {edge, edge - little, edge + little, -timedelta(hours=1)} <= ages
    assert {0, 1, 2, 3} <= numbers
