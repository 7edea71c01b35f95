"""What only shows over all runbooks: one id twice, one alert answered twice; linear, also when everything is alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.lint import Known
from runbooks.lint.check import Located, check
from runbooks.lint.example import whole

SCOPED = """\
steps:
  - id: restart
    action: supervisor.restart
    with: {target: "${target}"}
    verify: {fact: health, expect: "status == 200", within: 60s}
    rollback: none
    safety: {risk: safe, scopes: [SCOPE]}
"""


def over(known: Known, *parts: str) -> list[Located]:
    files = [(Path(f"{i}.yaml"), whole(part)[0]) for i, part in enumerate(parts)]
    return [f for f in check(files, known).findings if f.rule in ("duplicate-id", "overlapping-match", "load")]


def test_the_second_file_of_an_id_names_the_first(known: Known) -> None:
    (found,) = over(known, "id: one", "id: two\nmatch: {alerts: [Other]}", "id: one\nmatch: {alerts: [Third]}")
    assert (found.rule, found.severity, found.file) == ("duplicate-id", "error", "2.yaml")
    assert "0.yaml" in found.message


@pytest.mark.parametrize(
    ("one", "two", "overlap"),
    [
        ("alerts: [A]", "alerts: [B, A]", True),
        ("alerts: [A]", "alerts: [B]", False),
        ("signatures: [oom]", "signatures: [oom]", True),
        ("alerts: [oom]", "signatures: [oom]", False),
        ('alerts: [A], when: "facts.disk.used > 1"', 'alerts: [A], when: "facts.disk.used  >  1"', True),
        ('alerts: [A], when: "facts.disk.used > 1"', "alerts: [A]", False),
        ("alerts: [A], labels: {team: a}", "alerts: [A], labels: {team: b}", False),
        ("alerts: [A], labels: {team: a}", "alerts: [A], labels: {team: a}", True),
    ],
)
def test_two_answers_to_one_alert(known: Known, one: str, two: str, overlap: bool) -> None:
    found = over(known, f"id: one\nmatch: {{{one}}}", f"id: two\nmatch: {{{two}}}")
    assert [f.rule for f in found] == ["overlapping-match"] * overlap
    assert all("one (0.yaml)" in f.message and f.runbook == "two" for f in found)


def test_runbooks_that_never_meet_do_not_overlap(known: Known) -> None:
    dev, prod = (f"id: {name}\n" + SCOPED.replace("SCOPE", name) for name in ("dev", "prod"))
    assert over(known, dev, prod) == []
    assert [f.rule for f in over(known, dev, dev.replace("id: dev\n", "id: two\n"))] == ["overlapping-match"]
    waiting = "waits_for: [kubernetes]\n" + prod.replace("SCOPE", "prod").replace("id: prod", "id: later")
    assert over(known, prod, waiting) == []


def test_what_shares_many_alerts_is_told_once(known: Known) -> None:
    found = over(known, *(f"id: number-{i}\nmatch: {{alerts: [A, B, C, D]}}" for i in range(150)))
    assert {f.rule for f in found} == {"overlapping-match"}
    assert len({(f.runbook, f.message.split()[0]) for f in found}) == len(found) <= 150
