from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import pytest

from trust import __main__ as program
from trust import machine
from trust.order import Order
from trust.report import Figure


class Section:
    def __init__(self, violations: int = 0, error: str = "") -> None:
        self.violations = violations
        self.error = error

    def measure(self, order: Order) -> list[Figure]:
        if self.error:
            raise RuntimeError(self.error)
        return [Figure("b1", "cases", "a test", order.size(100, 10), self.violations, 0.1)]

    def replay(self, seed: int, case: str) -> str:
        return f"{seed} {case}"


def given(*, quick: bool = False) -> argparse.Namespace:
    return argparse.Namespace(sections=["b1"], quick=quick, seed=3, processes=1, case=None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(program, "REPORT", tmp_path / "trust-report.json")
    return tmp_path


@pytest.mark.parametrize("section,code", [(Section(), 0), (Section(violations=1), 1)])
def test_the_exit_code_says_whether_everything_holds(
    section: Section, code: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "section", lambda name: section)
    assert program.run(given(), "b1") == code
    known = json.loads((folder / "trust-report.json").read_text())
    assert known["b1"]["run"]["seed"] == 3
    assert not known["b1"]["failed"]


def test_a_section_that_breaks_says_so_in_the_report(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "section", lambda name: Section(error="broken"))
    with pytest.raises(RuntimeError, match="broken"):
        program.run(given(), "b1")
    assert json.loads((folder / "trust-report.json").read_text())["b1"]["failed"]


def test_a_report_about_other_sources_is_stale(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "section", lambda name: Section())
    sources = {"now": "one"}
    monkeypatch.setattr(machine, "source", lambda _files: sources["now"])
    assert program.stale(["b1"]) == ["b1"]
    assert program.run(given(), "b1") == 0
    assert program.stale(["b1"]) == []
    sources["now"] = "another"
    assert program.stale(["b1"]) == ["b1"]


def test_a_source_that_changed_while_it_was_tested_is_stale(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(("one", "two"))
    monkeypatch.setattr(program, "section", lambda name: Section())
    monkeypatch.setattr(machine, "source", lambda _files: next(looks, "two"))
    assert program.run(given(), "b1") == 0
    assert program.stale(["b1"]) == ["b1"]


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("b1", {"trust/oracle_time.py", "guards/freeze.py"}, {"bot/flow.py", "trust/b2.py"}),
        ("b17", {"bot/calendars/loader.py", "guards/freeze.py", "trust/b17_model.py"}, {"bot/cli/serve.py"}),
        ("b26", {"tests/trust/test_main.py", "templates/slack/card.json.j2"}, set()),
    ],
)
def test_a_section_is_about_what_it_imports(name: str, inside: set[str], outside: set[str]) -> None:
    found = {str(file.relative_to(machine.ROOT)) for file in program.files_of(name)}
    assert inside <= found
    assert not outside & found


def test_the_short_form_has_a_report_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "section", lambda name: Section())
    assert program.run(given(quick=True), "b1") == 0
    assert [path.name for path in folder.iterdir()] == ["trust-report-quick.json"]


def test_several_sections_run_in_processes_of_their_own_and_one_that_breaks_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[str] = []

    def start(words: list[str], **_: object) -> argparse.Namespace:
        started.append(words[3])
        return argparse.Namespace(returncode=1 if words[3] == "b1" else 0)

    monkeypatch.setattr(subprocess, "run", start)
    monkeypatch.setattr(program, "SECTIONS", {"b1": "x", "b26": "y"})
    assert program.run_each(argparse.Namespace(sections=[], quick=True, seed=3, processes=1)) == 1
    assert started == ["b1", "b26"]
    assert "does not hold: b1" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["b99"], ["--case", "3"], ["b1", "b26", "--case", "3"]])
def test_what_cannot_be_run_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        program.arguments(words)


@pytest.mark.parametrize("name", program.SECTIONS)
def test_every_registered_section_can_be_measured_and_replayed(name: str) -> None:
    section = program.section(name)
    assert callable(section.measure)
    assert callable(section.replay)
