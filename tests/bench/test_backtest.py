"""bench/backtest.py: the database that is tested against holds what was decided, and nothing comes out changed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench import backtest
from bench.__main__ import FIGURES
from bench.processes import Failed
from bench.run import Run
from bot.backtest import todays_rules
from bot.roster import OPERATIONS
from guards.policy import Policy
from runbooks.load import BUILTIN, Library

MADE = Policy.from_mapping(backtest.policy())
OWN = todays_rules(Library([BUILTIN]).runbooks, OPERATIONS)


def test_the_days_are_of_all_kinds() -> None:
    days = backtest.Days(MADE, OWN, 800, seed=1)
    outcomes = Counter(decision.outcome for decision in days.decisions())
    assert outcomes.total() == len(days.contexts) == 800
    assert min(outcomes[outcome] for outcome in ("allow", "ask", "deny")) > 50
    assert len(days.attempts) == len(days.runs) > 100
    assert any(context.history for context, _ in days.contexts)
    assert all(context.calendar.periods for context, _ in days.contexts)


async def test_another_policy_than_the_recorded_one_is_noticed(tmp_path: Path) -> None:
    days = backtest.Days(MADE, OWN, 80, seed=1)
    store = await backtest.fill(tmp_path / "countersign.db", days)
    try:
        found = await backtest.one_round(store, MADE, OWN, days.contexts)
        assert 0 < found.limit < found.ours
        other = Policy.from_mapping(backtest.policy() | {"requesters": {"roles": ["admin"]}})
        with pytest.raises(Failed, match="changed"):
            await backtest.one_round(store, other, OWN, days.contexts)
    finally:
        await store.close()


async def test_it_is_measured_beside_decide_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert FIGURES["backtest"] is backtest.measure
    monkeypatch.setattr(backtest, "QUICK", 200)
    run = Run(rounds=1, quick=True, seed=1, scratch=tmp_path, say=lambda text: None)
    (figure,) = [figure async for figures in backtest.measure(run) for figure in figures]
    assert (figure.sense, figure.target, figure.extra["decisions"]) == ("at most", 3, 200)
    assert figure.limit is not None
    assert figure.ours > figure.limit > 0
