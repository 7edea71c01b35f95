from __future__ import annotations

import pytest

from trust import cases


def test_the_same_seed_and_number_give_the_same_case() -> None:
    first, second = cases.batch(7, 3), cases.batch(7, 3)
    assert first.policy == second.policy
    drawn = list(first.cases)
    assert repr(drawn) == repr(list(second.cases))
    assert len(drawn) == cases.PER_POLICY
    assert repr(list(cases.batch(8, 3).cases)) != repr(drawn)


@pytest.mark.parametrize("place", [0, 1, cases.PER_POLICY - 1])
def test_a_case_is_found_by_its_number(place: int) -> None:
    whole = cases.batch(7, 2)
    policy, case = cases.find(7, 2 * cases.PER_POLICY + place)
    assert policy == whole.policy
    assert repr(case) == repr(list(whole.cases)[place])
