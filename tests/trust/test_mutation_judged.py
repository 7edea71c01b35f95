from __future__ import annotations

from collections import Counter

from trust.mutants import modules
from trust.mutation_judged import JUDGED


def test_each_judgement_has_a_reason_and_stands_once() -> None:
    assert all(each.why.endswith(".") and len(each.why) > 20 for each in JUDGED)
    assert all(each.was != each.now for each in JUDGED)
    assert max(Counter((each.module, each.was, each.now) for each in JUDGED).values(), default=1) == 1
    assert {each.module for each in JUDGED} <= set(modules())


def test_no_more_than_one_mutant_in_thirty_is_judged() -> None:
    """A list that grows is a list that is not read."""
    assert len(JUDGED) <= 110
