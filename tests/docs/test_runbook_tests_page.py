"""docs/runbook-tests.md: its example loads and passes, and its tables say what is so."""

from __future__ import annotations

import re
from pathlib import Path

from bot.simulation import examples, play_cases
from runbooks.case import Case, CaseExpect, CaseIncident
from runbooks.load import load_runbook

PAGE = (Path(__file__).parents[2] / "docs" / "runbook-tests.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def first_cells(heading: str) -> set[str]:
    part = PAGE.partition(f"## {heading}")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([a-z_]+)` \|", part, flags=re.MULTILINE))


def test_the_example_loads_and_every_case_of_it_passes() -> None:
    (example,) = blocks("yaml")
    results = play_cases(load_runbook(example, "docs/runbook-tests.md"))
    assert len(results) == 8
    assert [(one.name, one.wrong) for one in results if one.state != "passed"] == []


def test_every_key_of_a_case_is_explained() -> None:
    assert first_cells("What is given") == (set(Case.model_fields) - {"expect"}) | set(examples.TARGETS)
    assert first_cells("What must come out") == set(CaseExpect.model_fields)
    for field in CaseIncident.model_fields:
        assert f"`{field}`" in PAGE


def test_the_example_targets_are_as_the_page_says() -> None:
    for kind, (name, _) in examples.TARGETS.items():
        assert f"| `{kind}` | {name} |" in PAGE


def test_the_example_policy_is_as_the_page_says() -> None:
    words = {"auto": "nobody is asked", "confirm": "confirmation", "approve": "approval"}
    policy = examples.policy()
    for environment in ("dev", "staging", "prod"):
        cells = [words[policy.word(environment, risk, 1)] for risk in ("read", "safe", "caution")]
        assert f"| {environment} | {' | '.join(cells)} |" in PAGE
