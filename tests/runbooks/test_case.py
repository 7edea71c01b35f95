"""Cases: what may be written, and what is refused with its place."""

from __future__ import annotations

import pytest

from runbooks.digest import digest
from runbooks.load import RunbookError, load_runbook

PLAIN = """id: clear-cache
command: "redis-cli FLUSHDB"
safety: {scopes: ["staging"]}
"""


def with_case(case: str) -> str:
    return f"{PLAIN}tests:\n  - {case}\n"


def test_a_case_is_read_with_what_it_leaves_out() -> None:
    (case,) = load_runbook(with_case("{name: asked for by name, expect: {asks: [approval]}}"), "x.yaml").tests
    assert (case.environment, case.incident.severity, case.incident.says_nothing) == ("staging", "critical", True)
    assert case.expect.asks == ("approval",)


def test_an_empty_list_of_questions_is_an_expectation_of_its_own() -> None:
    (case,) = load_runbook(with_case("{name: nobody is asked, expect: {asks: []}}"), "x.yaml").tests
    assert case.expect.asks == ()


def test_the_cases_are_no_part_of_the_digest() -> None:
    tested = load_runbook(with_case("{name: one, expect: {refused: x}}"), "x.yaml")
    assert digest(tested) == digest(load_runbook(PLAIN, "x.yaml"))


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("{name: nothing, expect: {}}", "at least one of step, plan, refused, no_step and asks"),
        ("{name: both, expect: {step: run, no_step: x}}", "no_step does not go with"),
        ("{name: both, expect: {refused: x, asks: []}}", "refused does not go with asks"),
        ("{name: typo, expect: {steps: run}}", "steps is not a known key"),
        ("{name: typo, incident: {alert: X}, expect: {step: run}}", "alert is not a known key"),
        ("{name: '', expect: {step: run}}", "name"),
        ("{name: x, incident: {severity: high}, expect: {step: run}}", "severity"),
        ("{name: x, past: [{step: run, outcome: broke}], expect: {step: run}}", "outcome"),
        ("{name: x, facts: {health: 503}, expect: {step: run}}", "health must be a mapping"),
        ("{name: x}", "expect is missing"),
    ],
)
def test_a_case_that_means_nothing_is_refused_at_its_line(case: str, says: str) -> None:
    with pytest.raises(RunbookError) as caught:
        load_runbook(with_case(case), "x.yaml")
    assert says in str(caught.value)
    assert {problem.line for problem in caught.value.problems} == {5}
