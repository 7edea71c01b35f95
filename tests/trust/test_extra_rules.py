from __future__ import annotations

import random

from guards.chain import decide
from guards.context import Context
from trust.compare import as_judgement
from trust.extra_rules import EXTRAS, Extra, draw_extras
from trust.oracle import combine


def test_each_extra_rule_says_the_same_to_the_guards_and_to_the_oracle() -> None:
    for extra in EXTRAS:
        assert as_judgement(decide([extra], Context())) == combine([extra.finding], None)


def test_a_rule_that_fails_is_a_denial() -> None:
    assert Extra("broken", "!").finding == ("broken", "guard_error")


def test_most_cases_have_no_extra_rule_and_every_extra_is_drawn() -> None:
    drawn = [draw_extras(random.Random(seed)) for seed in range(2000)]
    assert drawn.count(()) > 1800
    assert {extras[0] for extras in drawn if extras} == set(EXTRAS)
