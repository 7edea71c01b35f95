from __future__ import annotations

import random
from typing import Any

import pytest

from guards.context import Context
from trust.draw_context import draw_base, draw_place, made
from trust.draw_policy import draw_policy
from trust.mishaps import MISHAPS, Mishap


@pytest.mark.parametrize("mishap", list(dict.fromkeys(MISHAPS)))
def test_a_mishap_changes_the_context_and_leaves_it_one(mishap: Mishap) -> None:
    changed = 0
    for seed in range(60):
        dice = random.Random(seed)
        policy = draw_policy(dice)
        fields: dict[str, Any] = draw_base(dice, policy, draw_place(dice, policy))
        before = dict(fields)
        mishap(dice, policy, fields)
        changed += repr(fields) != repr(before)
        assert isinstance(made(fields), Context)
    assert changed > 10
