from __future__ import annotations

import pytest

from trust.order import Order, shares, spread


def test_the_short_form_is_smaller() -> None:
    assert Order(1, quick=True, processes=1).size(100, 5) == 5
    assert Order(1, quick=False, processes=1).size(100, 5) == 100


@pytest.mark.parametrize(
    "total,size,ranges",
    [(5, 2, [(0, 2), (2, 4), (4, 5)]), (4, 2, [(0, 2), (2, 4)]), (0, 2, []), (1, 9, [(0, 1)])],
)
def test_shares(total: int, size: int, ranges: list[tuple[int, int]]) -> None:
    assert [(share.start, share.stop) for share in shares(total, size)] == ranges


def test_work_is_spread_over_processes() -> None:
    assert sorted(spread(abs, [-3, 2, -1], 2)) == [1, 2, 3]


def test_an_exception_in_a_job_is_raised() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        list(spread(int, ["x"], 1))
