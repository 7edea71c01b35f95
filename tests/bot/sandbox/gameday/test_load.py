"""Scenario files: the shipped ones load, and every mistake comes with its line, its words and a fix."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from bot import roster
from bot.sandbox.gameday.load import SHIPPED, ScenarioError, load_scenario, read_scenario, shipped
from bot.sandbox.gameday.scenario import MARKS, Fault, Scenario
from bot.sandbox.gameday.world import runbook_problems
from runbooks.load import BUILTIN, load_catalog, load_runbook

GOOD = """\
id: demo
title: a demo
setup:
  approval_timeout: 90s
rounds:
  - name: only one
    script:
      - fault: {kind: kill, service: payments}
      - alert: {name: HealthCheckFailing}
      - person: {who: ana, does: run}
    expect:
      detection: {within: 30s}
      step: {runbook: restart-service, acts: ["restart payments"]}
      guard: {answer: asked}
      verify: {answer: proved, fact: health}
      record: {lines: [requested], incident: resolved}
    never: [page]
"""
FAULT, ALERT, PERSON = (
    "- fault: {kind: kill, service: payments}",
    "- alert: {name: HealthCheckFailing}",
    "- person: {who: ana, does: run}",
)
STEP, GUARD, VERIFY = (
    '{runbook: restart-service, acts: ["restart payments"]}',
    "{answer: asked}",
    "{answer: proved, fact: health}",
)


def test_a_good_one_becomes_the_model() -> None:
    scenario = load_scenario(GOOD, "demo.yaml")
    only = scenario.rounds[0]
    assert (scenario.id, scenario.source, scenario.setup.approval_timeout) == ("demo", "demo.yaml", 90.0)
    assert [move.said for move in only.script] == [["fault"], ["alert"], ["person"]]
    assert (only.expect.detection.within, only.expect.record.page, only.never) == (30.0, None, ("page",))
    assert set(type(only.expect).model_fields) == set(MARKS)


# what is written instead of what -> line, words of the message
MISTAKES: list[tuple[str, str, int, str]] = [
    # strict YAML
    ("id: demo", "id: *demo", 1, "alias"),
    ("id: demo", "id: demo\nid: demo", 2, "twice"),
    ("title: a demo", "title: a demo\n---", 3, "second document"),
    ("title: a demo", "\ttitle: a demo", 2, "not YAML"),
    ("title: a demo", "title: !!str a", 2, "tag"),
    # the model
    ("title: a demo", "titel: a demo", 2, "titel is not a known key"),
    ("title: a demo", "title: 7", 2, "title must be text"),
    ("id: demo", "id: Demo Day", 1, "characters"),
    ("id: demo", "id: demo\nsource: x.yaml", 2, "source is not a known key"),
    ("approval_timeout: 90s", "approval_timeout: 90", 4, "90 has no unit"),
    ("approval_timeout: 90s", "approval_timeout: soon", 4, "not a duration"),
    ("within: 30s", "within: 0s", 12, "not a duration"),
    ("kind: kill", "kind: explode", 8, "kind"),
    ("service: payments", "service: ledger", 8, "service"),
    ("who: ana", "who: eve", 10, "who"),
    ("does: run", "does: pray", 10, "does"),
    (VERIFY, "{answer: proved, fakt: health}", 15, "fakt is not a known key"),
    ("lines: [requested]", "lines: [asked]", 16, "lines[0]"),
    ("lines: [requested]", "lines: []", 16, "empty"),
    ("incident: resolved", "incident: closed", 16, "incident"),
    ("never: [page]", "never: [anything]", 17, "never[0]"),
    ("      verify: " + VERIFY + "\n", "", 11, "verify is missing"),
    ("{name: HealthCheckFailing}", "{name: HealthCheckFailing, times: 51}", 9, "times"),
    ("{name: HealthCheckFailing}", '{name: HealthCheckFailing, times: "3"}', 9, "times must be a whole number"),
    (FAULT, "- {kind: kill}", 8, "kind is not a known key"),
    # how the parts fit together
    (FAULT, "- {fault: {kind: kill}, wait: 3s}", 8, "fault and wait"),
    (FAULT, "- {}", 8, "nothing"),
    (ALERT, "- wait: 1s", 7, "nobody raises an alert"),
    (FAULT, "- fault: {kind: fill_disk}", 8, "no area that could fill"),
    (FAULT, "- fault: {kind: dead_dependency}", 8, "depends on nothing"),
    (FAULT, "- fault: {kind: bad_version}", 8, "has no versions"),
    (FAULT, "- fault: {kind: bad_canary, service: checkout}", 8, "has no versions"),
    (FAULT, "- fault: {kind: kill, worker: 3}", 8, "only a wedge"),
    (FAULT, "- fault: {kind: kill, until: restart}", 8, "does not end by itself"),
    (FAULT, "- wait_until: {moment: freeze_begins}", 8, "no freeze"),
    (ALERT, "- alert: {details: {title: x}}", 9, "title is not a detail"),
    (PERSON, "- person: {who: ana, does: type}", 10, "type without text"),
    (PERSON, "- person: {who: ana, does: run, text: go}", 10, "nothing is typed"),
    (PERSON, "- person: {who: ana, does: run, told: no, refused: no}", 10, "told and refused"),
    (PERSON, '- person: {who: ana, does: run, told: "("}', 10, "no expression"),
    (PERSON, '- wait_for: "(?<=x)y"', 10, "no expression"),
    (STEP, "{acts: [x]}", 13, "neither a runbook nor none"),
    (STEP, "{runbook: a, none: b}", 13, "neither a runbook nor none, or both"),
    (STEP, "{runbook: restart-service}", 13, "acts are not named"),
    (STEP, '{runbook: a, acts: ["["]}', 13, "no expression"),
    (GUARD, "{answer: refused}", 14, "belong together"),
    (GUARD, "{answer: asked, code: frozen}", 14, "belong together"),
    (VERIFY, "{answer: not_reached, fact: health}", 15, "nothing is looked at"),
    (VERIFY, "{answer: failed, world: {disk_below: 80%}}", 15, "no area"),
    (VERIFY, "{answer: failed, world: {version: v1}}", 15, "no versions"),
    (VERIFY, "{answer: failed, world: {canary: paused}}", 15, "no versions"),
    (VERIFY, "{answer: failed, world: {disk_below: 80}}", 15, "not a share"),
    ("never: [page]", "never: [success]", 17, "never success, and yet it is expected"),
    ("never: [page]", "never: [page, resolve]", 17, "never resolve"),
    ("title: a demo", "title: a demo\nwaits_for: [sql]", 3, "without because"),
    ("title: a demo", "title: a demo\nbecause: of this", 3, "because without waits_for"),
    ("approval_timeout: 90s", "runbooks: [../secret.yaml]", 4, "not a YAML file beside"),
    ("approval_timeout: 90s", "runbooks: [/etc/passwd]", 4, "not a YAML file beside"),
    ("approval_timeout: 90s", "builtin_runbooks: false", 4, "without any runbook"),
    ("approval_timeout: 90s", "workers: {total: 3, running: 4}", 4, "more workers run"),
    ("approval_timeout: 90s", "jobs: [9]", 4, "does not run at first"),
    ("approval_timeout: 90s", "area: {service: payments, kept: [/etc/passwd]}", 4, "outside the area"),
    ("approval_timeout: 90s", "watch: {payments: {admin: /admin}}", 4, "no /admin"),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), MISTAKES, ids=[f"{n[:40]!r}" for _, n, _, _ in MISTAKES])
def test_a_mistake_is_told_at_its_line_with_a_fix(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(ScenarioError) as caught:
        load_scenario(GOOD.replace(old, new, 1), "demo.yaml")
    told = [p for p in caught.value.problems if p.line == line and words in p.message]
    assert told, caught.value
    assert all(p.fix and p.file == "demo.yaml" and p.column >= 1 for p in caught.value.problems)


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "7", "id", "\x00", "a: " + "[" * 30, "x: " + "y" * 300_000])
def test_what_is_no_scenario_is_a_located_error_and_never_another_one(text: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(text, "demo.yaml")
    assert str(caught.value).startswith("demo.yaml:")


def test_every_mistake_is_told_at_once_and_in_the_order_of_the_file() -> None:
    wrong = GOOD.replace("kind: kill", "kind: explode").replace("who: ana", "who: eve").replace("lines:", "line:")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(wrong, "demo.yaml")
    assert [problem.line for problem in caught.value.problems] == [8, 10, 16, 16]


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.write_bytes(b"\xff\xfe"), lambda p: p.mkdir()])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, make: object) -> None:
    file = tmp_path / "demo.yaml"
    make(file)  # type: ignore[operator]  # reason: a table of callables
    with pytest.raises(ScenarioError, match=r"demo\.yaml"):
        read_scenario(file)


def test_a_runbook_that_is_not_beside_the_scenario_is_told(tmp_path: Path) -> None:
    file = tmp_path / "demo.yaml"
    file.write_text(GOOD.replace("approval_timeout: 90s", "runbooks: [other.yaml]"))
    with pytest.raises(ScenarioError, match=r"demo\.yaml:4:\d+: there is no file other\.yaml"):
        read_scenario(file)


# -- the shipped ones --------------------------------------------------------------------------------------------------
EVERY = [pytest.param(path, id=path.stem) for path in shipped()]


@pytest.fixture(scope="module")
def builtin() -> set[str]:
    return set(load_catalog([BUILTIN]).runbooks)


@pytest.mark.parametrize("path", EVERY)
def test_a_shipped_scenario_loads_and_is_named_like_its_file(path: Path, builtin: set[str]) -> None:
    scenario = read_scenario(path)
    assert scenario.id == path.stem
    assert runbook_problems(scenario) == ()
    own = {load_runbook((path.parent / name).read_text(), name).id for name in scenario.setup.runbooks}
    wanted = {played.expect.step.runbook for played in scenario.rounds} - {""}
    if not scenario.waits_for:
        assert wanted <= own | (builtin if scenario.setup.builtin_runbooks else set())


def test_every_worked_example_has_a_scenario() -> None:
    covered = {example for path in shipped() for example in read_scenario(path).covers}
    assert covered == {f"X{number}" for number in range(1, 15)}


def test_nothing_waits_for_an_adapter_that_is_there() -> None:
    waiting = {name for path in shipped() for name in read_scenario(path).waits_for}
    assert not waiting & {*roster.ADAPTERS, *roster.SOURCES}
    assert waiting, "otherwise this test says nothing"


def test_every_kind_of_fault_is_played_by_one_of_them() -> None:
    struck = {
        move.fault.kind
        for path in shipped()
        if not (scenario := read_scenario(path)).waits_for
        for played in scenario.rounds
        for move in played.script
        if move.fault
    }
    assert struck == set(get_args(Fault.model_fields["kind"].annotation))


def test_the_order_is_that_of_the_worked_examples() -> None:
    names = [path.stem for path in shipped()]
    assert names.index("x2-disk-full") < names.index("x11-freeze") < names.index("wedge")
    assert {path.parent for path in shipped()} == {SHIPPED}
    assert isinstance(read_scenario(shipped()[0]), Scenario)
