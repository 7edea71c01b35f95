"""Seeded cases: a policy, and a few hundred contexts to judge by it. The same seed and number give the same case again.

Used by trust/b1.py, trust/shrinking.py and `python -m trust b1 --seed N --case K`. Must not look at guards/ beyond its values.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from guards.context import Context
from trust.draw_context import Fields, Focus, draw_base, draw_history, draw_place, foci, made
from trust.draw_policy import draw_policy
from trust.extra_rules import Extra, draw_extras
from trust.mishaps import MISHAPS

PER_POLICY = 400
# Different actions, services and environments that one policy is asked about: it compiles its rules for each.
PLACES = 6
# How many things go wrong at once, and how often.
NUMBERS = (0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 6)


Case = tuple[Context, tuple[Extra, ...]]


class Batch(NamedTuple):
    """One policy and its cases in the order of their numbers: each a context, and rules beside the policy's own."""

    number: int
    policy: dict[str, Any]
    cases: Iterator[Case]


def draw_case(dice: Random, policy: dict[str, Any], places: list[Fields], counted: list[Focus]) -> Case:
    """One case: a context, fine at first, then with some mishaps, then with a past."""
    fields = draw_base(dice, policy, dice.choice(places))
    for _ in range(dice.choice(NUMBERS)):
        dice.choice(MISHAPS)(dice, policy, fields)
    fields["history"] = draw_history(dice, fields, counted)
    return made(fields), draw_extras(dice)


def batch(seed: int, number: int) -> Batch:
    """The policy of this number with its cases number * PER_POLICY and following."""
    dice = Random(f"{seed}/{number}")  # noqa: S311  # reason: cases must come again with their seed
    policy = draw_policy(dice)
    counted = foci(policy)
    places = [draw_place(dice, policy) for _ in range(PLACES)]
    return Batch(number, policy, (draw_case(dice, policy, places, counted) for _ in range(PER_POLICY)))


def find(seed: int, case: int) -> tuple[dict[str, Any], Case]:
    """The policy of one case, and the case. Raises IndexError when there is none of that number."""
    whole = batch(seed, case // PER_POLICY)
    for place, drawn in enumerate(whole.cases):
        if place == case % PER_POLICY:
            return whole.policy, drawn
    raise IndexError(case)
