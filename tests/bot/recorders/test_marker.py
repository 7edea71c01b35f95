"""The marker: only the end of a text counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.recorders.marker import carries, fitting, marked


@given(st.text(max_size=300), st.integers(1, 10**9), st.integers(60, 400))
def test_a_marked_text_carries_its_marker_whatever_its_length(text: str, number: int, limit: int) -> None:
    assert carries(marked(text, number), number)
    fitted = fitting(text, number, limit)
    assert len(fitted) <= limit
    assert carries(fitted, number)


@pytest.mark.parametrize("text", ["[cs-1] said somebody", "x [cs-11]", "x [cs-1", "", "[cs-01]"])
def test_other_texts_do_not_carry_it(text: str) -> None:
    assert not carries(text, 1)


def test_T47_a_cut_is_said() -> None:
    assert fitting("x" * 1000, 7, 100).endswith("x\n[shortened]\n[cs-7]")
