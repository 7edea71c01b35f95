"""JUnit XML of played cases."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bot.simulation.cases import Came, CaseResult
from bot.simulation.junit import junit


def result(number: int, state: str, *wrong: str, runbook: str = "restart") -> CaseResult:
    return CaseResult(runbook, "r.yaml", number, f'case {number} <"&>', state, Came(), wrong)  # type: ignore[arg-type]  # reason: the words are those of State


def test_suites_cases_failures_and_what_waits() -> None:
    results = [result(0, "passed"), result(1, "failed", "step: a", "asks: b"), result(0, "waits", runbook="drain")]
    root = ET.fromstring(junit(results, {("r.yaml", 1): 12}, ["bad.yaml:1:1: not YAML."]))
    assert {k: root.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
    }
    assert [suite.get("name") for suite in root] == ["restart", "drain", "loading"]
    failed = root[0][1]
    assert (failed.get("file"), failed.get("line"), failed.get("name")) == ("r.yaml", "12", 'case 1 <"&>')
    assert failed[0].text == "r.yaml:12\nstep: a\nasks: b"
    assert root[1][0][0].tag == "skipped"
    assert root[2][0][0].get("message") == "bad.yaml:1:1: not YAML."
