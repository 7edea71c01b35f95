"""The examples of docs/runbook-format.md load, fit the schema and lint without errors; every key is on the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bot.roster import FACT_NAMES, OPERATIONS
from runbooks.load import RunbookError, load_runbook, load_strict
from runbooks.schema import schema
from runbooks.schema_words import WORDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "runbook-format.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(id: (\S+)\n.*?)```", PAGE, re.DOTALL)
VALIDATOR = Draft202012Validator(
    schema({n: (each.summary, each.parameters.model_json_schema()) for n, each in OPERATIONS.items()}, FACT_NAMES)
)


@pytest.mark.parametrize(("text", "name"), EXAMPLES, ids=[name for _, name in EXAMPLES])
def test_every_example_is_a_runbook(text: str, name: str) -> None:
    assert load_runbook(text, "page").id == name
    assert [error.message for error in VALIDATOR.iter_errors(load_strict(text))] == []


def test_the_page_has_both_forms_waves_increments_and_one_that_waits() -> None:
    texts = [text for text, _ in EXAMPLES]
    assert len(texts) == len(re.findall("```yaml", PAGE)), "every example is complete"
    for key in ("command:", "steps:", "waves:", "increments:", "waits_for:", "on_failure:", "signatures:", "tests:"):
        assert any(re.search(rf"^\s*{key}", text, re.MULTILINE) for text in texts), key


def test_every_key_is_on_the_page() -> None:
    keys = {key for keys in WORDS.values() for key in keys}
    assert sorted(key for key in keys if not re.search(rf"`[^`\n]*\b{key}\b[^`\n]*`", PAGE)) == []


def test_the_mistakes_are_told_as_the_page_tells_them() -> None:
    told = re.findall(r"^    runbooks/restart\.yaml:\d+:\d+: (.*)$", PAGE, re.MULTILINE)
    text = next(text for text, name in EXAMPLES if name == "restart-payments")
    wrong = text.replace("    precheck:", "    pre_check:").replace("risk: safe", "risk: cautious")
    with pytest.raises(RunbookError) as caught:
        load_runbook(f'{wrong}precheck: "true"\n', "runbooks/restart.yaml")
    assert [f"{problem.message} Fix: {problem.fix}" for problem in caught.value.problems] == told
