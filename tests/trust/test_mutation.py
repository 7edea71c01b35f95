from __future__ import annotations

import subprocess
import sys

import pytest

from trust.mutants import ROOT, change, mutants, shown
from trust.mutation import Result, figure, needless, replay, scores, survivors
from trust.mutation_judged import Judged

MISSING = list(mutants("guards/missing.py"))
REAL = [mutant for mutant in MISSING if change(mutant).kind == "body"]


def results(survived: int = 0) -> list[Result]:
    """All mutants of one module; the first real ones survive."""
    alive = REAL[:survived]
    return [
        Result(mutant, "survived" if mutant in alive else "killed" if mutant in REAL else change(mutant).kind, 0.1)
        for mutant in MISSING
    ]


def judgement(why: str = "Nobody can tell them apart.") -> Judged:
    was, now = shown(REAL[0], change(REAL[0]).text)
    return Judged("guards/missing.py", was, now, why)


def test_all_seen_is_a_score_of_one() -> None:
    found = figure(results(), 1.0, 2.0, ())
    assert found.holds
    assert found.cases == len(REAL)
    assert (found.extra["score"], found.extra["raw_score"], found.extra["bar_reached"]) == (1.0, 1.0, True)
    assert list(found.extra["modules"]) == ["guards/missing.py"]


def test_one_that_nobody_sees_and_nobody_judged_breaks_the_claim() -> None:
    found = figure(results(1), 1.0, 2.0, ())
    assert not found.holds
    assert found.extra["score"] == found.extra["raw_score"] == round(1 - 1 / len(REAL), 4)
    assert "guards/missing.py:" in found.examples[0]


def test_a_judged_one_leaves_the_score_and_stays_in_the_raw_one() -> None:
    found = figure(results(1), 1.0, 2.0, (judgement(),))
    assert found.holds
    assert (found.extra["score"], found.extra["equivalent"]) == (1.0, 1)
    assert found.extra["raw_score"] < 1
    (told,) = found.extra["equivalents"]
    assert told["why"] == "Nobody can tell them apart."


def test_a_judgement_about_nothing_breaks_the_claim() -> None:
    found = figure(results(), 1.0, 2.0, (judgement(),))
    assert not found.holds
    assert "judged, but no mutant survives there" in found.examples[0]
    assert needless(results(), survivors(results(), ()), (Judged("guards/chain.py", "a", "b", "c"),)) == []


def test_a_timeout_counts_as_seen() -> None:
    assert scores([Result(REAL[0], "timeout", 1.0)], [])["score"] == 1.0


def test_a_case_that_is_none_is_told() -> None:
    for wrong in ("guards/missing.py:AddNot:99", "bot/plan.py:AddNot:0", "x"):
        with pytest.raises(ValueError, match="is no mutant"):
            replay(1, wrong)


def test_nothing_that_it_loads_imports_the_guards() -> None:
    """A mutant of what runs at import would come too late."""
    script = "import sys, trust.mutation; sys.exit('guards' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, timeout=60).returncode == 0
