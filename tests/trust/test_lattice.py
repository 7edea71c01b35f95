from __future__ import annotations

import pytest

from guards.policy import Policy
from trust import lattice


def test_it_has_more_than_a_million_combinations_and_numbers_each_once() -> None:
    assert lattice.SIZE >= 1_000_000
    step = 20011
    seen = {repr(lattice.at(number)) for number in range(0, lattice.SIZE, step)}
    assert len(seen) == len(range(0, lattice.SIZE, step))


def test_every_value_of_every_factor_is_met_by_the_short_form() -> None:
    drawn = [lattice.at(number) for number in range(0, lattice.SIZE, 997)]
    assert {word for word, _ in drawn} == set(lattice.FACTORS["word"])
    for name in ("environment", "risk", "autonomy", "runbook"):
        assert {getattr(context, name) for _, context in drawn} == set(lattice.FACTORS[name])
    for name in ("actor", "stops", "breakers", "break_glass"):
        assert {repr(getattr(context, name)) for _, context in drawn} == {repr(v) for v in lattice.FACTORS[name]}


@pytest.mark.parametrize("number", [-1, lattice.SIZE])
def test_there_is_nothing_outside(number: int) -> None:
    with pytest.raises(IndexError):
        lattice.at(number)


@pytest.mark.parametrize("word", lattice.FACTORS["word"])
def test_its_policies_are_valid(word: str) -> None:
    assert Policy.from_mapping(lattice.policy(word)).word("prod", "safe") == word
