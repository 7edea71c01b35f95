"""bench/decide.py: what is timed is a real decision about a real policy of 200 rules."""

from __future__ import annotations

from pathlib import Path

from bench import decide
from bench.__main__ import FIGURES
from bench.run import Run
from guards.policy import Policy


def test_the_policy_has_the_rules_that_it_says() -> None:
    policy = Policy.from_mapping(decide.policy())
    assert len(policy.limits) == 150
    assert len(policy.periods) == 40
    assert len(policy.limits) + len(policy.periods) + len(policy.breakers) + len(policy.cells) > 200


def test_every_target_is_decided_about_and_every_rule_is_in_the_trace() -> None:
    decision = Policy.from_mapping(decide.policy()).decide(decide.context())
    assert decision.outcome == "ask"
    assert {finding.rule for finding in decision.trace} >= {
        "rate_limit",
        "freeze",
        "circuit_breaker",
        "cost_cap",
        "matrix",
    }
    (seen,) = (finding.inputs["targets"] for finding in decision.trace if finding.rule == "blast_radius")
    assert len(seen) == decide.TARGETS  # type: ignore[arg-type]  # reason: inputs are JSON-like values of any kind


async def test_it_is_measured_beside_a_commit(tmp_path: Path) -> None:
    assert FIGURES["decide"] is decide.measure
    run = Run(rounds=1, quick=True, seed=1, scratch=tmp_path, say=lambda text: None)
    found = [figure async for figures in decide.measure(run) for figure in figures]
    assert [figure.sense for figure in found] == ["at most"]
    assert found[0].extra["samples"] == 100
    assert found[0].limit is not None
    assert found[0].ours > 0
