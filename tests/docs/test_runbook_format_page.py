"""The examples of docs/runbook-format.md load, fit the schema and lint without errors; every key is on the page."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bot.operations.rolling import members
from bot.roster import FACT_NAMES, OPERATIONS
from bot.services import Catalogue
from guards import Policy
from runbooks.load import RunbookError, load_runbook
from runbooks.schema import schema
from runbooks.schema_words import WORDS
from runbooks.strict import load_strict
from tests.fakes.equipment import POLICY

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


def block(beginning: str) -> dict[str, Any]:
    """The indented YAML of the page that begins with this line."""
    found = re.search(rf"^    {beginning}\n(?:    .*\n)+", PAGE, re.MULTILINE)
    assert found
    made: dict[str, Any] = load_strict(textwrap.dedent(found.group(0)))
    return made


def test_the_catalogue_and_the_policy_of_waves_are_what_the_bot_reads() -> None:
    pool = {"name": "payments", "environment": "prod", "owner": "payments", "tier": 1, **block("targets:")}
    (service,) = Catalogue.model_validate({"services": [pool]}).services
    entry = service.target("supervisor_pool", None)
    assert entry is not None
    names = [f"payments-workers:worker_{number:02d}" for number in range(4)]
    assert members(entry, {"pool": {"running": 4, "names": names}}) == tuple(names)
    assert set(service.facts) == {"pool", "inventory"}
    radius = dict(Policy.from_mapping({**POLICY, **block("blast_radius:")}).blast_radii)["prod"]
    assert (radius.max_targets, radius.max_percent, radius.min_healthy) == (12, 40, 3)


def test_the_mistakes_are_told_as_the_page_tells_them() -> None:
    told = re.findall(r"^    runbooks/restart\.yaml:\d+:\d+: (.*)$", PAGE, re.MULTILINE)
    text = next(text for text, name in EXAMPLES if name == "restart-payments")
    wrong = text.replace("    precheck:", "    pre_check:").replace("risk: safe", "risk: cautious")
    with pytest.raises(RunbookError) as caught:
        load_runbook(f'{wrong}precheck: "true"\n', "runbooks/restart.yaml")
    assert [f"{problem.message} Fix: {problem.fix}" for problem in caught.value.problems] == told
