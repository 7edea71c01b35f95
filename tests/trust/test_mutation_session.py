from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from pathlib import Path
from types import FunctionType

import pytest

from trust import mutation_session
from trust.mutants import ROOT, Mutant, change, mutants
from trust.mutation_session import KILLED, SURVIVED, TIMEOUT, Importing, each_forked, exchange


def numbered(count: int) -> list[Mutant]:
    return [Mutant("guards/chain.py", "core/AddNot", number, 1, 0) for number in range(count)]


def test_each_is_done_in_a_process_of_its_own() -> None:
    here = os.getpid()

    def work(mutant: Mutant) -> int:
        return KILLED if os.getpid() == here or mutant.number % 2 else SURVIVED

    found = {mutant.number: verdict for mutant, verdict, _ in each_forked(numbered(7), 3, work)}
    assert found == {number: "killed" if number % 2 else "survived" for number in range(7)}


def test_whatever_breaks_was_seen() -> None:
    def work(mutant: Mutant) -> int:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - reason: this process ends at once
        raise RecursionError

    assert [verdict for _, verdict, _ in each_forked(numbered(1), 1, work)] == ["killed"]


def test_what_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation_session, "LONGEST", 0.05)

    def work(mutant: Mutant) -> int:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
        return SURVIVED

    assert [verdict for _, verdict, _ in each_forked(numbered(1), 1, work)] == [TIMEOUT]


def load(path: Path, name: str) -> object:
    """A module of its own from that file, which nobody else has."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_a_mutant_is_put_into_living_functions() -> None:
    living = load(ROOT / "guards/missing.py", "a_copy_of_missing")
    function: FunctionType = living.missing  # type: ignore[attr-defined]  # reason: loaded by hand
    before = function("now").reason
    (mutant,) = [each for each in mutants("guards/missing.py") if each.name == "guards/missing.py:AddNot:0"]
    exchange([function], mutant, change(mutant))
    assert before == "The present time is not known."
    assert function("now").reason == "It is not known which now this is about."


def test_a_mutant_is_imported_instead_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "sample.py").write_text("LIMIT = 3\n")
    finder = Importing("sample", tmp_path / "sample.py", compile("LIMIT = 4\n", "sample.py", "exec"))
    assert finder.find_spec("other", [str(tmp_path)]) is None
    assert finder.find_spec("sample", [str(tmp_path / "nowhere")]) is None
    spec = finder.find_spec("sample", [str(tmp_path)])
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.LIMIT == 4
