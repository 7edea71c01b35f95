"""SARIF 2.1.0: the structure that the standard requires (sarif-v2.1.0-os, sections 3.13 to 3.52), with every rule described."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runbooks.lint import RULES, Known
from runbooks.lint.check import Located, Report, check
from runbooks.lint.sarif import SCHEMA, sarif
from tests.runbooks.conftest import LONG, SHORT

ROOT = Path("/work-folder")


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
MESSAGE = {**closed([], text=TEXT, markdown=TEXT), "anyOf": [{"required": ["text"]}, {"required": ["id"]}]}
NUMBER = {"type": "integer", "minimum": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
# The parts of the standard's schema that this log uses, with its own names and bounds, and nothing besides.
STANDARD = closed(
    ["version", "runs"],
    **{"$schema": {"type": "string", "format": "uri"}},
    version={"enum": ["2.1.0"]},
    runs={
        "type": "array",
        "items": closed(
            ["tool"],
            tool=closed(
                ["driver"],
                driver=closed(
                    ["name"],
                    name=TEXT,
                    version=TEXT,
                    rules={
                        "type": "array",
                        "uniqueItems": True,
                        "items": closed(
                            ["id"],
                            id=TEXT,
                            name=TEXT,
                            shortDescription=MESSAGE,
                            fullDescription=MESSAGE,
                            help=MESSAGE,
                            defaultConfiguration=closed([], level=LEVEL),
                        ),
                    },
                ),
            ),
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            originalUriBaseIds={"type": "object", "additionalProperties": closed([], description=MESSAGE)},
            results={
                "type": "array",
                "items": closed(
                    ["message"],
                    ruleId=TEXT,
                    ruleIndex={"type": "integer", "minimum": -1},
                    level=LEVEL,
                    message=MESSAGE,
                    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
                    locations={
                        "type": "array",
                        "items": closed(
                            [],
                            physicalLocation=closed(
                                ["artifactLocation"],
                                artifactLocation=closed(
                                    [], uri={"type": "string", "format": "uri-reference"}, uriBaseId=TEXT
                                ),
                                region=closed([], startLine=NUMBER, startColumn=NUMBER),
                            ),
                        ),
                    },
                ),
            },
        ),
    },
)


def log_of(report: Report) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(sarif(report, RULES, ROOT, "0.1.0"))
    jsonschema.Draft7Validator(STANDARD).validate(made)
    return made


@pytest.fixture
def report(known: Known) -> Report:
    files = ["runbooks/a b.yaml", "/work-folder/c.yaml", "/elsewhere/d.yaml", "../e.yaml"]
    texts = (SHORT.replace("clear-cache", f"number-{number}") for number, _ in enumerate(files))
    return check(
        [*((Path(file), text) for file, text in zip(files, texts, strict=True)), (Path("f.yaml"), "x: [")], known
    )


def test_the_log_is_what_the_standard_requires(report: Report) -> None:
    log = log_of(report)
    assert log["$schema"] == SCHEMA
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.id for rule in RULES]
    assert len(run["results"]) == len(report.findings) == 9
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_files_below_the_working_folder_are_relative_to_it(report: Report) -> None:
    places = [r["locations"][0]["physicalLocation"]["artifactLocation"] for r in log_of(report)["runs"][0]["results"]]
    assert {(place["uri"], place.get("uriBaseId")) for place in places} == {
        ("runbooks/a%20b.yaml", "SRCROOT"),
        ("c.yaml", "SRCROOT"),
        ("file:///elsewhere/d.yaml", None),
        ("../e.yaml", None),
        ("f.yaml", "SRCROOT"),
    }


def test_a_finding_stays_the_same_one_when_lines_move(known: Known) -> None:
    known = replace(known, promotions=())
    moved = "# one line more\n" + LONG

    def prints(text: str) -> set[str]:
        results = log_of(check([(Path("x.yaml"), text)], known))["runs"][0]["results"]
        return {result["partialFingerprints"]["countersign/v1"] for result in results}

    assert prints(LONG) == prints(moved)
    assert len(prints(LONG)) == 2


def test_nothing_found_is_an_empty_log() -> None:
    assert log_of(Report((), 0, 0))["runs"][0]["results"] == []


def test_a_file_name_that_is_no_text_is_percent_encoded() -> None:
    odd = Located("load", "error", "a\udcff.yaml", 1, 1, "not UTF-8 text.", "save it as UTF-8.")
    place = log_of(Report((odd,), 0, 1))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%FF.yaml"
