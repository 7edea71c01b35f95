"""The short form of B1: the guards against the oracle (`make trust` runs the long one)."""

from __future__ import annotations

import pytest

from trust import b1, lattice
from trust.cases import PER_POLICY
from trust.order import Order

SEED = 20261121
CASES = 20_000
# Saboteurs are caught by these tests: no processes of their own, and the first disagreement ends them.


def test_twenty_thousand_seeded_cases_agree_and_reach_every_verdict() -> None:
    reached = b1.wanted()
    for number in range(CASES // PER_POLICY):
        tally = b1.judge_batches(SEED, CASES, range(number, number + 1))
        assert not tally.kept
        assert tally.cases == PER_POLICY
        reached.update(tally.reached)
    assert not [name for name, count in reached.items() if not count]


def test_every_thousandth_combination_agrees_and_every_outcome_is_reached() -> None:
    tally = b1.judge_combinations(range(0, lattice.SIZE, b1.QUICK_STRIDE))
    assert not tally.kept
    assert tally.cases > 2000
    assert all(tally.reached[outcome] for outcome in ("allow", "ask", "deny"))


def test_the_same_seed_and_case_are_told_again() -> None:
    told = b1.replay(SEED, "1234")
    assert "case 1234 of seed 20261121: both agree" in told
    assert told == b1.replay(SEED, "1234")
    assert "matrix" in b1.replay(SEED, "lattice:77")


@pytest.mark.parametrize("case", ["", "x", "lattice:", "-1", "grid:3"])
def test_a_case_that_does_not_exist_is_refused(case: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        b1.replay(SEED, case)


def test_a_figure_counts_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Permissive:
        @staticmethod
        def from_mapping(written: object) -> object:
            from guards.policy import Policy

            made = Policy.from_mapping(written)  # type: ignore[arg-type]  # reason: handed on as it came
            return type("Open", (), {"decide": lambda self, context, more: _allow(made.decide(context, more))})()

    def _allow(decision: object) -> object:
        from dataclasses import replace

        return replace(decision, outcome="allow", denials=(), questions=(), standing="")  # type: ignore[type-var]  # reason: a Decision

    monkeypatch.setattr(b1, "Policy", Permissive)
    tally = b1.judge_batches(SEED, PER_POLICY, range(1))
    assert tally.kinds["wrong allow"] > 50
    figure = b1.figure("seeded cases", "a test", tally, SEED, 0.0, 10, {})
    assert figure.violations == tally.kinds.total()
    assert not figure.holds
    assert "--case" in figure.examples[0]


def test_the_lattice_is_spread_over_jobs_without_gap_or_overlap() -> None:
    figure = b1.combinations(Order(SEED, quick=True, processes=2, say=lambda text: None))
    assert figure.cases == len(range(0, lattice.SIZE, b1.QUICK_STRIDE))
    assert figure.holds
