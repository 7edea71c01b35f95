"""The schema says of a file what the loader says, as far as a schema can: the shipped runbooks, the corpus, both forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from bot.roster import FACT_NAMES, OPERATIONS
from runbooks.keys import keys_of
from runbooks.load import BUILTIN, RunbookError, load_runbook
from runbooks.model import Runbook
from runbooks.schema import schema
from runbooks.schema_words import WORDS
from runbooks.strict import StrictError, load_strict

KNOWN = {name: (each.summary, each.parameters.model_json_schema()) for name, each in OPERATIONS.items()}
SCHEMA = schema(KNOWN, FACT_NAMES)
VALIDATOR = Draft202012Validator(SCHEMA)
SHIPPED = sorted(path for path in BUILTIN.rglob("*.yaml") if "promotions" not in path.parts)
CORPUS = sorted((Path(__file__).parent / "malformed").glob("*.yaml"))
BEYOND = {
    "what a condition or a pattern means": (
        "condition_no_truth condition_syntax condition_with_clock pattern_backreference pattern_lookahead"
        " signature_backreference signature_fits_all signature_lookahead"
    ),
    "one value against another": (
        "default_out_of_range limit_out_of_scope parameter_unknown samples_cannot_fit samples_reversed"
        " short_prod_without_rollback test_parameter_unknown test_step_unknown"
    ),
    "names across a list": "step_id_twice test_twice increments_with_a_name_taken waves_with_a_name_taken",
    "how much a duration is": "deadline_too_long",
    "4.0 is the integer 4 in JSON": "coerced_float",
    "`$` stands before a last newline in Python": "id_with_newline",
}


def wrong(text: str, validator: Draft202012Validator = VALIDATOR) -> list[str]:
    """What the schema says against a strict YAML text."""
    return [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(load_strict(text))]


def test_it_is_a_schema_of_draft_2020_12() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_runbook_fits(path: Path) -> None:
    assert wrong(path.read_text(encoding="utf-8")) == []


def readable() -> Iterator[Path]:
    for path in CORPUS:
        try:
            load_strict(path.read_bytes().decode("utf-8"))
        except StrictError:
            continue
        yield path


def test_T38_of_the_corpus_only_what_no_schema_can_see_fits() -> None:
    seen = {path.stem for path in readable() if not wrong(path.read_text(encoding="utf-8"))}
    assert seen == {name for names in BEYOND.values() for name in names.split()}
    assert len(list(readable())) > 100, "most of the corpus is YAML, so the schema has something to say"


def test_both_forms_fit_and_their_keys_are_not_mixed(long_text: str, short_text: str) -> None:
    assert wrong(long_text) == wrong(short_text) == []
    for key in ("steps: []", "params: {}"):
        assert wrong(f"{short_text}{key}\n")
    for key in ("expect: []", "safety: {scopes: [dev]}", "deadline: 5s", "irreversible: true"):
        assert wrong(f"{long_text}{key}\n")
    assert wrong(f"{short_text}waits_for: [kubernetes]\nirreversible: true\ndeadline: 5s\n") == []


def test_unknown_names_of_operations_are_only_not_offered(long_text: str) -> None:
    assert (
        wrong(long_text.replace("supervisor.restart", "kubernetes.restart").replace("fact: health", "fact: pods")) == []
    )
    assert wrong(long_text.replace("supervisor.restart", "rm -rf"))


def test_the_parameters_of_a_known_operation_are_checked(long_text: str) -> None:
    assert wrong(long_text.replace('lines: "${lines}"', "lines: 20")) == []
    for value in ("0", "'20'", "true", "201"):
        assert wrong(long_text.replace('lines: "${lines}"', f"lines: {value}")), value
    assert wrong(long_text.replace('lines: "${lines}"', 'liens: "${lines}"'))
    assert wrong(long_text.replace('"${lines}"', '"${lines} more"'))


def test_without_names_it_is_about_the_form_alone(long_text: str) -> None:
    plain = Draft202012Validator(schema())
    Draft202012Validator.check_schema(plain.schema)
    assert wrong(long_text.replace('{target: "${target}"}', "{anything: [{deep: 1}]}"), plain) == []


def parts(model: type[BaseModel] = Runbook) -> Iterator[type[BaseModel]]:
    seen: dict[str, type[BaseModel]] = {}
    left: list[Any] = [model]
    while left:
        one = left.pop()
        if isinstance(one, type) and issubclass(one, BaseModel) and one.__name__ not in seen:
            seen[one.__name__] = one
            left += [field.annotation for field in one.model_fields.values()]
        else:
            left += list(getattr(one, "__args__", ()))
    yield from seen.values()


def test_every_key_that_an_author_writes_has_its_words() -> None:
    assert {part.__name__: set(keys_of(part)) for part in parts()} == {name: set(keys) for name, keys in WORDS.items()}


def every_example() -> Iterator[tuple[str, str, Any]]:
    for part, keys in WORDS.items():
        for key, (_, examples) in keys.items():
            yield from ((part, key, example) for example in examples)


@pytest.mark.parametrize(("part", "key", "example"), list(every_example()), ids=str)
def test_every_example_is_allowed_where_it_stands(part: str, key: str, example: Any) -> None:
    holder = SCHEMA if part == "Runbook" else SCHEMA["$defs"][part]
    own = {**holder["properties"][key], "$defs": SCHEMA["$defs"]}
    assert [error.message for error in Draft202012Validator(own).iter_errors(example)] == []


CHANGES = [
    ("within: 30s", "within: 500ms", True),
    ("within: 30s", "within: 30", False),
    ("samples: 3 of 4", "samples: 3", False),
    ("rollback: none", "rollback: nothing", False),
    ("rollback: none", 'rollback: [{action: supervisor.stop, with: {target: "${target}"}}]', True),
    ("rollback: none", "irreversible: true", True),
    ("rollback: none", "rollback: none\n    irreversible: true", True),
    ("rollback: none", "rollback: none\n    waves: [1, 25%, rest]", True),
    ("rollback: none", "rollback: none\n    waves: [rest, 1]", False),
    ("rollback: none", "rollback: none\n    increments: 50%", False),
    ("title: Demo", "title: Demo\nsource: x.yaml", False),
    ("title: Demo", "title: Demo\nshort_form: true", False),
    ("title: Demo", "title: Demo\nreview_every: 90d", True),
    ("title: Demo", "title: Demo\nwaits_for: [kubernetes]", True),
    ("scopes: [dev, staging, prod]", "scopes: [all]", False),
    ("default: 50", "default: 50s", False),
    ("type: integer, min: 1, max: 200, default: 50", "type: duration, min: 1s, max: 5m", True),
    ("type: integer, min: 1, max: 200, default: 50", "type: enum, values: [a, b]", True),
    ("type: integer, min: 1, max: 200, default: 50", "type: enum, values: [a, b], min: 1", False),
]


@pytest.mark.parametrize(("old", "new", "fits"), CHANGES, ids=[new for _, new, _ in CHANGES])
def test_what_fits_and_what_does_not(long_text: str, old: str, new: str, fits: bool) -> None:
    assert old in long_text
    assert (wrong(long_text.replace(old, new)) == []) is fits


def test_what_loads_fits(make: Callable[..., Runbook], long_text: str) -> None:
    """The schema never refuses what the loader takes: every change of this test's table, and some more."""
    more = [("owner: sre", "meaning: it hurts"), ("owner: sre", 'diagnosis: ["look"]'), ("title: Demo", "title: ''")]
    for old, new in [(old, new) for old, new, _ in CHANGES] + more:
        try:
            load_runbook(text := long_text.replace(old, new), "x.yaml")
        except RunbookError:
            continue
        assert wrong(text) == [], new
