"""The pages of the rules, and docs/lint.md, which is one of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runbooks.lint import RULES, Rule
from runbooks.lint.pages import explanation, listing, page
from runbooks.lint.report import WIDTH

DOCS = Path(__file__).resolve().parents[3] / "docs" / "lint.md"


def test_docs_lint_md_is_made_from_the_rules() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(RULES), "run: runbookctl lint --page > docs/lint.md"


def test_the_list_has_every_rule_and_fits_the_terminal() -> None:
    lines = [line for each in listing(RULES) for line in each.splitlines()]
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [rule.id for rule in RULES]
    assert all(len(line) <= WIDTH for line in lines)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_explained_with_both_examples(rule: Rule) -> None:
    told = explanation(rule)
    assert told.startswith(f"{rule.id} ({rule.severity})\n")
    assert re.search(r"Instead of\n\n    \S.*\n\nwrite\n\n    \S", told, re.DOTALL)
    assert ("--fix" in told) is bool(rule.mends)
