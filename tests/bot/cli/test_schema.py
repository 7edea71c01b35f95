"""`runbookctl schema`: the schema on standard output or in a file, and how to switch it on."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from tests.bot.cli.conftest import Command


def test_it_is_printed_as_a_schema_that_knows_the_operations(runbookctl: Command) -> None:
    told = runbookctl("schema")
    assert told.code == 0
    found = json.loads(told.out)
    Draft202012Validator.check_schema(found)
    offered = found["$defs"]["Step"]["properties"]["action"]["anyOf"]
    assert {"const": "supervisor.restart", "description": "Restart a program"} in offered


def test_it_is_written_with_the_line_that_switches_it_on(runbookctl: Command, tmp_path: Path) -> None:
    file = tmp_path / "runbook.schema.json"
    told = runbookctl("schema", "--output", str(file))
    assert told.code == 0
    assert "# yaml-language-server: $schema=runbook.schema.json" in told.out.splitlines(), (
        "editors look beside the runbook"
    )
    assert file.read_text(encoding="utf-8") == runbookctl("schema").out


def test_a_file_that_cannot_be_written_is_a_sentence(runbookctl: Command, tmp_path: Path) -> None:
    told = runbookctl("schema", "-o", str(tmp_path / "nowhere" / "x.json"))
    assert told.code == 2
    assert "No such file or directory" in told.err
    assert "Fix: name a file" in told.err
    assert "Traceback" not in told.out + told.err
