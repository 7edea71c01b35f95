"""`runbookctl test`: one line per case, the place of what is wrong, and exit codes that CI understands."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.bot.cli.conftest import Command

GOOD = """id: clear-cache
command: "redis-cli FLUSHDB"
safety: {requires_approval: true, scopes: ["staging"]}
tests:
  - name: both are asked
    expect: {asks: [confirmation, approval]}
"""
BAD = """  - name: nobody is asked
    expect:
      step: run
      asks: []
"""
BARE = 'id: bare\ncommand: "redis-cli PING"\nsafety: {scopes: ["staging"]}\n'
POLICY = "docs/situations/policy.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clear-cache.yaml").write_text(GOOD)
    return tmp_path


def test_the_shipped_catalogue_passes(runbookctl: Command) -> None:
    told = runbookctl("test")
    assert (told.code, told.err) == (0, "")
    assert "✓ restart-service: a critical 5xx alert while the health endpoint answers 503" in told.out
    assert " 0 failed" in told.out


def test_what_is_wrong_has_its_file_and_line(runbookctl: Command, folder: Path) -> None:
    file = folder / "clear-cache.yaml"
    file.write_text(GOOD + BAD)
    told = runbookctl("test", str(folder))
    assert told.code == 1
    assert "✗ clear-cache: nobody is asked\n" in told.out
    assert (
        f"    {file}:10: asks: expected nobody to be asked, but people are asked for confirmation and approval"
        in told.out
    )
    assert told.out.endswith("1 runbook, 2 cases: 1 passed, 1 failed\n")


def test_quiet_says_only_what_is_wrong(runbookctl: Command, folder: Path) -> None:
    (folder / "clear-cache.yaml").write_text(GOOD + BAD)
    told = runbookctl("test", str(folder), "--quiet")
    assert "✓" not in told.out
    assert "✗ clear-cache" in told.out


def test_runbooks_without_cases_are_counted_and_named(runbookctl: Command, folder: Path) -> None:
    (folder / "bare.yaml").write_text(BARE)
    told = runbookctl("test", str(folder))
    assert told.code == 0
    assert told.out.endswith("2 runbooks, 1 case: 1 passed, 0 failed\n1 without cases: bare\n")


def test_one_file_may_be_named(runbookctl: Command, folder: Path) -> None:
    assert runbookctl("test", str(folder / "clear-cache.yaml")).code == 0


def test_a_file_that_is_no_runbook_fails_with_its_place(runbookctl: Command, folder: Path) -> None:
    (folder / "broken.yaml").write_text("id: broken\nstep: []\n")
    told = runbookctl("test", str(folder), "--junit", str(folder / "out.xml"))
    assert told.code == 1
    assert f"✗ {folder / 'broken.yaml'}:" in told.out
    assert ET.parse(folder / "out.xml").getroot().get("errors") == str(told.out.count("broken.yaml:"))


def test_json_has_every_case(runbookctl: Command, folder: Path) -> None:
    (folder / "clear-cache.yaml").write_text(GOOD + BAD)
    told = runbookctl("test", str(folder), "--json")
    found = json.loads(told.out)
    assert told.code == 1
    assert (found["runbooks"], found["passed"], found["failed"], found["waits"], found["without_cases"]) == (
        1,
        1,
        1,
        0,
        [],
    )
    assert [(case["name"], case["state"], case["line"]) for case in found["cases"]] == [
        ("both are asked", "passed", 5),
        ("nobody is asked", "failed", 7),
    ]


def test_junit_has_every_case(runbookctl: Command, folder: Path) -> None:
    (folder / "clear-cache.yaml").write_text(GOOD + BAD)
    runbookctl("test", str(folder), "--junit", str(folder / "out.xml"))
    root = ET.parse(folder / "out.xml").getroot()
    assert [(case.get("name"), case.get("line"), len(case)) for case in root.iter("testcase")] == [
        ("both are asked", "5", 0),
        ("nobody is asked", "7", 1),
    ]


def test_a_case_that_waits_for_an_adapter_is_neither(runbookctl: Command, tmp_path: Path) -> None:
    (tmp_path / "drain.yaml").write_text(
        "id: drain\ntitle: Drain\nwaits_for: [kubernetes]\nparams: {target: {type: target, kind: node}}\n"
        'steps:\n  - {id: drain, action: kubernetes.drain, with: {target: "${target}"}, safety: {scopes: [staging]}}\n'
        "tests:\n  - {name: it is asked about, expect: {asks: [approval]}}\n"
    )
    told = runbookctl("test", str(tmp_path))
    assert told.code == 0
    assert (
        "~ drain: it is asked about\n    its plan cannot be judged yet: it waits for the adapter kubernetes" in told.out
    )
    assert "1 wait for an adapter" in told.out


def test_another_policy(runbookctl: Command, folder: Path) -> None:
    told = runbookctl("test", str(folder), "--policy", POLICY)
    assert told.code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("/nowhere/at/all",),
        ("{folder}/empty",),
        ("{folder}", "--policy", "{folder}/none.yaml"),
        ("{folder}", "--junit", "{folder}/none/out.xml"),
        ("{folder}", "--nonsense"),
    ],
)
def test_usage_is_exit_2_and_never_a_traceback(runbookctl: Command, folder: Path, words: tuple[str, ...]) -> None:
    (folder / "empty").mkdir()
    told = runbookctl("test", *(word.format(folder=folder) for word in words))
    assert told.code == 2
    assert told.err and "Traceback" not in told.err
