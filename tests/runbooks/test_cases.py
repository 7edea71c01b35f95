"""Cases that a runbook carries must judge something, and speak of what there is (runbooks/cases.py)."""

from __future__ import annotations

import pytest

from runbooks.load import RunbookError, load_runbook

GOOD = """
tests:
  - name: it is restarted
    incident: {alert_name: ServiceDown, severity: critical}
    facts: {health: {status: 503}}
    past: [{step: look, outcome: failed}, {runbook: other, step: anything, outcome: succeeded}]
    params: {lines: 10}
    targets: {supervisor_program: {url: "unix:///run/s.sock", program: demo}}
    expect: {step: act, plan: ["supervisorctl restart demo"], asks: [approval]}
  - {name: not there, environment: elsewhere, expect: {no_step: "not for elsewhere"}}
  - {name: refused, expect: {step: act, refused: frozen}}
  - {name: nobody is asked, expect: {asks: []}}
"""


def test_cases_are_kept_and_are_not_in_the_digest(long_text: str) -> None:
    from runbooks.digest import digest

    runbook = load_runbook(long_text + GOOD, "demo.yaml")
    assert [case.name for case in runbook.tests] == ["it is restarted", "not there", "refused", "nobody is asked"]
    assert digest(runbook) == digest(load_runbook(long_text, "demo.yaml"))


WRONG = [
    ("params: {lines: 10}", "params: {line: 10}", 29, "did you mean lines?"),
    ("params: {lines: 10}", "params: {zzz: 10}", 29, "declare 'zzz'"),
    ("{step: look, outcome: failed}", "{step: lok, outcome: failed}", 28, "did you mean look?"),
    ("{step: look, outcome: failed}", "{step: look, outcome: faild}", 28, "did you mean failed?"),
    ("{step: look, outcome: failed}", "{step: look, outcome: zzz}", 28, "write one of "),
    ("{step: act, plan", "{step: zzz, plan", 31, "write one of look, act"),
    ("environment: elsewhere", "environment: '*'", 32, "one environment"),
    ("name: not there", "name: it is restarted", 32, "its own name"),
    ("expect: {asks: []}", "expect: {}", 34, "at least one of step"),
    ('no_step: "not for elsewhere"', 'no_step: "x", step: act', 32, "no_step does not go with"),
    ("refused: frozen", "refused: frozen, asks: [approval]", 33, "who is refused is asked nothing"),
    ("asks: [approval]", "asks: [aproval]", 31, "did you mean approval?"),
    ("expect: {asks: []}", "expct: {asks: []}", 34, "did you mean expect?"),
]


@pytest.mark.parametrize(("old", "new", "line", "fix"), WRONG, ids=[w[1] for w in WRONG])
def test_T38_a_case_that_makes_no_sense_is_told_at_its_place(
    long_text: str, old: str, new: str, line: int, fix: str
) -> None:
    assert old in GOOD
    with pytest.raises(RunbookError) as caught:
        load_runbook(long_text + GOOD.replace(old, new), "demo.yaml")
    told = caught.value.problems
    assert any(fix in f"{p.message} {p.fix}" and p.line == line for p in told), told


def test_a_misspelt_key_is_told_once_and_not_as_missing_too(long_text: str) -> None:
    with pytest.raises(RunbookError) as caught:
        load_runbook(long_text + GOOD.replace("expect: {asks: []}", "expct: {asks: []}"), "demo.yaml")
    assert [p.message for p in caught.value.problems] == ["expct is not a known key."]
